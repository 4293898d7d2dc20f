//! Whether a merchant may send at all: pauses on balance, limits and lost
//! connections that end by themselves, and stops that a person ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Action;
use crate::clock::Timestamp;
use crate::payout::rules::{Rules, next_day};

/// A merchant's gate. Pure, as the payouts' machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gate {
    /// Nothing is sent before.
    pub paused_until: Option<Timestamp>,
    /// Whether queries are paused too.
    pub all: bool,
    /// Nothing moves until a person says so.
    pub stopped: bool,
    /// Why.
    pub reason: Option<String>,
    /// Payees in a row that were refused for a cause of their own.
    pub strikes: u32,
    /// Pauses in a row for the same kind of cause.
    pub pauses: u32,
    /// After a pause one packet tries before the others follow.
    pub probing: bool,
}

/// What a merchant's gate hears of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GateEvent {
    /// A packet was taken.
    Accepted,
    /// The merchant is too quick.
    Slower,
    /// No money; with WeChat's words.
    NoMoney(String),
    /// The day's amount is paid out.
    NextDay(String),
    /// No connection.
    Unreachable(String),
    /// A payee was refused for a cause of its own.
    Strike(String),
    /// The merchant's set-up is wrong.
    Stop(String),
    /// A person lets it go on.
    Release,
}

impl Gate {
    /// Whether the merchant may do this now.
    #[must_use]
    pub fn allows(&self, action: Action, now: Timestamp) -> bool {
        self.when(action, now) == Some(now)
    }

    /// When the merchant may do this, at `at` or later; `None` while a person is
    /// waited for.
    #[must_use]
    pub fn when(&self, action: Action, at: Timestamp) -> Option<Timestamp> {
        let until = self.paused_until.filter(|_| self.all || action == Action::Send);
        (!self.stopped).then(|| until.map_or(at, |until| until.max(at)))
    }

    /// The most packets that may be under way now: one after a pause.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.probing.then_some(1)
    }

    /// What the gate is after an event.
    #[must_use]
    pub fn after(&self, event: &GateEvent, rules: &Rules, now: Timestamp) -> Self {
        let mut gate = self.clone();
        match event {
            GateEvent::Accepted if gate.stopped => gate.strikes = 0,
            GateEvent::Accepted => {
                // What was on its way when the pause began ends no pause.
                if gate.paused_until.is_none_or(|until| until <= now) {
                    gate = Self::default();
                }
                gate.strikes = 0;
            }
            GateEvent::Slower => gate.pause(Duration::from_secs(1), now, "too many calls in a second", false),
            GateEvent::NoMoney(text) => gate.pause(rules.balance_pause, now, text, true),
            GateEvent::NextDay(text) => {
                let wait = next_day(now).since(now);
                gate.pause(wait, now, text, true);
                gate.paused_until = Some(next_day(now));
            }
            GateEvent::Unreachable(text) => {
                let seconds = 1 << gate.pauses.min(5);
                gate.pause(Duration::from_secs(seconds).min(Duration::from_secs(30)), now, text, true);
                gate.all = true;
            }
            GateEvent::Strike(text) => {
                gate.strikes += 1;
                if gate.strikes >= rules.strikes.max(1) {
                    gate.stopped = true;
                    gate.reason =
                        Some(format!("{} payees in a row were refused, the last one with: {text}", gate.strikes));
                }
            }
            GateEvent::Stop(text) => {
                gate.stopped = true;
                gate.reason = Some(text.clone());
            }
            GateEvent::Release => gate = Self { probing: true, ..Self::default() },
        }
        gate
    }

    fn pause(&mut self, wait: Duration, now: Timestamp, reason: &str, probe: bool) {
        let until = now.after(wait);
        // Several packets meet the same cause at once; that is one pause.
        if self.paused_until.is_none_or(|known| known <= now) {
            self.pauses = self.pauses.saturating_add(1);
            self.all = false;
        }
        self.paused_until = Some(self.paused_until.map_or(until, |known| known.max(until)));
        self.probing |= probe;
        if !self.stopped {
            self.reason = Some(reason.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_742_270_400 + seconds)
    }

    #[test]
    fn no_money_pauses_sending_and_one_packet_tries_again() {
        let rules = Rules::default();
        let open = Gate::default();
        let paused = open.after(&GateEvent::NoMoney("NOTENOUGH".into()), &rules, at(0));
        assert!(!paused.allows(Action::Send, at(59)) && paused.allows(Action::Query, at(0)));
        assert!(paused.allows(Action::Send, at(60)));
        assert_eq!((open.width(), paused.width()), (None, Some(1)));
        // An answer from before the pause does not end it.
        assert!(!paused.after(&GateEvent::Accepted, &rules, at(1)).allows(Action::Send, at(2)));
        assert_eq!(paused.after(&GateEvent::Accepted, &rules, at(61)), Gate::default());
    }

    #[test]
    fn the_day_turns_in_beijing() {
        let rules = Rules::default();
        let noon: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        let paused = Gate::default().after(&GateEvent::NextDay("SENDAMOUNT_LIMIT".into()), &rules, noon);
        assert_eq!(paused.paused_until.unwrap().to_string(), "2025-03-19 00:00:00");
    }

    #[test]
    fn lost_connections_pause_everything_for_longer_and_longer() {
        let rules = Rules::default();
        let (mut gate, mut now, mut waits) = (Gate::default(), at(0), vec![]);
        for _ in 0..7 {
            gate = gate.after(&GateEvent::Unreachable("no connection".into()), &rules, now);
            // Others notice in the same moment.
            gate = gate.after(&GateEvent::Unreachable("no connection".into()), &rules, now);
            let until = gate.paused_until.unwrap();
            assert!(!gate.allows(Action::Query, now));
            waits.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn strikes_in_a_row_stop_the_merchant() {
        let rules = Rules::default();
        let strike = GateEvent::Strike("NO_AUTH".into());
        let mut gate = Gate::default();
        for _ in 0..4 {
            gate = gate.after(&strike, &rules, at(0));
        }
        assert!(gate.allows(Action::Send, at(0)));
        let lucky = gate.after(&GateEvent::Accepted, &rules, at(0)).after(&strike, &rules, at(0));
        assert!(lucky.allows(Action::Send, at(0)));
        let stopped = gate.after(&strike, &rules, at(0));
        assert!(!stopped.allows(Action::Send, at(1_000_000)) && !stopped.allows(Action::Query, at(1_000_000)));
        assert!(!stopped.after(&GateEvent::Accepted, &rules, at(1)).allows(Action::Send, at(1)));
        assert!(stopped.after(&GateEvent::Release, &rules, at(2)).allows(Action::Send, at(2)));
    }
}
