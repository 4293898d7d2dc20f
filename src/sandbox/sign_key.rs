//! getsignkey: the sign key of the official sandboxes (获取验签秘钥).
//!
//! Differs from the real gateway: the key is a digest of merchant number and
//! API key, so it never changes; the rate limit of the second generation, which
//! answers with a 404 page, is not kept.

use super::desk::{Desk, Entity};
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::secret::Secret;
use crate::wire::{Digest, Doc, sign};

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let Some(entity) = desk.entity(&call.mch_id) else {
        return Err(Refusal::communication("商户号非法"));
    };
    let key = hex(&call.mch_id, &entity.key);
    let answer = [("return_code", "SUCCESS"), ("return_msg", "ok"), ("sandbox_signkey", key.as_str())];
    Ok(answer.into_iter().collect::<Doc>().into())
}

/// The key that an entity signs with, below the prefixes or beside them.
pub(super) fn valid_for(entity: &Entity, official: bool) -> Secret {
    if official { of(&entity.mch_id, &entity.key) } else { entity.key.clone() }
}

/// The key with which calls below the prefixes are signed.
pub(super) fn of(mch_id: &str, key: &Secret) -> Secret {
    Secret::new(hex(mch_id, key))
}

fn hex(mch_id: &str, key: &Secret) -> String {
    let own: Doc = [("mch_id", mch_id)].into_iter().collect();
    sign(&own, key, Digest::Md5).to_ascii_lowercase()
}
