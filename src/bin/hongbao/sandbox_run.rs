//! `hongbao sandbox run`: scenarios, and what differed.

use std::fs;
use std::path::Path;

use hongbao::sandbox::Statement;
use serde_json::json;

use crate::failure::Failure;
use crate::input;
use crate::scenario::{self, Report, SHIPPED, Scenario, shipped};
use crate::terminal::{BAD, GOOD, MONEY, NUMBER, QUIET, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// TOML files, names of scenarios that come with the program, or - for standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "show"])]
    files: Vec<String>,

    /// List the scenarios that come with the program
    #[arg(long, conflicts_with_all = ["files", "show"])]
    list: bool,

    /// Print the file of one of them, to begin one of your own with
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    show: Option<String>,

    /// Tell each step, not only what differs
    #[arg(long, short)]
    verbose: bool,

    /// One JSON object for each step, difference and scenario on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    if args.list {
        for own in SHIPPED {
            terminal.result(&json!({ "scenario": own.name, "about": own.headline() }));
            terminal.say(format_args!("{NUMBER}{:<24}{NUMBER:#} {}", own.name, own.headline()));
        }
        return Ok(());
    }
    if let Some(name) = &args.show {
        let text = shipped(name)?.text;
        terminal.result(&json!({ "scenario": name, "text": text }));
        terminal.say(text.trim_end());
        return Ok(());
    }
    // A file that is wrong stops it before the first of them has run.
    let scenarios = args.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    let mut differing = 0;
    for scenario in &scenarios {
        let report = scenario::run(scenario).await?;
        differing += u32::from(report.differences().next().is_some());
        tell(terminal, args.verbose, scenario, &report);
    }
    match (differing, scenarios.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::unexpected("the scenario came out otherwise than it expects")),
        (some, all) => Err(Failure::unexpected(format!("{some} of {all} scenarios came out otherwise than expected"))),
    }
}

fn read(file: &str) -> Result<Scenario, Failure> {
    let path = Path::new(file);
    if file == "-" {
        let text = String::from_utf8(input::read(path)?)
            .map_err(|_| Failure::usage("standard input is no text", "give a scenario in TOML"))?;
        return scenario::read("standard input", &text);
    }
    let looks_like_a_path = path.extension().is_some() || path.components().count() > 1;
    if !path.is_file() && !looks_like_a_path {
        let own = shipped(file)?;
        return scenario::read(&own.file(), own.text);
    }
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{file}: {error}"), "give a scenario in TOML, or a name of: hongbao sandbox run --list")
    })?;
    scenario::read(file, &text)
}

fn tell(terminal: Terminal, verbose: bool, scenario: &Scenario, report: &Report) {
    let Scenario { file, name, .. } = scenario;
    for (step, of) in scenario.steps.iter().zip(&report.steps) {
        let held = of.differences.is_empty();
        terminal.result(&json!({
            "scenario": name, "file": file, "line": step.line, "says": step.says, "did": of.did, "held": held,
        }));
        if verbose {
            let mark = if held { format!("{GOOD}ok{GOOD:#}") } else { format!("{BAD}--{BAD:#}") };
            let says = step.says.as_deref().unwrap_or(&of.did);
            terminal.say(format_args!("  {mark} line {:<4} {says} {QUIET}({}){QUIET:#}", step.line, of.did));
        }
        for difference in &of.differences {
            let (line, what) = (difference.line, &difference.what);
            let (expected, found) = (&difference.expected, &difference.found);
            terminal.result(&json!({
                "scenario": name, "file": file, "line": line, "what": what, "expected": expected, "found": found,
            }));
            if let Some(says) = &step.says {
                terminal.say(format_args!("{QUIET}{says}{QUIET:#}"));
            }
            terminal
                .say(format_args!("{BAD}{file}:{line}{BAD:#}: {what}\n  expected  {expected}\n  found     {found}"));
        }
    }
    let (differences, expectations) = (report.differences().count(), scenario.expectations());
    let millis = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    terminal.result(&json!({
        "scenario": name, "file": file, "held": differences == 0, "steps": scenario.steps.len(),
        "expectations": expectations, "differences": differences, "millis": millis, "books": report.books,
    }));
    if differences == 0 {
        let held = format!("{expectations} expectations held in {millis} ms");
        terminal.say(format_args!("{GOOD}ok{GOOD:#} {name}: {held}"));
    } else {
        terminal.say(format_args!("{BAD}differs{BAD:#} {name}: {differences} differences"));
        books(terminal, &report.books);
    }
}

/// The books at the end, with every account.
fn books(terminal: Terminal, books: &Statement) {
    let balanced = if books.balanced { "balanced" } else { "NOT BALANCED" };
    terminal.say(format_args!("  the books, {balanced}:"));
    for row in &books.accounts {
        let (account, balance) = (row.account.to_string(), row.balance.to_string());
        terminal.say(format_args!("    {account:<48} {MONEY}{balance:>12}{MONEY:#}"));
    }
}
