//! Why a request was refused, for the person who made it.
//!
//! Nothing here runs when a request comes: an explanation is made when somebody
//! asks for the request, from what the log keeps of it. A pure function of that
//! and of what the sandbox knows; no key leaves it.

mod bases;
mod body;
mod charset;
mod curl;
mod refusals;
mod signature;
mod suspects;

use serde::Serialize;

use super::certificates::Peer;
use super::desk::Desk;
use super::log::{CertificateFacts, RequestRecord};
use super::routes;
use super::{Sandbox, gate, sign_key};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Merchant;
use crate::secret::Secret;
use crate::wire::{self, Doc};

/// A sentence in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// A request with everything that can be said of it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RequestDetails {
    /// What the log has.
    #[serde(flatten)]
    pub record: RequestRecord,
    /// Names and values of the message, in the order in which they came; none if
    /// it cannot be read.
    pub fields: Vec<(String, String)>,
    /// The same of the answer; none of a table or a page.
    pub answer_fields: Vec<(String, String)>,
    /// Why it was refused; `None` if it was not.
    pub explanation: Option<Explanation>,
    /// The same request as a command line for a POSIX shell; `None` where there is
    /// no address or no directory to name, or the body was too long to keep.
    pub curl: Option<String>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// What kind of mistake it was.
    pub kind: ExplanationKind,
    /// One sentence.
    pub headline: String,
    /// The signature that was expected.
    pub expected: Option<ExpectedSignature>,
    /// The signature that came.
    pub received: Option<ReceivedSignature>,
    /// What the client did wrong, as far as it can be known.
    pub mistake: Option<Mistake>,
    /// The certificate that was shown beside the one that was expected.
    pub certificates: Option<Certificates>,
    /// The field that broke a rule, by its official name.
    pub field: Option<String>,
    /// The rule or the limit.
    pub rule: Option<String>,
    /// What was found instead.
    pub found: Option<String>,
    /// What to do.
    pub next_step: Words,
    /// What is above in English, in Chinese.
    pub zh: InChinese,
}

/// The Chinese of an [`Explanation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InChinese {
    /// One sentence.
    pub headline: String,
    /// The rule or the limit.
    pub rule: Option<String>,
    /// What was found instead.
    pub found: Option<String>,
}

/// What kind of mistake it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExplanationKind {
    /// The signature does not hold.
    Signature,
    /// The client certificate is missing, not accepted, or another merchant's.
    Certificate,
    /// A field breaks a rule.
    Parameter,
    /// A limit, a state, a fault that was set.
    Other,
}

/// What the gateway signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExpectedSignature {
    /// The exact string, the key masked.
    pub string_to_sign: String,
    /// `MD5` or `HMAC-SHA256`.
    pub digest: String,
    /// Whose key.
    pub key_of: String,
    /// Always `None`: the right signature would be one that nobody has made.
    pub sign: Option<String>,
}

/// What the client signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReceivedSignature {
    /// The signature that came.
    pub sign: String,
    /// The string that leads to it, the key masked, if it was found.
    pub string_to_sign: Option<String>,
    /// Whose key leads to it, if it was found.
    pub key_of: Option<String>,
    /// How many strings were tried.
    pub tried: u32,
}

/// What the client did wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mistake {
    /// For programs, as in `wrong_key`; `unknown` if nothing fits.
    pub name: String,
    /// For people.
    pub text: Words,
}

/// Which certificate was shown and which was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Certificates {
    /// What was shown; `None` if nothing was.
    pub presented: Option<CertificateFacts>,
    /// The certificate of the merchant that the message names; `None` if the
    /// sandbox has no such merchant.
    pub expected: Option<CertificateFacts>,
    /// The path that needs one.
    pub path: String,
}

/// A key that the sandbox knows.
struct KnownKey {
    /// How it is called: a merchant number, or what else it is.
    of: String,
    /// The merchant, if it is one's.
    mch_id: Option<String>,
    label: Words,
    secret: Secret,
}

