//! `POST /tools/authcodetoopenid`: whose payment code it is (付款码查询openid).
//!
//! Official page: authcodetoopenid, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::micropay::check_auth_code;
use crate::code;
use crate::error::Result;
use crate::wire::{Contract, Field, Generation, Repeat, Request};

/// Asks whose payment code it is. From then on only this merchant can use the
/// code, until the user's phone shows the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthCode {
    /// What the scanner read (付款码): 18 digits that begin with 10 to 15.
    pub auth_code: String,
}

/// The user who shows the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeOwner {
    /// Under the entity's appid.
    pub openid: String,
    /// Under the sub-merchant's appid.
    pub sub_openid: Option<String>,
}

impl Request for AuthCode {
    const CONTRACT: Contract = Contract::v2("/tools/authcodetoopenid")
        .with_sub_merchant()
        .repeat(Repeat::Freely)
        .fields(&[Field::text("auth_code", 128)])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id"])
        .codes(code::AUTH_CODE_TO_OPENID)
        .official_sandboxes(&[Generation::One]);

    type Reply = CodeOwner;

    fn check(&self) -> Result<()> {
        check_auth_code(&self.auth_code)
    }
}
