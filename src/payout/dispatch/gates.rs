//! The merchants' gates as this worker last saw them.

use std::collections::BTreeMap;

use super::work::Work;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MchId;
use crate::payout::record::Version;
use crate::payout::state::{Gate, GateEvent};

#[derive(Default)]
pub(super) struct Gates(BTreeMap<MchId, (Gate, Version)>);

impl Gates {
    pub(super) fn get(&self, mch_id: &MchId) -> Gate {
        self.0.get(mch_id).map(|(gate, _)| gate.clone()).unwrap_or_default()
    }
}

impl Work {
    /// Looks at a gate again: another process may have closed it, or a person
    /// opened it.
    pub(super) async fn look_at_gate(&mut self, mch_id: &MchId) -> Result<Gate> {
        let (gate, version) = self.desk.ledger.gate(mch_id).await?;
        self.gates.0.insert(mch_id.clone(), (gate.clone(), version));
        Ok(gate)
    }

    /// Tells a merchant's gate what happened.
    pub(super) async fn tell_gate(&mut self, mch_id: &MchId, event: &GateEvent, now: Timestamp) -> Result<()> {
        // Nearly all events change nothing, and then nothing is read or written.
        if let Some((gate, _)) = self.gates.0.get(mch_id)
            && gate.after(event, &self.desk.rules, now) == *gate
        {
            return Ok(());
        }
        loop {
            let before = self.look_at_gate(mch_id).await?;
            let after = before.after(event, &self.desk.rules, now);
            if after == before {
                return Ok(());
            }
            let version = self.gates.0.get(mch_id).map(|(_, version)| *version).unwrap_or_default();
            if !self.desk.ledger.set_gate(mch_id, version, &after).await? {
                continue;
            }
            let reason = after.reason.as_deref().unwrap_or_default();
            if after.stopped && !before.stopped {
                tracing::error!(%mch_id, reason, "the merchant is stopped until a person releases it");
            } else if let Some(until) = after.paused_until.filter(|_| after.paused_until != before.paused_until) {
                // Each answer that was on its way makes the same pause a little longer, and a
                // pause for the rate alone is over before anybody has read of it.
                let goes_on = before.paused_until.is_some_and(|known| known > now) && before.reason == after.reason;
                if goes_on || *event == GateEvent::Slower {
                    tracing::debug!(%mch_id, %until, reason, "the merchant pauses");
                } else {
                    tracing::warn!(%mch_id, %until, reason, "the merchant pauses");
                }
            } else if before.paused_until.is_some() && after.paused_until.is_none() {
                tracing::info!(%mch_id, "the merchant goes on");
            }
            self.look_at_gate(mch_id).await?;
            return Ok(());
        }
    }
}