/// More entities than this are not tried.
const MOST_KEYS: usize = 64;

impl Sandbox {
    /// A request with everything that can be said of it: the fields, why it was
    /// refused, how to make it again. Old requests are forgotten.
    #[must_use]
    pub fn request(&self, id: u64) -> Option<RequestDetails> {
        let (record, keys) = {
            let desk = self.desk();
            let record = desk.request(id)?;
            let keys = keys(&desk, &record);
            (record, keys)
        };
        let explanation = self.explain(&record, keys);
        let place = self.0.directory.as_ref().and_then(|directory| std::path::absolute(directory).ok());
        let curl = match (self.0.gateway.get(), place) {
            (Some(gateway), Some(place)) => curl::command(&record, gateway, &place),
            _ => None,
        };
        Some(RequestDetails {
            fields: fields(record.request.as_bytes()),
            answer_fields: fields(record.answer.as_bytes()),
            explanation,
            curl,
            record,
        })
    }

    fn explain(&self, record: &RequestRecord, keys: Vec<KnownKey>) -> Option<Explanation> {
        if let Some(fault) = refusals::by_fault(record) {
            return Some(fault);
        }
        match refusals::cause(record)? {
            refusals::Why::Signature => signature_of(record, keys).or_else(|| refusals::other(record)),
            refusals::Why::Certificate => {
                let expected = record.mch_id.as_deref().and_then(|mch_id| self.expected_certificate(mch_id));
                Some(refusals::certificate(record, expected))
            }
            refusals::Why::Parameter(field) => Some(refusals::parameter(record, &field)),
            refusals::Why::Limit { setting, most, used, asked } => {
                Some(refusals::limit(record, &setting, most, used, asked))
            }
            refusals::Why::Address => Some(refusals::address(record)),
            refusals::Why::Other => refusals::other(record),
        }
    }

    fn expected_certificate(&self, mch_id: &str) -> Option<CertificateFacts> {
        let entity = self.merchants().into_iter().find(|entity| entity.mch_id == mch_id)?;
        let merchant = Merchant::read(&entity, SystemClock.now()).ok()?;
        let identity = merchant.identity?;
        let chain: Vec<&[u8]> = identity.chain().collect();
        match self.judge(&chain) {
            Peer::Absent => None,
            peer => peer.facts(),
        }
    }
}

impl Desk {
    fn request(&self, id: u64) -> Option<RequestRecord> {
        let at = self.requests.binary_search_by_key(&id, |record| record.id).ok()?;
        self.requests.get(at).cloned()
    }
}

/// The keys that a client may have taken: first the one that is right.
fn keys(desk: &Desk, record: &RequestRecord) -> Vec<KnownKey> {
    let own = record.mch_id.as_deref().unwrap_or_default();
    let official = routes::find(&record.path).is_some_and(|found| found.official.is_some());
    let mut keys = Vec::new();
    let plain =
        |mch_id: &str| Words::new(format!("the API key of merchant {mch_id}"), format!("商户 {mch_id} 的 API 密钥"));
    let sandbox = |mch_id: &str| {
        Words::new(
            format!("the key of the official sandboxes of merchant {mch_id} (getsignkey)"),
            format!("商户 {mch_id} 的官方沙箱密钥（getsignkey）"),
        )
    };
    // The merchant's own first, of the two the right one.
    let first = desk.entity(own).into_iter();
    let others = desk.entities.values().filter(|entity| entity.mch_id != own);
    for entity in first.chain(others).take(MOST_KEYS) {
        let mut pair = [false, true].map(|official| {
            let label = if official { sandbox(&entity.mch_id) } else { plain(&entity.mch_id) };
            let of = if official { format!("{} (getsignkey)", entity.mch_id) } else { entity.mch_id.clone() };
            let secret = sign_key::valid_for(entity, official);
            KnownKey { of, mch_id: Some(entity.mch_id.clone()), label, secret }
        });
        if official {
            pair.reverse();
        }
        keys.extend(pair);
    }
    let mut public = |of: &str, label: Words, text: &str| {
        if !text.is_empty() {
            keys.push(KnownKey { of: of.to_owned(), mch_id: None, label, secret: Secret::new(text) });
        }
    };
    public(
        "documentation",
        Words::new("the sample key of the official documentation", "官方文档中的示例密钥"),
        "192006250b4c09247ec02edce69f6a2d",
    );
    public("mch_id", Words::new("the merchant number in place of the key", "商户号（被当作密钥）"), own);
    keys
}

