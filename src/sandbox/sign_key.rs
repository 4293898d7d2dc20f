//! getsignkey: the sign key of the official sandboxes (获取验签秘钥).
//!
//! Differs from the real gateway: the key is a digest of merchant number and
//! API key, so it never changes; the rate limit of the second generation, which
//! answers with a 404 page, is not kept.

use super::desk::Desk;
use super::gate::{Call, Refusal};
use crate::wire::{Digest, Doc, sign};

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Doc, Refusal> {
    let Some(entity) = desk.entity(&call.mch_id) else {
        return Err(Refusal::communication("商户号非法"));
    };
    let own: Doc = [("mch_id", call.mch_id.as_str())].into_iter().collect();
    let key = sign(&own, &entity.key, Digest::Md5).to_ascii_lowercase();
    let answer = [("return_code", "SUCCESS"), ("return_msg", "ok"), ("sandbox_signkey", key.as_str())];
    Ok(answer.into_iter().collect())
}
