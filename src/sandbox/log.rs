//! The request log: what came, what was answered, and why.

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::fault::Fault;
use crate::clock::Timestamp;

/// One request to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Counts from one.
    pub id: u64,
    /// When, on the sandbox's clock.
    pub at: Timestamp,
    /// From where.
    pub ip: String,
    /// Which path.
    pub path: String,
    /// The merchant number in the message, whether it is true or not.
    pub mch_id: Option<String>,
    /// The certificate that was shown, in words.
    pub certificate: String,
    /// The body as it came.
    pub request: String,
    /// The HTTP status; `None` if no answer was given.
    pub status: Option<u16>,
    /// The body of the answer.
    pub answer: String,
    /// The error code of the answer, if it has one.
    pub code: Option<String>,
    /// For the developer: what was wrong and what was expected. Holds no key.
    pub note: Option<String>,
    /// The fault that was set for this call.
    pub fault: Option<Fault>,
    /// How long the sandbox took, in microseconds.
    pub micros: u64,
}

/// So many requests are kept.
const KEPT: usize = 10_000;

impl Desk {
    pub(super) fn log(&mut self, mut record: RequestRecord) {
        record.id = self.next_request;
        self.next_request += 1;
        self.change(Table::Requests, format!("{:016}", record.id), Some(&record));
        self.requests.push_back(record);
        if self.requests.len() > KEPT
            && let Some(old) = self.requests.pop_front()
        {
            self.change::<()>(Table::Requests, format!("{:016}", old.id), None);
        }
    }
}