/// Names and values of a message; the elements of a list with their place.
fn fields(message: &[u8]) -> Vec<(String, String)> {
    let Ok(doc) = gate::message(message) else { return Vec::new() };
    let mut fields = Vec::new();
    for node in doc.nodes() {
        match node.list {
            None => fields.push((node.name.to_owned(), node.text.to_owned())),
            Some((item, docs)) => {
                for (at, doc) in docs.iter().enumerate() {
                    let inner = doc
                        .iter()
                        .map(|(name, value)| (format!("{}.{item}[{at}].{name}", node.name), value.to_owned()));
                    fields.extend(inner);
                }
            }
        }
    }
    fields
}

/// `None` if the message cannot be read any more, or its merchant is unknown.
fn signature_of(record: &RequestRecord, mut keys: Vec<KnownKey>) -> Option<Explanation> {
    let found = routes::find(&record.path)?;
    let received = gate::message(record.request.as_bytes()).ok()?;
    let own = received.get(found.route.contract.mch_field)?;
    if keys.first().is_none_or(|key| key.mch_id.as_deref() != Some(own)) {
        return None;
    }
    let (signed, digest) = gate::signed(found, &received);
    let key = keys.remove(0);
    let contract = &routes::choose(found.route, &received).contract;
    let verdict = signature::judge(&signature::Evidence {
        contract,
        received: &received,
        signed: &signed,
        body: &record.request,
        digest,
        key: &key,
        others: &keys,
    });
    Some(signature_explanation(record, &received, &signed, digest, &key, verdict))
}

fn signature_explanation(
    record: &RequestRecord,
    received: &Doc,
    signed: &Doc,
    digest: wire::Digest,
    key: &KnownKey,
    verdict: signature::Verdict,
) -> Explanation {
    let is_known = verdict.mistake.name != "unknown";
    let headline = match is_known {
        true => ("the signature does not hold, and this is why", "签名错误，原因如下"),
        false => ("the signature does not hold, and no usual mistake explains it", "签名错误，且常见错误都无法解释"),
    };
    let headline = refusals::headline(record, headline.0, headline.1);
    let next_step = match is_known {
        true => Words::new(
            "correct this in the client, sign again and send the same number with the same fields",
            "在客户端修正后重新签名，使用相同的单号和参数再次发送",
        ),
        false => Words::new(
            "print the string that your program signs and compare it with the expected one, character by character; then compare the key",
            "打印程序实际签名的字符串，与期望的签名串逐字对比；然后核对密钥",
        ),
    };
    let shown = format!("{}{}", wire::string_to_sign(signed), super::log::MASK);
    let mut explanation = refusals::explanation(ExplanationKind::Signature, headline, next_step);
    explanation.expected = Some(ExpectedSignature {
        string_to_sign: shown,
        digest: digest.name().to_owned(),
        key_of: key.of.clone(),
        sign: None,
    });
    explanation.received = Some(ReceivedSignature {
        sign: received.get("sign").unwrap_or_default().to_owned(),
        string_to_sign: verdict.string_to_sign,
        key_of: verdict.key_of,
        tried: verdict.tried,
    });
    explanation.mistake = Some(verdict.mistake);
    explanation
}

#[cfg(test)]
mod tests;
