//! From lines to payouts, in whichever form they come.

use std::borrow::Cow;
use std::io::BufReader;
use std::sync::Arc;

use super::csv::Record;
use super::lines::Lines;
use super::problem::{Problem, excerpt};
use super::source::{Format, Source, recognise, unreadable};
use super::{amount, json};
use crate::ids::OpenId;
use crate::money::Fen;
use crate::payout::{NewPayout, Texts};
use crate::redpack::Scene;

/// The columns of CSV and the names in JSON.
pub(super) const NAMES: [&str; 6] = ["openid", "amount", "key", "wishing", "remark", "scene_id"];

/// The fields of a line as they stand there.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub(super) openid: Option<Cow<'a, str>>,
    pub(super) amount: Option<Money<'a>>,
    pub(super) key: Option<Cow<'a, str>>,
    pub(super) wishing: Option<Cow<'a, str>>,
    pub(super) remark: Option<Cow<'a, str>>,
    pub(super) scene_id: Option<Cow<'a, str>>,
}

pub(super) enum Money<'a> {
    Yuan(Cow<'a, str>),
    Fen(i64),
}

/// Where payouts are read from, again and again.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Text(Source),
    Given(Arc<[NewPayout]>),
}

/// What is said of all lines.
#[derive(Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) campaign: &'a str,
    pub(super) amount: Option<Fen>,
}

/// One reading of the input.
pub(super) struct Rows<'a> {
    defaults: Defaults<'a>,
    form: Form<'a>,
    /// The number of the last row.
    line: u64,
    /// The next line was read already.
    ahead: bool,
    /// Nothing can be read any more.
    stopped: bool,
}

enum Form<'a> {
    Csv { lines: Lines, record: Record, columns: Columns },
    Json(Lines),
    OpenIds(Lines),
    Given(std::slice::Iter<'a, NewPayout>),
}

/// The place of each of [`NAMES`] in the header.
type Columns = [Option<usize>; NAMES.len()];

impl<'a> Rows<'a> {
    pub(super) fn open(input: &'a Input, format: Option<Format>, defaults: Defaults<'a>) -> Result<Self, Problem> {
        let source = match input {
            Input::Given(payouts) => {
                return Ok(Self { defaults, form: Form::Given(payouts.iter()), line: 0, ahead: false, stopped: false });
            }
            Input::Text(source) => source,
        };
        let opened = source.open().map_err(|error| unreadable(&error))?;
        let mut input = BufReader::with_capacity(64 * 1024, opened);
        let format = recognise(&mut input, source.name(), format)?;
        let mut lines = Lines::new(input);
        let form = match format {
            Format::JsonLines => Form::Json(lines),
            Format::OpenIds if defaults.amount.is_none() => {
                let next_step = "say how much each payee gets, or write a CSV with a column amount";
                return Err(Problem::new("a list of openids has no amounts", next_step).in_field("amount"));
            }
            Format::OpenIds => Form::OpenIds(lines),
            Format::Csv => {
                let mut record = Record::default();
                if !lines.advance()? || lines.line().is_empty() {
                    return Err(Problem::new("there is no header", "write a header and a line for each payee"));
                }
                record.take(&mut lines)??;
                let columns = columns(&record, defaults.amount.is_some()).map_err(|problem| problem.at(1))?;
                Form::Csv { lines, record, columns }
            }
        };
        Ok(Self { defaults, form, line: 0, ahead: false, stopped: false })
    }

    /// Whether two lines can concern one payee.
    pub(super) fn may_have_keys(&self) -> bool {
        match &self.form {
            Form::Csv { columns, .. } => columns[2].is_some(),
            Form::Json(_) | Form::Given(_) => true,
            Form::OpenIds(_) => false,
        }
    }

