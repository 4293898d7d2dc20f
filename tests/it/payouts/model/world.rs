//! The world of the model: what there is, small enough to be looked at whole.

use hongbao::Fen;
use hongbao::clock::Timestamp;
use hongbao::payout::Rules;
use hongbao::payout::state::Standing;

pub const AMOUNT: Fen = Fen::new(188);

/// Who acts, and what it acts on, by place.
pub type Who = usize;

/// What is in the world at one moment. It holds no versions: all that matters
/// of a version is whether it is still the present one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub now: Timestamp,
    pub rows: Vec<Row>,
    pub workers: Vec<Worker>,
    /// Requests on their way, in order.
    pub flight: Vec<Request>,
    /// Packets that the merchant's money is enough for.
    pub balance: u8,
    /// Packets' worth of money that was ever paid in.
    pub funded: u8,
    pub left: Budget,
}

/// A payout in the ledger, and the truth about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub standing: Standing,
    /// When it may be claimed: at its next action, or when its lease ends.
    pub due: Option<Timestamp>,
    /// What the gateway has under each of its numbers.
    pub bills: [Bill; 3],
    /// Whether its bill was made or moved by a copy of a request.
    pub by_copy: bool,
    pub ghost: Ghost,
}

/// What the laws need to know of the past, kept apart from the machine's notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// When the first attempt was begun of which somebody may be in doubt.
    pub first: Option<Timestamp>,
    /// When the last attempt was begun, by a clock that was never set back since.
    pub last: Option<Timestamp>,
    /// Attempts that were begun and whose refusal was not recorded.
    pub doubts: u8,
    /// Whether the ledger was ever told that the present number was accepted.
    pub told: bool,
}

/// What the gateway keeps under a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bill {
    None,
    /// `SENDING`: stored though refused; it goes on when it is sent again.
    Stuck,
    /// `SENDING`: taken, and delivered when the gateway finds the time.
    Pending,
    Sent,
    Received,
    Returned,
    Failed,
}

impl Bill {
    /// Whether money left the merchant for it at some time.
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Sent | Self::Received | Self::Returned)
    }
}

/// A request to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    pub payout: Who,
    pub generation: u32,
    /// Who waits for the answer; nobody does for what is late.
    pub by: Option<Who>,
    /// Whether the network made it out of another one.
    pub copy: bool,
}

/// What a worker keeps in its memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Worker {
    Idle,
    /// It has claimed a payout in order to send it.
    Claimed {
        payout: Who,
        current: bool,
    },
    /// It has recorded an attempt, and its request is on its way.
    Waiting {
        payout: Who,
        generation: u32,
        current: bool,
        snapshot: Option<Box<Standing>>,
    },
    /// It has an answer that it did not record yet.
    Answered {
        payout: Who,
        generation: u32,
        current: bool,
        answer: Answer,
        snapshot: Option<Box<Standing>>,
    },
    /// It has the answer to a query that it did not record yet.
    Asked {
        payout: Who,
        current: bool,
        seen: Seen,
    },
}

impl Worker {
    /// What it read of this payout is old now.
    pub fn outdate(&mut self, changed: Who) {
        match self {
            Self::Claimed { payout, current }
            | Self::Waiting { payout, current, .. }
            | Self::Answered { payout, current, .. }
            | Self::Asked { payout, current, .. }
                if *payout == changed =>
            {
                *current = false;
            }
            _ => {}
        }
    }
}

/// What a worker hears of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Accepted,
    NotSent,
    Refused(&'static str),
    Unknown(Option<&'static str>),
}

/// What a worker hears of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    Bill(Bill),
    Nothing,
}

/// How much may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A worker loses its memory.
    pub crashes: u8,
    /// Time goes on although somebody has something to do: a worker dawdles,
    /// an answer is slow, a lease ends under its holder.
    pub delays: u8,
    /// A worker waits in vain, or cannot send at all.
    pub losses: u8,
    /// The network makes two requests of one.
    pub copies: u8,
    /// A commit succeeds and its caller is not told.
    pub commits: u8,
    /// The gateway answers anything but the simplest thing.
    pub oddities: u8,
    /// A person holds, releases or permits.
    pub orders: u8,
    /// Somebody pays money in.
    pub top_ups: u8,
    /// The clock jumps forward: over the window, over the horizon.
    pub forward: u8,
    /// The clock is set back.
    pub back: u8,
}

/// Windows and pauses in the same order as the real ones, and short.
pub fn rules() -> Rules {
    let seconds = std::time::Duration::from_secs;
    let mut rules = Rules::default();
    // It counts as one second.
    rules.spacing = seconds(0);
    rules.longest_pause = seconds(2);
    rules.lease = seconds(2);
    rules.processing = seconds(2);
    rules.reentry = seconds(5);
    rules.queries = vec![seconds(1), seconds(4)];
    rules.alarm = seconds(12);
    rules.horizon = seconds(14);
    rules
}

/// Half a second before the Beijing day turns.
pub fn evening() -> Timestamp {
    Timestamp::from_unix_millis(1_742_313_600_000 - 500)
}

impl World {
    pub fn new(payouts: usize, balance: u8, left: Budget) -> Self {
        let now = evening();
        let row = Row {
            standing: Standing::planned(now),
            due: Some(now),
            bills: [Bill::None; 3],
            by_copy: false,
            ghost: Ghost::default(),
        };
        Self {
            now,
            rows: vec![row; payouts],
            workers: vec![Worker::Idle; 2],
            flight: vec![],
            balance,
            funded: balance,
            left,
        }
    }

    /// Whether anybody has anything to do at this moment.
    pub fn is_busy(&self) -> bool {
        self.workers.iter().any(|worker| *worker != Worker::Idle)
            || self.rows.iter().any(|row| row.due.is_some_and(|due| due <= self.now))
    }
}
