//! The sandbox's clock: runs or stands still, and can be advanced.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock as _, SystemClock, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SandboxClock {
    /// The machine's time and so many milliseconds more.
    Ahead(i64),
    /// Stands still until it is advanced.
    At(Timestamp),
}

impl SandboxClock {
    pub(crate) fn now(self) -> Timestamp {
        match self {
            Self::Ahead(millis) => Timestamp::from_unix_millis(SystemClock.now().unix_millis().saturating_add(millis)),
            Self::At(moment) => moment,
        }
    }

    pub(crate) fn is_frozen(self) -> bool {
        matches!(self, Self::At(_))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        match self {
            Self::Ahead(millis) => {
                *millis = millis.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
            }
            Self::At(moment) => *moment = moment.after(by),
        }
    }
}