    fn row(&mut self) -> Result<Option<NewPayout>, Problem> {
        let stopped = &mut self.stopped;
        let mut stop = |problem| {
            *stopped = true;
            problem
        };
        let lines = match &mut self.form {
            Form::Given(payouts) => {
                self.line += 1;
                return payouts.next().cloned().map(given).transpose();
            }
            Form::Csv { lines, .. } | Form::Json(lines) | Form::OpenIds(lines) => lines,
        };
        if !std::mem::take(&mut self.ahead) && !lines.advance().map_err(&mut stop)? {
            return Ok(None);
        }
        self.line = lines.number();
        if lines.line().is_empty() {
            while lines.line().is_empty() {
                if !lines.advance().map_err(&mut stop)? {
                    return Ok(None);
                }
            }
            self.ahead = true;
            let next_step = "remove it, unless something was lost here";
            return Err(Problem::new("a blank line among the others", next_step));
        }
        if memchr::memchr(0, lines.line().as_bytes()).is_some() {
            return Err(Problem::new("contains a NUL byte", "see whether the file was damaged; write text alone"));
        }
        let raw = match &mut self.form {
            Form::Csv { lines, record, columns } => {
                record.take(lines).map_err(&mut stop)??;
                of_record(record, columns)?
            }
            Form::Json(lines) => json::read(lines.line())?,
            Form::OpenIds(lines) => Raw { openid: Some(Cow::Borrowed(lines.line())), ..Raw::default() },
            Form::Given(_) => return Ok(None),
        };
        payout(raw, self.defaults).map(Some)
    }
}

/// Each row with its number: that of its first line, or its place.
impl Iterator for Rows<'_> {
    type Item = (u64, Result<NewPayout, Problem>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let row = self.row().transpose();
        if row.is_none() {
            self.stopped = true;
        }
        let line = self.line;
        row.map(|row| (line, row.map_err(|problem| if problem.line.is_some() { problem } else { problem.at(line) })))
    }
}

fn columns(header: &Record, has_default: bool) -> Result<Columns, Problem> {
    let mut columns = Columns::default();
    for (index, name) in header.fields().enumerate() {
        let Some(place) = NAMES.iter().position(|known| *known == name) else {
            return Err(unknown_column(name));
        };
        if columns[place].replace(index).is_some() {
            return Err(Problem::new("the column is there twice", "remove one of them").in_field(NAMES[place]));
        }
    }
    let header = "the first line names the columns, as in openid,amount";
    if columns[0].is_none() {
        return Err(Problem::new("the column is missing", header).in_field("openid"));
    }
    match (columns[1], has_default) {
        (None, false) => {
            let next_step = "add it, or say how much each payee gets";
            Err(Problem::new("the column is missing", next_step).in_field("amount"))
        }
        (Some(_), true) => Err(twice_said()),
        _ => Ok(columns),
    }
}

fn twice_said() -> Problem {
    let next_step = "leave one of them out, so that nobody has to guess";
    Problem::new("the file has amounts, and one amount was given for all", next_step).in_field("amount")
}

fn unknown_column(name: &str) -> Problem {
    let known = NAMES.join(", ");
    let plain = name.trim().to_lowercase();
    let next_step = if let Some(meant) = NAMES.iter().find(|known| **known == plain) {
        format!("write {meant}, in small letters and without white space")
    } else if plain == "total_amount" {
        "name it amount and write yuan, as in 1.88".to_owned()
    } else if name.contains([';', '\t', '|', '，']) {
        "part the fields by commas".to_owned()
    } else if OpenId::new(name).is_ok_and(|_| name.len() >= 20) {
        "put a header such as openid,amount in front of the lines".to_owned()
    } else {
        format!("remove it; the columns are {known}")
    };
    Problem::new(format!("the column {} is unknown", excerpt(name)), next_step)
}

fn of_record<'a>(record: &'a Record, columns: &Columns) -> Result<Raw<'a>, Problem> {
    let expected = columns.iter().flatten().count();
    if record.len() != expected {
        let reason = format!("the header has {expected} columns, and this line {}", record.len());
        return Err(Problem::new(reason, "put a field that contains a comma in quotes, and leave none out"));
    }
    let field = |place: usize| columns[place].map(|index| Cow::Borrowed(record.field(index)));
    let some = |place: usize| field(place).filter(|text| !text.is_empty());
    Ok(Raw {
        openid: field(0),
        amount: field(1).map(Money::Yuan),
        key: field(2),
        wishing: some(3),
        remark: some(4),
        scene_id: some(5),
    })
}

