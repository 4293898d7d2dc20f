//! One call, outside of the ledger's transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Desk, count};
use crate::client::Client;
use crate::ids::MchId;
use crate::payout::record::{Payout, Template};
use crate::payout::state::{Event, QueryAnswer, SendAnswer};
use crate::query;

/// The first kilobytes of an answer say everything; a proxy's page may be long.
const RAW: usize = 4096;

/// What came of a call.
pub(super) struct Done {
    pub(super) payout: Payout,
    pub(super) event: Event,
    pub(super) raw: Option<String>,
}

/// How many sends of each merchant are under way.
#[derive(Default)]
pub(super) struct Sending(BTreeMap<MchId, Arc<AtomicUsize>>);

impl Sending {
    pub(super) fn none_of(&self, mch_id: &MchId) -> bool {
        self.0.get(mch_id).is_none_or(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// Counts one for as long as what is returned lives.
    pub(super) fn one_of(&mut self, mch_id: &MchId) -> UnderWay {
        let count = Arc::clone(self.0.entry(mch_id.clone()).or_default());
        count.fetch_add(1, Ordering::Relaxed);
        UnderWay(count)
    }
}

pub(super) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends a packet whose attempt is durable, at its moment.
pub(super) async fn send(
    desk: Arc<Desk>,
    client: Client,
    payout: Payout,
    template: Arc<Template>,
    wait: Duration,
    _under_way: UnderWay,
) -> Done {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    count(&desk.counters.sends);
    let (result, raw) = client.send_once(&payout.packet(&template)).await;
    let answer = SendAnswer::of(&result);
    count(match &answer {
        SendAnswer::Accepted => &desk.counters.accepted,
        SendAnswer::NotSent { .. } | SendAnswer::Refused { .. } => &desk.counters.refused,
        SendAnswer::Unknown { .. } => &desk.counters.unknown,
    });
    Done { payout, event: Event::Sent(answer), raw: kept(raw) }
}

/// Asks what became of a number, at its moment.
pub(super) async fn ask(desk: Arc<Desk>, client: Client, payout: Payout, wait: Duration) -> Done {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    count(&desk.counters.queries);
    let request = query::RedPacket { mch_billno: payout.number.clone() };
    let (result, raw) = client.send_once(&request).await;
    Done { payout, event: Event::Asked(QueryAnswer::of(&result)), raw: kept(raw) }
}

fn kept(raw: Option<Vec<u8>>) -> Option<String> {
    raw.map(|bytes| {
        // Neither SQLite's nor PostgreSQL's text takes a NUL.
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW)]);
        text.replace('\0', "\u{fffd}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_as_text_whatever_came() {
        assert_eq!(kept(None), None);
        assert_eq!(kept(Some(b"<xml>\0\xff</xml>".to_vec())).unwrap(), "<xml>\u{fffd}\u{fffd}</xml>");
        // Cut in the middle of a character.
        let long = "红".repeat(5000);
        let text = kept(Some(long.into_bytes())).unwrap();
        assert!(text.starts_with("红红") && text.len() <= RAW + 3);
    }
}
