//! From a file of recipients to planned payouts.
//!
//! A [`Plan`] is read from a [`Source`] in one of three [`Format`]s. Each line is
//! checked before anything is stored, and each bad one is reported with its
//! number, field, reason and remedy. [`Plan::compare`] is the dry run,
//! [`Plan::store`] the same with the writing.
//!
//! ```
//! use hongbao::payout::plan::{Options, Plan, Source};
//! use hongbao::payout::{NewCampaign, Template};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new(NewCampaign {
//!     name: "spring-2025".into(),
//!     mch_id: "1510000001".parse()?,
//!     app_id: "wx00f1e2d3c4b5a697".parse()?,
//!     template: Template {
//!         send_name: "蓝鲸咖啡".into(),
//!         wishing: "早安，今天也要加油".into(),
//!         act_name: "签到有礼".into(),
//!         remark: "连续签到七天奖励".into(),
//!         client_ip: "203.0.113.24".parse()?,
//!         extra: Default::default(),
//!     },
//! });
//! let file = "openid,amount,wishing\n\
//!     oQx4r0Z1a2b3c4d5e6f7g8h9i0jk,1.88,\n\
//!     oQx4r0Y9b8c7d6e5f4g3h2i1j0kl,8.88,新春快乐\n";
//! let plan = Plan::read(&Source::bytes("spring.csv", file.as_bytes()), &options)?;
//! assert_eq!((plan.totals().count, plan.totals().sum.get()), (2, 1076));
//!
//! let bad = Source::bytes("spring.csv", &b"openid,amount\noQx4r0Z1a2b3c4d5e6f7g8h9i0jk,1e3\n"[..]);
//! let problems = Plan::read(&bad, &options).unwrap_err();
//! assert_eq!((problems.shown[0].line, problems.shown[0].field.as_deref()), (Some(2), Some("amount")));
//! # Ok(()) }
//! ```
//!
//! The business key of a payout is its column `key`; without one it is
//! `{campaign}/{openid}`, so that each payee gets one packet in a campaign.
//!
//! A text is read once to check it, and twice more to compare and to store it,
//! one line at a time. What is kept of it are 8 bytes a line, and 16 more where
//! one payee can have several lines.

mod amount;
mod check;
mod csv;
mod forecast;
mod import;
mod json;
mod lines;
mod problem;
mod rows;
mod seal;
mod source;
mod tally;

use check::Checker;
pub use forecast::Forecast;
pub use import::Imported;
pub use problem::{Failure, Problem, Problems, Warning};
use rows::{Defaults, Input, Rows};
use seal::{BATCH, Mark, Seal};
pub use source::{Format, Source};
use tally::Tally;
pub use tally::Totals;

use super::{NewCampaign, NewPayout, Rules};
use crate::clock::Timestamp;
use crate::money::Fen;

/// What is to be known besides the recipients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The campaign; its name begins the keys of lines that have none.
    pub campaign: NewCampaign,
    /// The form of the text. By itself it is told by the name and the first line.
    pub format: Option<Format>,
    /// How much each payee gets, where the lines do not say it.
    pub amount: Option<Fen>,
    /// The limits that amounts and the forecast are held against.
    pub rules: Rules,
    /// How many problems are told one by one; all are counted.
    pub errors_shown: usize,
}

impl Options {
    /// The defaults: amounts stand in the lines, ordinary rules, 20 problems.
    #[must_use]
    pub fn new(campaign: NewCampaign) -> Self {
        Self { campaign, format: None, amount: None, rules: Rules::default(), errors_shown: 20 }
    }
}

/// What a [`Plan`] that is compared or stored is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// All payouts are compared with the ledger, and nothing is stored.
    Comparing,
    /// New payouts are stored.
    Storing,
}

/// Recipients that were checked, each of them.
#[derive(Debug)]
pub struct Plan {
    input: Input,
    options: Options,
    totals: Totals,
    digest: String,
    warnings: Vec<Warning>,
    /// One for each batch of rows, the last one being that of them all.
    marks: Vec<Mark>,
}

impl Plan {
    /// Reads a text and checks it whole.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(source: &Source, options: &Options) -> Result<Self, Problems> {
        Self::checked(Input::Text(source.clone()), options)
    }

    /// Checks payouts that a program gives, by the same rules. The lines in
    /// messages are their places, from 1 on.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn of(payouts: Vec<NewPayout>, options: &Options) -> Result<Self, Problems> {
        Self::checked(Input::Given(payouts.into()), options)
    }

    fn checked(input: Input, options: &Options) -> Result<Self, Problems> {
        let one = Problems::one;
        let campaign = &options.campaign;
        let mut checker = Checker::new(campaign, &options.rules).map_err(one)?;
        let defaults = Defaults { campaign: &campaign.name, amount: options.amount };
        let open = || Rows::open(&input, options.format, defaults);
        let mut rows = open().map_err(one)?;
        let may_have_keys = rows.may_have_keys();

        let limit = options.errors_shown;
        let (mut tally, mut seal) = (Tally::default(), Seal::default());
        let (mut problems, mut marks, mut count) = (Problems::default(), vec![], 0_usize);
        for (line, row) in &mut rows {
            let good = row.and_then(|payout| match checker.check(&payout) {
                Ok(()) => Ok(payout),
                Err(problem) => Err(problem.at(line)),
            });
            match good {
                Ok(payout) => {
                    tally.add(line, &payout, may_have_keys);
                    seal.add(&payout);
                    count += 1;
                    if count.is_multiple_of(BATCH) {
                        marks.push(seal.mark());
                    }
                }
                Err(problem) => problems.add(problem, limit),
            }
        }
        if !count.is_multiple_of(BATCH) {
            marks.push(seal.mark());
        }
        let (totals, twice, shapes) = tally.finish();
        let twice = tally::find_twice(&twice, &campaign.name, open, limit);
        problems.join(twice, limit);
        if problems.is_empty() && totals.count == 0 {
            problems.add(Problem::new("there are no recipients", "write a line for each payee"), limit);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        drop(rows);
        let (digest, warnings) = (seal.digest(), shapes.warnings());
        Ok(Self { input, options: options.clone(), totals, digest, warnings, marks })
    }

    fn rows(&self) -> Result<Rows<'_>, Problem> {
        let defaults = Defaults { campaign: &self.campaign().name, amount: self.options.amount };
        Rows::open(&self.input, self.options.format, defaults)
    }

    /// The campaign.
    #[must_use]
    pub fn campaign(&self) -> &NewCampaign {
        &self.options.campaign
    }

    /// Counts and sums.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The digest over payees and amounts, for people to compare: SHA-256 in
    /// lower-case hex over the openid, a comma, the amount in fen and a line
    /// feed of each payout, in the order of the file. Of one payout that is
    /// `printf 'oQx4r0Z1a2b3c4d5e6f7g8h9i0jk,188\n' | sha256sum`.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What deserves a look.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How long it takes at least, begun at `now`.
    #[must_use]
    pub fn forecast(&self, now: Timestamp) -> Forecast {
        Forecast::of(&self.totals, &self.options.rules, now)
    }
}
