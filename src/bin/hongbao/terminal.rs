//! Where results and words for people go.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

pub(crate) const TITLE: Style = Style::new().bold();
pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const MONEY: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const NUMBER: Style = AnsiColor::Cyan.on_default();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// People read standard output, unless a program reads JSON there; then they
/// read standard error.
///
/// A reader that went away changes nothing of what was done, and the exit code
/// must tell what was done: a line that cannot be written is not a failure.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    json: bool,
}

impl Terminal {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads standard output.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A line for people.
    pub(crate) fn say(self, line: impl Display) {
        let _ = if self.json { writeln!(anstream::stderr(), "{line}") } else { writeln!(anstream::stdout(), "{line}") };
    }

    /// A fact for people, in a column of facts.
    pub(crate) fn row(self, label: &str, value: impl Display) {
        self.say(format_args!("{label:<10} {value}"));
    }

    /// Whether a person sees it now, and not later in a file.
    pub(crate) fn is_seen(self) -> bool {
        if self.json { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() }
    }

    /// A line for programs, if one reads.
    pub(crate) fn result(self, object: &Value) {
        if self.json {
            let _ = writeln!(anstream::stdout(), "{object}");
        }
    }

    /// A failure, for people.
    pub(crate) fn complain(headline: impl Display, report: impl Display) {
        let _ = writeln!(anstream::stderr(), "{BAD}{headline}{BAD:#}: {report}");
    }
}

/// A text that somebody else wrote, without what would move the cursor.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
