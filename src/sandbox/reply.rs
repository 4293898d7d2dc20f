//! What an endpoint answers, and how the answer is signed.

use std::time::Duration;

use super::desk::Desk;
use super::gate::Call;
use crate::wire::{Answer, Doc, Generation, ReplySign, sign};

/// What an endpoint answers.
pub(crate) struct Reply {
    pub(crate) body: Body,
    /// How long the answer waits, in the machine's time.
    pub(crate) delay: Option<Duration>,
}

pub(crate) enum Body {
    Message(Doc),
    /// A table, with the header `Digest` where it has one.
    Table {
        bytes: Vec<u8>,
        digest: Option<String>,
    },
}

impl From<Doc> for Reply {
    fn from(doc: Doc) -> Self {
        Self { body: Body::Message(doc), delay: None }
    }
}

impl Reply {
    pub(crate) fn table(bytes: Vec<u8>, digest: Option<String>) -> Self {
        Self { body: Body::Table { bytes, digest }, delay: None }
    }

    pub(crate) fn late(mut self, by: Duration) -> Self {
        self.delay = Some(by);
        self
    }
}

/// The fields with which every accepted call begins.
pub(crate) fn accepted() -> Doc {
    [("return_code", "SUCCESS"), ("return_msg", "OK"), ("result_code", "SUCCESS")].into_iter().collect()
}

/// Adds what an answer of the payment family carries: identity, nonce and
/// signature, and the quirks of the official sandboxes.
pub(super) fn seal(desk: &mut Desk, call: &Call, mut doc: Doc) -> Doc {
    let answers = desk.answers.clone();
    if call.contract.reply != ReplySign::Required || doc.get("return_code") != Some("SUCCESS") {
        answers.dress(&mut doc);
        return doc;
    }
    if call.official.is_some() {
        doc.push("device_info", "sandbox");
    }
    if call.official == Some(Generation::One) && doc.get("result_code") == Some("SUCCESS") {
        doc.push("err_code", "SUCCESS");
        doc.push("err_code_des", "ok");
    }
    doc.push("appid", &call.app_id);
    doc.push("mch_id", &call.mch_id);
    for field in ["sub_appid", "sub_mch_id"] {
        if let Some(value) = call.doc.get_filled(field) {
            doc.push(field, value);
        }
    }
    let nonce = match call.official {
        Some(_) => call.text("nonce_str").to_owned(),
        None => desk.next_nonce(),
    };
    doc.push("nonce_str", &nonce);
    answers.dress(&mut doc);
    let signature = answers.sign(sign(&doc, &call.key, call.digest));
    doc.push("sign", &signature);
    doc
}

pub(super) fn answer(body: Body, desk: &mut Desk, call: &Call) -> Answer {
    match body {
        Body::Message(doc) => {
            let sealed = seal(desk, call, doc);
            Answer::new(200, desk.write_answer(&sealed))
        }
        Body::Table { bytes, digest } => {
            let mut answer = Answer::new(200, bytes);
            answer.digest = digest;
            answer
        }
    }
}
