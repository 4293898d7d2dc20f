//! The report as text for a terminal.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{Payees, Report};
use crate::money::Fen;
use crate::payout::report::Language;
use crate::payout::state::Cause;

const WORDS: Language = Language::English;
/// More payees would push the rest off the screen.
const NAMED: usize = 10;
/// Longer texts would break the lines of a terminal.
const LONGEST: usize = 48;

impl Report {
    /// The report as plain text with aligned columns, without colours. Chinese
    /// characters count as two cells; control characters are left out.
    #[must_use]
    pub fn table(&self) -> String {
        Table(self).to_string()
    }
}

struct Table<'a>(&'a Report);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { campaign, money, cost, progress, speed, forecast, .. } = self.0;
        writeln!(f, "{} (campaign {} of {})", clean(&campaign.name), campaign.id, campaign.mch_id)?;
        writeln!(f, "{} Beijing time", self.0.at)?;
        for alarm in &self.0.alarms {
            let (what, next) = WORDS.alarm(alarm.kind);
            write!(f, "! {what}")?;
            if let Some(reason) = &alarm.reason {
                write!(f, " {}.", clean(reason))?;
            }
            if let Some(until) = alarm.until {
                write!(f, " Until {until}.")?;
            }
            writeln!(f, " {} payouts. {next}", grouped(alarm.payouts))?;
        }

        let mut grid = Grid::new(["phase", "payouts", "yuan"], [false, true, true]);
        for total in &self.0.phases {
            grid.row([total.phase.to_string(), grouped(total.count), yuan(total.amount)]);
        }
        grid.row(["all".to_owned(), grouped(self.0.payouts), yuan(money.planned)]);
        write!(f, "\n{grid}")?;

        let mut grid = Grid::new(["money", "yuan"], [false, true]);
        for (what, amount) in [
            ("accepted by WeChat Pay", money.accepted),
            ("received by users", money.received),
            ("returned", money.returned),
            ("cost: left and not returned", cost.net),
            ("of it, may still return", cost.may_return),
            ("in doubt", cost.in_doubt),
            ("cost at most", cost.most),
        ] {
            grid.row([what.to_owned(), yuan(amount)]);
        }
        write!(f, "\n{grid}")?;

        writeln!(f, "\nprogress  {:.1} % answered, {:.1} % settled", progress.answered, progress.settled)?;
        writeln!(f, "speed     {:.1} a second while it was sent, {:.1} at best", speed.per_second, speed.peak)?;
        if forecast.payouts > 0 {
            let (rest, time) = (grouped(forecast.payouts), duration(forecast.seconds));
            write!(f, "rest      {rest} payouts, {time} at {} a second", forecast.per_second)?;
            if forecast.days > 1 {
                write!(f, ", over {} days because of the day's limit", forecast.days)?;
            }
            f.write_char('\n')?;
        }
        payees(f, "held", &self.0.held)?;
        payees(f, "refused", &self.0.refused)
    }
}

fn payees(f: &mut Formatter<'_>, what: &str, payees: &Payees) -> fmt::Result {
    if payees.count == 0 {
        return Ok(());
    }
    let heads = [what, "openid", "yuan", "mch_billno", "cause", "note"];
    let mut grid = Grid::new(heads, [false, false, true, false, false, false]);
    let named = payees.named.get(..NAMED).unwrap_or(&payees.named);
    for payee in named {
        grid.row([
            short(&payee.key),
            payee.openid.to_string(),
            yuan(payee.amount),
            payee.mch_billno.to_string(),
            payee.cause.map_or("", Cause::as_str).to_owned(),
            short(payee.note.as_deref().unwrap_or_default()),
        ]);
    }
    write!(f, "\n{grid}")?;
    let shown = u64::try_from(named.len()).unwrap_or(u64::MAX);
    if payees.count > shown {
        writeln!(f, "and {} more", grouped(payees.count - shown))?;
    }
    let mut causes: Vec<Cause> = named.iter().filter_map(|payee| payee.cause).collect();
    causes.sort_unstable();
    causes.dedup();
    causes.into_iter().try_for_each(|cause| writeln!(f, "{cause}: {}", cause.next_step()))
}

struct Grid<const N: usize> {
    right: [bool; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Grid<N> {
    fn new(heads: [&str; N], right: [bool; N]) -> Self {
        Self { right, rows: vec![heads.map(str::to_owned)] }
    }

    fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }
}

impl<const N: usize> Display for Grid<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = cells(text).max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((text, width), right) in row.iter().zip(widths).zip(self.right) {
                let gap = " ".repeat(width - cells(text));
                line += &if right { format!("{gap}{text}  ") } else { format!("{text}{gap}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How many cells of a terminal a text takes (East Asian Width, UAX #11, as far
/// as Chinese texts need it).
fn cells(text: &str) -> usize {
    let cell = |letter| match u32::from(letter) {
        0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF => 2,
        0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1F64F => 2,
        0x1F680..=0x1F6FF | 0x1F900..=0x1F9FF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    };
    text.chars().map(cell).sum()
}

/// What a terminal only shows and never obeys.
fn clean(text: &str) -> String {
    let hidden =
        |letter: char| letter.is_control() || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|letter| if hidden(letter) { ' ' } else { letter }).collect()
}

fn short(text: &str) -> String {
    let mut text = clean(text);
    if cells(&text) > LONGEST {
        while cells(&text) >= LONGEST {
            text.pop();
        }
        text.push('…');
    }
    text
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Yuan with commas between the thousands.
pub(super) fn yuan(amount: Fen) -> String {
    let sign = if amount < Fen::ZERO { "-" } else { "" };
    let fen = amount.get().unsigned_abs();
    format!("{sign}{}.{:02}", grouped(fen / 100), fen % 100)
}

/// Hours, minutes and seconds, as in `1:02:03`.
pub(super) fn duration(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut grid = Grid::new(["name", "yuan"], [false, true]);
        grid.row(["春节红包".into(), "1,000.00".into()]);
        grid.row(["ab".into(), "1.00".into()]);
        assert_eq!(grid.to_string(), "name          yuan\n春节红包  1,000.00\nab            1.00\n");
    }

    #[test]
    fn numbers_are_written_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((yuan(Fen::new(123_456_789)), yuan(Fen::new(-5))), ("1,234,567.89".into(), "-0.05".into()));
        assert_eq!(
            (duration(0), duration(3723), duration(360_000)),
            ("0:00:00".into(), "1:02:03".into(), "100:00:00".into())
        );
    }

    #[test]
    fn a_terminal_is_not_obeyed_by_strangers() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\n"), "a [2Jb c ");
        let long = short(&"红".repeat(100));
        assert!(cells(&long) <= LONGEST && long.ends_with('…'), "{long}");
        assert_eq!(short("short"), "short");
    }
}
