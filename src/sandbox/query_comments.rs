//! batchquerycomment: what users said of their orders.
//!
//! Differs from the real gateway: without comments the answer is the offset
//! alone, which is not documented.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::clock::Timestamp;

/// What a user said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommentRecord {
    pub(crate) mch_id: String,
    pub(crate) transaction_id: String,
    pub(crate) at: Timestamp,
    pub(crate) stars: u8,
    pub(crate) text: String,
}

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let wrong = |note: &str| Err(Refusal::with_text("PARAM_ERROR", "参数错误").note(note));
    let times = [call.text("begin_time"), call.text("end_time")].map(str::parse::<Timestamp>);
    let [Ok(begin), Ok(end)] = times else { return wrong("begin_time, end_time: yyyyMMddHHmmss") };
    let limit = call.integer("limit");
    if !(1..=200).contains(&limit) {
        return wrong("limit: 1 to 200");
    }
    let offset = usize::try_from(call.integer("offset")).unwrap_or(usize::MAX);
    let (mut last, mut rows) = (offset, String::new());
    let wanted = |(index, one): &(usize, &CommentRecord)| {
        *index >= offset && one.mch_id == call.mch_id && (begin..=end).contains(&one.at)
    };
    let found = desk.comments.iter().enumerate().filter(wanted).take(usize::try_from(limit).unwrap_or(0));
    for (index, one) in found {
        last = index + 1;
        let text = one.text.replace(['\r', '\n'], " ");
        // Writing to a string cannot fail.
        let _ = writeln!(rows, "`{},`{},`{},`{text}", one.at, one.transaction_id, one.stars);
    }
    Ok(Reply::table(format!("{last}\n{rows}").into_bytes(), None))
}

impl Desk {
    pub(super) fn put_comment(&mut self, record: CommentRecord) {
        self.comments.push(record);
        let all = self.comments.clone();
        self.change(Table::State, "comments".to_owned(), Some(&all));
    }
}
