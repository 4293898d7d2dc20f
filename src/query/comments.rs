//! `POST /billcommentsp/batchquerycomment`: what users said of their orders
//! (拉取订单评价数据).
//!
//! Official page: batchquerycomment, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::bill;
use crate::clock::Timestamp;
use crate::code;
use crate::error::{Error, Result};
use crate::wire::{Contract, Field, Repeat, Request, Tabular, compact};

/// Asks for comments of the last three months, page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comments {
    /// From when on they were written (开始时间).
    #[serde(with = "compact")]
    pub begin_time: Timestamp,
    /// Until when (结束时间).
    #[serde(with = "compact")]
    pub end_time: Timestamp,
    /// Behind which comment to begin (位移): 0, then what the page before says.
    pub offset: u64,
    /// How many at most (条数): 1 to 200.
    pub limit: u32,
}

impl Comments {
    /// The first page of a time.
    #[must_use]
    pub const fn new(begin_time: Timestamp, end_time: Timestamp) -> Self {
        Self { begin_time, end_time, offset: 0, limit: LIMIT }
    }
}

/// So many comments has a page at most (batchquerycomment, read 2026-11).
const LIMIT: u32 = 200;

impl Request for Comments {
    const CONTRACT: Contract = Contract::v2("/billcommentsp/batchquerycomment")
        .with_certificate()
        .hmac_only()
        .text_reply()
        .repeat(Repeat::Freely)
        .fields(&[
            Field::text("begin_time", 19),
            Field::text("end_time", 19),
            Field::integer("offset"),
            Field::integer("limit"),
        ])
        .codes(code::BATCH_QUERY_COMMENT);

    type Reply = ();

    fn check(&self) -> Result<()> {
        if !(1..=LIMIT).contains(&self.limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {LIMIT}, found {}", self.limit)));
        }
        if self.end_time < self.begin_time {
            let problem = format!("{} lies before begin_time, {}", self.end_time, self.begin_time);
            return Err(Error::invalid("end_time", problem));
        }
        Ok(())
    }
}

impl Tabular for Comments {
    type Sheet = bill::Comments;
}
