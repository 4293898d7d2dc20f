//! Each payout of a campaign as a line of CSV.

use crate::error::Result;
use crate::payout::ledger::{Filter, Ledger};
use crate::payout::record::{CampaignId, Payout};
use crate::payout::state::Cause;

const PAGE: usize = 1000;
const HEAD: &str = "key,openid,amount,mch_billno,phase,cause,received,returned,attempts,note\r\n";

/// Each payout of a campaign as CSV (RFC 4180, UTF-8), read page by page, so that
/// memory stays flat.
///
/// Columns: `key`, `openid`, `amount` (yuan), `mch_billno`, `phase`, `cause`,
/// `received` (yuan), `returned` (yuan), `attempts`, `note`. A cell that a
/// spreadsheet would take for a formula begins with an apostrophe.
#[derive(Clone, Debug)]
pub struct Lines {
    filter: Filter,
    begun: bool,
    ended: bool,
}

impl Lines {
    /// All payouts of a campaign.
    #[must_use]
    pub fn of(campaign: CampaignId) -> Self {
        Self::matching(Filter::all(campaign))
    }

    /// Those that a filter lets through, such as the held ones.
    #[must_use]
    pub fn matching(filter: Filter) -> Self {
        Self { filter, begun: false, ended: false }
    }

    /// The next lines, each with its end; `None` behind the last. The first ones
    /// have the head above them, even if there are no payouts.
    ///
    /// # Errors
    /// What the ledger says; the same lines can be asked for again.
    pub async fn next(&mut self, ledger: &dyn Ledger) -> Result<Option<String>> {
        if self.ended {
            return Ok(None);
        }
        let page = ledger.list(&self.filter, PAGE).await?;
        let mut text = if self.begun { String::new() } else { HEAD.to_owned() };
        self.begun = true;
        match page.last() {
            Some(last) => self.filter.after = Some(last.id),
            None => self.ended = true,
        }
        for payout in &page {
            line(&mut text, payout);
        }
        Ok((!text.is_empty()).then_some(text))
    }
}

fn line(text: &mut String, payout: &Payout) {
    let Payout { key, openid, amount, number, standing, .. } = payout;
    let cause = standing.cause.map_or("", Cause::as_str);
    let note = standing.note.as_deref().unwrap_or_default();
    cell(text, key);
    for value in [
        openid.as_str(),
        &amount.to_string(),
        number.as_str(),
        standing.phase.as_str(),
        cause,
        &standing.received.to_string(),
        &standing.returned.to_string(),
        &standing.attempts.to_string(),
        note,
    ] {
        text.push(',');
        cell(text, value);
    }
    text.push_str("\r\n");
}

fn cell(text: &mut String, value: &str) {
    // The wide forms are formulas to spreadsheets that are set to Chinese.
    let formula = value.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || value.starts_with(['\t', '\r', '\n']);
    let harmless = if formula { "'" } else { "" };
    if value.contains([',', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(harmless);
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(harmless);
        text.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_harmless() {
        for (value, cell_text) in [
            ("", ""),
            ("plain", "plain"),
            ("红包, 两个", "\"红包, 两个\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("＝1", "'＝1"),
            (" =1", "' =1"),
            ("\t=1", "'\t=1"),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("a=b", "a=b"),
        ] {
            let mut text = String::new();
            cell(&mut text, value);
            assert_eq!(text, cell_text, "{value:?}");
        }
    }
}
