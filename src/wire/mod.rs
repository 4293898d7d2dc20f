//! Bytes and signatures of API v2, for the client and the sandbox alike.
//!
//! No I/O, no async and no endpoint's name in here. A call is described by its
//! [`Contract`]; [`Doc`] is what a message is between a struct and its bytes.

mod check;
mod contract;
mod de;
mod digest;
mod doc;
mod envelope;
mod ser;
mod xml;

pub use contract::{Contract, Digests, Field, Generation, Kind, Repeat, ReplySign, Request};
pub use digest::{Digest, sign, string_to_sign, verify};
pub use doc::Doc;
pub use envelope::{Answer, Sealed, Signer, open, seal};
pub use xml::{XmlError, read as read_xml, write as write_xml};

pub(crate) use de::beijing_time;
pub(crate) use envelope::{business_fields, reply};
