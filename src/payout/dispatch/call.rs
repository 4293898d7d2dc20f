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

/// How many calls of each merchant are in some state.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<MchId, Arc<AtomicUsize>>);

impl Counts {
    pub(super) fn of(&self, mch_id: &MchId) -> usize {
        self.0.get(mch_id).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.values().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// Counts one for as long as what is returned lives.
    pub(super) fn one_of(&mut self, mch_id: &MchId) -> Counted {
        let count = Arc::clone(self.0.entry(mch_id.clone()).or_default());
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The moment of a call, which counts as waiting until then.
pub(super) struct Turn(Option<(Duration, Counted)>);

impl Turn {
    pub(super) fn after(wait: Duration, waiting: impl FnOnce() -> Counted) -> Self {
        Self((!wait.is_zero()).then(|| (wait, waiting())))
    }

    async fn come(self) {
        if let Some((wait, _waiting)) = self.0 {
            tokio::time::sleep(wait).await;
        }
    }
}

/// Sends a packet whose attempt is durable, at its moment.
pub(super) async fn send(
    desk: Arc<Desk>,
    client: Client,
    payout: Payout,
    template: Arc<Template>,
    turn: Turn,
    _under_way: Counted,
) -> Done {
    turn.come().await;
    // What was recorded holds as long as the lease: whoever slept beyond it, with
    // the whole machine perhaps, may be days behind those who went on.
    if payout.standing.next.is_some_and(|lease| lease.at <= desk.now()) {
        let answer = SendAnswer::NotSent { text: "its lease was over before its turn came".into(), lasting: false };
        return Done { payout, event: Event::Sent(answer), raw: None };
    }
    count(&desk.counters.sends);
    let (result, raw) = client.send_once(&payout.packet(&template)).await;
    let answer = SendAnswer::of(&result);
    count(match &answer {
        SendAnswer::Accepted => &desk.counters.accepted,
        SendAnswer::NotSent { .. } | SendAnswer::Invalid { .. } | SendAnswer::Refused { .. } => &desk.counters.refused,
        SendAnswer::Unknown { .. } => &desk.counters.unknown,
    });
    Done { payout, event: Event::Sent(answer), raw: kept(raw) }
}

/// Asks what became of a number, at its moment.
pub(super) async fn ask(desk: Arc<Desk>, client: Client, payout: Payout, turn: Turn) -> Done {
    turn.come().await;
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
