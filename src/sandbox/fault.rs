//! Failures on demand.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Sandbox, refused};
use crate::error::Result;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Answers `SYSTEMERROR`; nothing has happened.
    SystemErrorBefore,
    /// Does as asked, money and all, and answers `SYSTEMERROR`.
    SystemErrorAfter,
    /// Keeps the bill of a red packet in `SENDING` and answers `PROCESSING`; other
    /// calls do as asked.
    Processing,
    /// Ends the connection without an answer; nothing has happened.
    HangUpBefore,
    /// Does as asked, money and all, and ends the connection without an answer.
    HangUpAfter,
    /// Does as asked and answers late.
    Delay {
        /// How late, in milliseconds of the machine's time.
        millis: u64,
    },
    /// Does as asked and answers with bytes that are no XML.
    Garbage,
    /// Answers as a broken proxy would, with HTTP status 502; nothing has happened.
    BadGateway,
    /// Does as asked and ends the connection in the middle of the answer.
    TruncatedBody,
    /// Refuses with this error code; nothing has happened.
    Refuse {
        /// The code, as in `NOTENOUGH`.
        code: String,
    },
}

/// When it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum When {
    /// At each of the next so many calls.
    Next(u32),
    /// At so many of a thousand calls, chosen by the seed: the same seed and
    /// the same calls fail in the same places.
    PerMille {
        /// 0 to 1000.
        rate: u16,
        /// Any number.
        seed: u64,
    },
}

/// A fault, where it happens and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The path it is for; every path if `None`.
    #[serde(default)]
    pub path: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
    /// When it goes wrong.
    pub when: When,
    /// How many calls of that path were looked at.
    #[serde(default)]
    pub seen: u64,
    /// How many of them failed.
    #[serde(default)]
    pub hit: u64,
}

impl FaultRule {
    /// A rule for every path.
    #[must_use]
    pub fn new(fault: Fault, when: When) -> Self {
        Self { path: None, fault, when, seen: 0, hit: 0 }
    }

    /// Only for this path, as in `/mmpaymkttransfers/sendredpack`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// The rules in force; the first that strikes wins.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Faults {
    rules: Vec<FaultRule>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// `false` if another rule stands there.
    fn remove(&mut self, position: usize, rule: &FaultRule) -> bool {
        let same = |own: &FaultRule| own.path == rule.path && own.fault == rule.fault && own.when == rule.when;
        let is_there = self.rules.get(position).is_some_and(same);
        if is_there {
            self.rules.remove(position);
        }
        is_there
    }

    pub(crate) fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    /// What goes wrong with this call, if anything.
    pub(crate) fn strike(&mut self, path: &str) -> Option<Fault> {
        for rule in &mut self.rules {
            if rule.path.as_deref().is_some_and(|own| own != path) {
                continue;
            }
            rule.seen = rule.seen.saturating_add(1);
            let hit = match rule.when {
                When::Next(count) => rule.hit < count.into(),
                When::PerMille { rate, seed } => scatter(seed, rule.seen) % 1000 < rate.into(),
            };
            if hit {
                rule.hit = rule.hit.saturating_add(1);
                let fault = rule.fault.clone();
                self.rules.retain(|rule| !matches!(rule.when, When::Next(count) if rule.hit >= count.into()));
                return Some(fault);
            }
        }
        None
    }
}

impl Sandbox {
    /// Sets a fault; the first rule that strikes wins.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: more than 1000 of a thousand, a code that is
    /// none, or the state could not be stored.
    pub fn fault(&self, rule: FaultRule) -> Result<()> {
        let is_code =
            |code: &str| (1..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if matches!(&rule.fault, Fault::Refuse { code } if !is_code(code)) {
            let problem = "code: 1 to 32 letters, digits and underscores";
            return Err(refused(problem, "give a code as the endpoint documents it, such as NOTENOUGH"));
        }
        if matches!(rule.when, When::PerMille { rate: 1001.., .. }) {
            return Err(refused("rate: at most 1000 of a thousand calls", "give a lower rate"));
        }
        self.update(|desk| {
            desk.faults.add(rule);
            desk.put_state();
            Ok(())
        })
    }

    /// The faults that are in force.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRule> {
        self.desk().faults.rules().to_vec()
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn clear_faults(&self) -> Result<()> {
        self.update(|desk| {
            desk.faults.clear();
            desk.put_state();
            Ok(())
        })
    }

    /// Removes one fault: the rule at `position`, from zero, if it is still
    /// `rule`, whose counters may have gone on meanwhile.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: another rule stands there, or none, or the
    /// state could not be stored.
    pub fn remove_fault(&self, position: usize, rule: &FaultRule) -> Result<()> {
        self.update(|desk| {
            if !desk.faults.remove(position, rule) {
                let problem = format!("the fault at {position} is another one");
                return Err(refused(problem, "look at the list of faults again: it has changed"));
            }
            desk.put_state();
            Ok(())
        })
    }
}

impl Fault {
    /// How long the answer waits.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self {
            Self::Delay { millis } => Some(Duration::from_millis(*millis)),
            _ => None,
        }
    }
}

/// The SplitMix64 step: a number that looks random, from a seed and a count.
pub(crate) fn scatter(seed: u64, count: u64) -> u64 {
    let mut z = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_paths() {
        let mut faults = Faults::default();
        faults.add(FaultRule::new(Fault::Garbage, When::Next(2)).at("/a"));
        faults.add(FaultRule::new(Fault::BadGateway, When::Next(1)));
        assert_eq!(faults.strike("/b"), Some(Fault::BadGateway));
        assert_eq!(faults.strike("/b"), None);
        assert_eq!(faults.strike("/a"), Some(Fault::Garbage));
        assert_eq!(faults.strike("/a"), Some(Fault::Garbage));
        assert_eq!(faults.strike("/a"), None);
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn counters_that_somebody_sends_do_no_harm() {
        let sandbox = Sandbox::new().unwrap();
        let always = FaultRule::new(Fault::Garbage, When::PerMille { rate: 1000, seed: 1 });
        sandbox.fault(FaultRule { seen: u64::MAX, hit: u64::MAX, ..always }).unwrap();
        assert_eq!(sandbox.desk().faults.strike("/a"), Some(Fault::Garbage));
        assert_eq!(sandbox.faults()[0].hit, u64::MAX);
        let beyond = FaultRule::new(Fault::Garbage, When::PerMille { rate: 1001, seed: 1 });
        assert!(sandbox.fault(beyond).is_err());
    }

    #[test]
    fn rates_are_met_and_repeatable() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.add(FaultRule::new(Fault::Garbage, When::PerMille { rate: 50, seed }));
            (0..10_000).map(|_| faults.strike("/a").is_some()).collect::<Vec<_>>()
        };
        let hits = run(7).iter().filter(|hit| **hit).count();
        assert!((400..600).contains(&hits), "{hits}");
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
