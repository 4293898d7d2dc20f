//! The list of what the gateway serves.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::Reply;
use super::{
    pay_app, pay_auth_code, pay_close, pay_h5, pay_jsapi, pay_micropay, pay_native, pay_refund, pay_report,
    pay_reverse, pay_short_url, query_comments, query_fund_flow, query_order, query_red_packet, query_refund,
    query_trade_bill, redpack_group, redpack_packet, sign_key,
};
use crate::wire::{Contract, Doc, Generation, Request};
use crate::{endpoint, pay, query, redpack};

/// One endpoint of the gateway.
pub(crate) struct Route {
    pub(crate) contract: Contract,
    pub(crate) family: Family,
    /// The code for a body that cannot be read.
    pub(crate) malformed: &'static str,
    /// The code for a wrong signature.
    pub(crate) sign_error: &'static str,
    /// Texts for fields that are missing or malformed.
    pub(crate) texts: &'static [(&'static str, &'static str)],
    pub(crate) handle: Handle,
}

pub(crate) type Handle = fn(&mut Desk, &Call) -> Result<Reply, Refusal>;

/// Whose customs an endpoint keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// A code with every refusal, no signatures in answers, documented fields signed.
    RedPacket,
    /// What the gate refuses is a `return_code` FAIL with a text; the rest is signed.
    Payment,
    /// Nothing but a `return_code` and a text.
    SignKey,
}

pub(crate) static ROUTES: &[Route] = &[
    Route::of::<redpack::Packet>(redpack_packet::handle).texts(redpack_packet::TEXTS),
    Route::of::<redpack::Group>(redpack_group::handle).texts(redpack_packet::TEXTS),
    Route::of::<query::RedPacket>(query_red_packet::handle).texts(redpack_packet::TEXTS),
    Route::of::<pay::Jsapi>(pay_jsapi::handle).payment(),
    Route::of::<pay::Native>(pay_native::handle).payment(),
    Route::of::<pay::App>(pay_app::handle).payment(),
    Route::of::<pay::H5>(pay_h5::handle).payment(),
    Route::of::<pay::Micropay>(pay_micropay::handle).payment(),
    Route::of::<pay::Close>(pay_close::handle).payment(),
    Route::of::<pay::Reverse>(pay_reverse::handle).payment(),
    Route::of::<pay::Refund>(pay_refund::handle).payment(),
    Route::of::<pay::ShortUrl>(pay_short_url::handle).payment(),
    Route::of::<pay::AuthCode>(pay_auth_code::handle).payment(),
    Route::of::<pay::Report>(pay_report::handle).payment(),
    Route::of::<query::Order>(query_order::handle).payment(),
    Route::of::<query::Refund>(query_refund::handle).payment(),
    Route::of::<query::TradeBill>(query_trade_bill::handle).payment(),
    Route::of::<query::FundFlow>(query_fund_flow::handle).payment(),
    Route::of::<query::Comments>(query_comments::handle).payment(),
    Route::new(endpoint::sign_key_contract(Generation::One), Family::SignKey, sign_key::handle),
    Route::new(endpoint::sign_key_contract(Generation::Two), Family::SignKey, sign_key::handle),
];

impl Route {
    const fn new(contract: Contract, family: Family, handle: Handle) -> Self {
        Self { contract, family, malformed: "XML_FORMAT_ERROR", sign_error: "SIGNERROR", texts: &[], handle }
    }

    const fn of<R: Request>(handle: Handle) -> Self {
        let mut route = Self::new(R::CONTRACT, Family::RedPacket, handle);
        route.malformed = "XML_ERROR";
        route.sign_error = "SIGN_ERROR";
        route
    }

    const fn payment(mut self) -> Self {
        self.family = Family::Payment;
        self
    }

    const fn texts(mut self, texts: &'static [(&'static str, &'static str)]) -> Self {
        self.texts = texts;
        self
    }
}

/// A route, and the official sandbox whose prefix its path had.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) official: Option<Generation>,
}

/// The route of a path; the first of several that share it.
pub(crate) fn find(path: &str) -> Option<Found> {
    let plain = ROUTES.iter().find(|route| route.contract.path == path);
    if let Some(route) = plain {
        return Some(Found { route, official: None });
    }
    [Generation::One, Generation::Two].into_iter().find_map(|generation| {
        let rest = path.strip_prefix(endpoint::prefix(generation))?;
        let served = |route: &&Route| {
            let own = route.contract.path;
            // SDKs differ in whether the word stays.
            let fits = own == rest || own.strip_prefix("/secapi") == Some(rest);
            fits && route.contract.official_sandboxes.contains(&generation)
        };
        Some(Found { route: ROUTES.iter().find(served)?, official: Some(generation) })
    })
}

/// Among the routes that share a path, the one whose fixed fields the message has.
pub(crate) fn choose(first: &'static Route, received: &Doc) -> &'static Route {
    let fits = |route: &&Route| {
        route.contract.path == first.contract.path
            && route.contract.fixed.iter().all(|(field, value)| received.get(field) == Some(value))
    };
    ROUTES.iter().find(fits).unwrap_or(first)
}

/// What the prefixes of the official sandboxes answer to calls that they do not
/// serve; `None` for a path that is nobody's.
pub(crate) fn not_served(path: &str) -> Option<Doc> {
    let prefixed = |generation| path.starts_with(endpoint::prefix(generation));
    if prefixed(Generation::One) {
        let text = "请确认请求参数是否正确param mch_id invalid";
        return Some([("return_code", "FAIL"), ("retmsg", text), ("retcode", "1")].into_iter().collect());
    }
    prefixed(Generation::Two).then(|| [("return_code", "FAIL"), ("return_msg", "商户号非法")].into_iter().collect())
}