fn payout(raw: Raw<'_>, defaults: Defaults<'_>) -> Result<NewPayout, Problem> {
    let openid = openid(&raw.openid.unwrap_or_default())?;
    let amount = match (raw.amount, defaults.amount) {
        (Some(_), Some(_)) => return Err(twice_said()),
        (Some(Money::Yuan(text)), None) => amount::yuan(&text)?,
        (Some(Money::Fen(fen)), None) => Fen::new(fen),
        (None, Some(amount)) => amount,
        (None, None) => {
            return Err(Problem::new("missing", "write it, or say how much each payee gets").in_field("amount"));
        }
    };
    let key = match raw.key {
        Some(key) => {
            check_key(&key)?;
            key.into_owned()
        }
        None => format!("{}/{openid}", defaults.campaign),
    };
    let text = |text: Option<Cow<'_, str>>| text.filter(|text| !text.is_empty()).map(Cow::into_owned);
    let texts =
        Texts { wishing: text(raw.wishing), remark: text(raw.remark), scene_id: text(raw.scene_id).map(Scene::from) };
    Ok(NewPayout { key, openid, amount, texts })
}

/// What a program gives has types already; only its key is a free text.
fn given(payout: NewPayout) -> Result<NewPayout, Problem> {
    check_key(&payout.key)?;
    not_another_id(payout.openid.as_str())?;
    Ok(payout)
}

fn openid(text: &str) -> Result<OpenId, Problem> {
    let problem =
        |reason: &str, next_step: &'static str| Err(Problem::new(reason.to_owned(), next_step).in_field("openid"));
    if text.is_empty() {
        return problem("empty", "write the payee's openid, or remove the line");
    }
    not_another_id(text)?;
    // Its complaint shows the text, which may be long.
    let cut: String = text.chars().take(40).collect();
    OpenId::new(if text.len() > 160 { cut } else { text.to_owned() }).map_err(|invalid| {
        let message = invalid.to_string();
        let reason = message.split_once(": ").map_or(&*message, |(_, reason)| reason);
        let next_step = match text.trim() {
            trimmed if trimmed != text && OpenId::new(trimmed).is_ok() => "remove the white space around it",
            _ if text.contains(',') => "write one openid on each line, or name the form: this looks like CSV",
            _ => "copy it anew from where your backend stores it",
        };
        Problem::new(reason, next_step).in_field("openid")
    })
}

/// Things that are mistaken for openids, and have their letters.
fn not_another_id(text: &str) -> Result<(), Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let what = if text.len() == 18 && text.starts_with("wx") {
        "an appid"
    } else if text.starts_with("gh_") {
        "the original id of an official account"
    } else if digits && text.len() == 11 && text.starts_with('1') {
        "a telephone number"
    } else if digits {
        "a number"
    } else {
        return Ok(());
    };
    let next_step = "write the payee's openid under the appid of the campaign";
    Err(Problem::new(format!("{} is {what}, no openid", excerpt(text)), next_step).in_field("openid"))
}

/// The most characters of a business key.
const KEY_LONGEST: usize = 128;

pub(super) fn check_key(key: &str) -> Result<(), Problem> {
    let (reason, next_step) = if key.is_empty() {
        ("empty".to_owned(), "give each line a key of its own, or leave the column out")
    } else if key.chars().nth(KEY_LONGEST).is_some() {
        (
            format!("longer than {KEY_LONGEST} characters: {}", excerpt(key)),
            "use a shorter one, such as an order number",
        )
    } else if key.trim() != key || key.contains(char::is_control) {
        let reason = format!("white space around it or a control character in it: {}", excerpt(key));
        (reason, "remove what cannot be seen")
    } else {
        return Ok(());
    };
    Err(Problem::new(reason, next_step).in_field("key"))
}
