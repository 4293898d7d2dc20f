//! Bytes and signatures of API v2, for the client and the sandbox alike.
//!
//! No I/O, no async and no endpoint's name in here. A call is described by its
//! [`Contract`]; [`Doc`] is what a message is between a struct and its bytes.
//!
//! One call in full, as the client makes it and as anybody can without one:
//!
//! ```
//! use hongbao::wire::{self, Answer, Digest, Request, Signer};
//! use hongbao::{AppId, BillNo, MchId, Secret, query};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (app_id, mch_id) = (AppId::new("wx00f1e2d3c4b5a697")?, MchId::new("1510000001")?);
//! let key = Secret::new("Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u");
//! let signer = Signer { app_id: &app_id, mch_id: &mch_id, sub: None, key: &key, digest: Digest::Md5 };
//! let contract = query::RedPacket::CONTRACT;
//!
//! let question = query::RedPacket { mch_billno: BillNo::new("1510000001202503180000000017")? };
//! let fields = wire::fields_of(&question)?;
//! let sealed = wire::seal(&contract, &signer, &fields, "x9c8v7b6n5m4a3s2d1f0g9h8j7k6l5p4");
//! assert_eq!(sealed.doc.get("sign"), Some("C6D02A7990BBF616498AD77B0538E3F7"));
//!
//! let answer = Answer::new(200, "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code>\
//!     <mch_billno>1510000001202503180000000017</mch_billno><status>SENT</status></xml>");
//! let found = wire::reply_of::<query::RedPacket>(&wire::open(&contract, &signer, &sealed.doc, &answer)?)?;
//! assert_eq!(found.status, query::RedPacketStatus::Sent);
//! # Ok(()) }
//! ```

mod check;
mod contract;
mod de;
mod digest;
mod doc;
mod envelope;
mod facts;
mod notice;
mod numbered;
mod open_enum;
pub(crate) mod percent;
mod req_info;
mod ser;
mod sheet;
mod signer;
mod xml;

pub use contract::{Contract, Request, Tabular};
#[cfg(feature = "sandbox")]
pub(crate) use digest::plain as plain_digests;
pub use digest::{Digest, sign, string_to_sign, verify};
pub use doc::Doc;
pub use envelope::{Answer, Sealed, fields_of, open, reply_of, seal};
pub use facts::{Digests, Field, Generation, Kind, Numbered, Repeat, ReplySign};
pub use notice::{Hint, Notice, Receiver, unverified_merchant};
pub use sheet::{Progress, Sheet};
pub use signer::{Signer, Stamp};
#[cfg(feature = "sandbox")]
pub(crate) use xml::read_below as read_xml_below;
pub use xml::{XmlError, read as read_xml, write as write_xml};

#[cfg(feature = "sandbox")]
pub(crate) use check::is_order_number;
pub(crate) use de::{beijing_time, compact, compact_time, json, read as read_doc};
pub(crate) use envelope::misfit;
pub(crate) use notice::{
    failed as failed_notice, missing as missing_in_notice, shown, unexpected as unexpected_in_notice,
    unreadable as unreadable_notice,
};
pub(crate) use numbered::fold;
pub(crate) use open_enum::wire_enum;
#[cfg(feature = "sandbox")]
pub(crate) use req_info::{encrypt as encrypt_req_info, from_base64};
pub(crate) use sheet::starts_like_markup;
