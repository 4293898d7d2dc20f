//! The list of what the gateway serves.

use super::desk::Desk;
use super::gate::{Call, Refusal};
use super::{query_red_packet, redpack_group, redpack_packet, sign_key};
use crate::endpoint;
use crate::query;
use crate::redpack;
use crate::wire::{Contract, Doc, Generation, Request};

/// One endpoint of the gateway.
pub(crate) struct Route {
    pub(crate) contract: Contract,
    /// The code for a body that cannot be read.
    pub(crate) malformed: &'static str,
    /// The code for a wrong signature.
    pub(crate) sign_error: &'static str,
    /// Texts for fields that are missing or malformed.
    pub(crate) texts: &'static [(&'static str, &'static str)],
    /// Refuses with `return_code` FAIL and a text, without a code.
    pub(crate) communication_only: bool,
    pub(crate) handle: fn(&mut Desk, &Call) -> Result<Doc, Refusal>,
}

pub(crate) static ROUTES: &[Route] = &[
    Route::of::<redpack::Packet>(redpack_packet::handle).texts(redpack_packet::TEXTS),
    Route::of::<redpack::Group>(redpack_group::handle).texts(redpack_packet::TEXTS),
    Route::of::<query::RedPacket>(query_red_packet::handle).texts(redpack_packet::TEXTS),
    Route::new(endpoint::sign_key_contract(Generation::One), sign_key::handle),
    Route::new(endpoint::sign_key_contract(Generation::Two), sign_key::handle),
];

impl Route {
    const fn new(contract: Contract, handle: fn(&mut Desk, &Call) -> Result<Doc, Refusal>) -> Self {
        let (malformed, sign_error) = ("XML_FORMAT_ERROR", "SIGNERROR");
        Self { contract, malformed, sign_error, texts: &[], communication_only: true, handle }
    }

    const fn of<R: Request>(handle: fn(&mut Desk, &Call) -> Result<Doc, Refusal>) -> Self {
        let mut route = Self::new(R::CONTRACT, handle);
        route.malformed = "XML_ERROR";
        route.sign_error = "SIGN_ERROR";
        route.communication_only = false;
        route
    }

    const fn texts(mut self, texts: &'static [(&'static str, &'static str)]) -> Self {
        self.texts = texts;
        self
    }
}

/// The route of a path.
pub(crate) fn find(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.contract.path == path)
}

/// What the prefixes of the official sandboxes answer to payouts, which no
/// official sandbox serves; `None` for a path that is nobody's.
pub(crate) fn not_served(path: &str) -> Option<Doc> {
    let prefixed = |generation| path.starts_with(endpoint::prefix(generation));
    if prefixed(Generation::One) {
        let text = "请确认请求参数是否正确param mch_id invalid";
        return Some([("return_code", "FAIL"), ("retmsg", text), ("retcode", "1")].into_iter().collect());
    }
    prefixed(Generation::Two).then(|| [("return_code", "FAIL"), ("return_msg", "商户号非法")].into_iter().collect())
}
