//! Where results and words for people go.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
        if self.json { io::stderr().is_terminal() } else { io::stdout().is_terminal() }
    }

    /// A bar of this template, if a person sees it now and not later in a file.
    pub(crate) fn bar(self, length: u64, template: &str) -> Option<ProgressBar> {
        if !self.is_seen() {
            return None;
        }
        let target = if self.json { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
        bars().set_draw_target(target);
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Some(bars().add(ProgressBar::new(length).with_style(style)))
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

/// The bars on the terminal, which the log must not be written across.
fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(|| MultiProgress::with_draw_target(ProgressDrawTarget::hidden()))
}

/// Standard error for the log: above the bars, where there are any.
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bars().suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
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
