//! `hongbao payouts run`: sends and shows how it goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hongbao::payout::state::Phase;
use hongbao::payout::{Dispatcher, Ledger, Rules};
use hongbao::{Client, Fen, Merchants};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::entities::Source;
use crate::failure::Failure;
use crate::ledger::{self, LedgerArgs};
use crate::sandbox::Signals;
use crate::terminal::{BAD, GOOD, MONEY, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    ledger: LedgerArgs,

    /// When to end: once everything is sent, once everything is decided, or never by itself
    #[arg(long, value_enum, default_value_t = Until::Sent)]
    until: Until,

    /// Packets a second of each merchant, over all processes, if WeChat Pay granted other than 30
    #[arg(long, value_name = "NUMBER")]
    rate: Option<u32>,

    /// Calls under way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    in_flight: usize,

    /// The name of this process in the journal
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,

    /// Required where money is real: packets leave the merchant's account and cannot be called back
    #[arg(long)]
    yes_real_money: bool,

    /// One JSON object at the end on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Until {
    /// Nothing is planned or open any more; users may still open their packets
    Sent,
    /// Every packet is received, returned, refused or held
    Settled,
    /// A signal comes
    Stopped,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let signals = Signals::new()?;
    let entities = args.source.all()?;
    if let Some(real) = entities.iter().find(|entity| entity.endpoint.is_production())
        && !args.yes_real_money
    {
        let problem = format!("{} is a real account: its packets would leave it for good", real.name);
        return Err(Failure::usage(problem, "add --yes-real-money if that is meant; nothing was sent"));
    }
    let ledger = args.ledger.existing().await?;
    let clock = ledger::clock(args.source.sandbox.as_deref()).await;
    let merchants = Merchants::new();
    for entity in &entities {
        merchants.insert(Client::builder(entity).clock(Arc::clone(&clock)).build()?);
    }
    let mut rules = Rules::default();
    if let Some(rate) = args.rate {
        rules.per_second = rate;
    }
    let mut builder = Dispatcher::builder(Arc::clone(&ledger), Arc::new(merchants))
        .rules(rules)
        .clock(clock)
        .in_flight(args.in_flight);
    if let Some(worker) = &args.worker {
        builder = builder.worker(worker.as_str());
    }
    let dispatcher = Arc::new(builder.build());
    let stop = Arc::new(tokio::sync::Notify::new());
    let running = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await })
    };
    let watched = watch(terminal, &*ledger, args.until, signals).await;
    stop.notify_one();
    let stats = match running.await {
        Ok(stats) => stats.map_err(Failure::from)?,
        Err(error) => return Err(Failure::unexpected(format!("the dispatcher broke off: {error}"))),
    };
    let seen = watched?.or_now(&*ledger).await?;
    let result = json!({
        "outcome": seen.word(), "sends": stats.sends, "accepted": stats.accepted, "refused": stats.refused,
        "unknown": stats.unknown, "queries": stats.queries, "stale": stats.stale, "payouts": seen.json(),
    });
    seen.told(terminal);
    match seen.failure(args.until) {
        Some(failure) => Err(failure.with(result)),
        None => {
            terminal.result(&result);
            Ok(())
        }
    }
}

/// Where all payouts of the ledger stand.
#[derive(Clone, Copy, Default)]
struct Seen {
    planned: u64,
    sending: u64,
    accepted: u64,
    received: u64,
    returned: u64,
    refused: u64,
    held: u64,
    amount: Fen,
    sent: Fen,
    paused: bool,
    stopped: bool,
    interrupted: bool,
}

impl Seen {
    async fn of(ledger: &dyn Ledger) -> Result<Self, Failure> {
        let mut seen = Self::default();
        let add = |sum: Fen, more: Fen| sum.checked_add(more).unwrap_or(sum);
        for campaign in ledger.campaigns().await.map_err(Failure::of_ledger)? {
            if campaign.ready.is_none() {
                continue;
            }
            for total in ledger.totals(campaign.id).await.map_err(Failure::of_ledger)? {
                let count = match total.phase {
                    Phase::Planned => &mut seen.planned,
                    Phase::Sending => &mut seen.sending,
                    Phase::Accepted => &mut seen.accepted,
                    Phase::Received => &mut seen.received,
                    Phase::Returned => &mut seen.returned,
                    Phase::Refused => &mut seen.refused,
                    _ => &mut seen.held,
                };
                *count += total.count;
                seen.amount = add(seen.amount, total.amount);
                if matches!(total.phase, Phase::Accepted | Phase::Received | Phase::Returned) {
                    seen.sent = add(seen.sent, total.amount);
                }
            }
            let (gate, _) = ledger.gate(&campaign.mch_id).await.map_err(Failure::of_ledger)?;
            seen.stopped |= gate.stopped;
            seen.paused |= gate.paused_until.is_some();
        }
        Ok(seen)
    }

    async fn or_now(self, ledger: &dyn Ledger) -> Result<Self, Failure> {
        // What was under way at the end has its answer now.
        Ok(Self { interrupted: self.interrupted, ..Self::of(ledger).await? })
    }

    const fn all(&self) -> u64 {
        self.planned + self.sending + self.accepted + self.received + self.returned + self.refused + self.held
    }

    const fn paid(&self) -> u64 {
        self.accepted + self.received + self.returned
    }

    const fn decided(&self) -> u64 {
        self.all() - self.planned - self.sending
    }

    fn ended(&self, until: Until) -> bool {
        match until {
            Until::Sent => self.planned + self.sending == 0,
            Until::Settled => self.planned + self.sending + self.accepted == 0,
            Until::Stopped => false,
        }
    }

    const fn word(&self) -> &'static str {
        if self.sending > 0 {
            "unknown"
        } else if self.planned > 0 {
            "interrupted"
        } else {
            "done"
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "planned": self.planned, "sending": self.sending, "accepted": self.accepted, "received": self.received,
            "returned": self.returned, "refused": self.refused, "held": self.held, "amount": self.amount,
            "sent": self.sent,
        })
    }

    fn told(&self, terminal: Terminal) {
        let (colour, word) = if self.word() == "done" { (GOOD, "done") } else { (BAD, "not done yet") };
        terminal.say(format_args!(
            "{colour}{word}{colour:#}: {} of {} packets are paid, {MONEY}{}{MONEY:#} of {} yuan",
            self.paid(),
            self.all(),
            self.sent,
            self.amount
        ));
        for (count, what) in [
            (self.planned, "are planned and not sent"),
            (self.sending, "are open: start it again and they are repeated under their numbers, never under new ones"),
            (self.held, "are held for a person: hongbao payouts report says why"),
            (self.refused, "are refused: hongbao payouts report says why"),
        ] {
            if count > 0 {
                terminal.say(format_args!("  {count} {what}"));
            }
        }
        if self.stopped {
            terminal.say(format_args!("  {BAD}a merchant is stopped:{BAD:#} hongbao payouts status says why"));
        }
    }

    /// Why it did not come to the end that was asked for.
    fn failure(&self, until: Until) -> Option<Failure> {
        if until == Until::Stopped || self.planned + self.sending == 0 {
            return None;
        }
        if self.stopped {
            let next = "correct its set-up, then hongbao payouts release --merchant MCH_ID --reason …, and run again";
            return Some(Failure::not_now("a merchant is stopped, and its payouts wait", next));
        }
        let next = "run it again: what is open is repeated under its number, never under a new one";
        Some(match self.sending {
            0 => Failure::not_now(format!("it was interrupted, and {} payouts are not sent", self.planned), next),
            open => Failure::open(format!("it was interrupted, and {open} payouts are open"), next),
        })
    }
}

/// Shows how it goes until the end is there, or a signal.
async fn watch(terminal: Terminal, ledger: &dyn Ledger, until: Until, signals: Signals) -> Result<Seen, Failure> {
    let started = Instant::now();
    let mut seen = Seen::of(ledger).await?;
    let paid_before = seen.paid();
    let bar = bar(terminal, &seen);
    let mut signal = std::pin::pin!(signals.wait());
    let mut told = Instant::now();
    let every = if bar.is_some() { Duration::from_millis(500) } else { Duration::from_secs(5) };
    loop {
        if seen.ended(until) || (seen.stopped && until != Until::Stopped) {
            break;
        }
        tokio::select! {
            biased;
            () = &mut signal => {
                seen.interrupted = true;
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        // A ledger that cannot be read just now is the dispatcher's to complain about.
        let Ok(now) = Seen::of(ledger).await else { continue };
        seen = now;
        if told.elapsed() < every {
            continue;
        }
        told = Instant::now();
        let rate = rate(seen.paid() - paid_before.min(seen.paid()), started.elapsed());
        let line = line(&seen, rate);
        match &bar {
            Some(bar) => {
                bar.set_length(seen.all());
                bar.set_position(seen.decided());
                bar.set_message(line);
            }
            None => terminal.say(format_args!("{} of {}  {line}", seen.decided(), seen.all())),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(seen)
}

fn bar(terminal: Terminal, seen: &Seen) -> Option<ProgressBar> {
    if !terminal.is_seen() {
        return None;
    }
    let target = if terminal.is_json() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
    let bar = ProgressBar::with_draw_target(Some(seen.all()), target);
    let style = ProgressStyle::with_template("{bar:30.yellow} {pos} of {len}  {msg}");
    Some(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(paid: u64, elapsed: Duration) -> f64 {
    paid as f64 / elapsed.as_secs_f64().max(0.001)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn line(seen: &Seen, rate: f64) -> String {
    let mut line = format!(
        "{rate:.1}/s  paid {}  waiting {}  unknown {}  held {}",
        seen.paid(),
        seen.planned,
        seen.sending,
        seen.held
    );
    if seen.refused > 0 {
        line.push_str(&format!("  refused {}", seen.refused));
    }
    if seen.paused {
        line.push_str("  pausing");
    } else if rate > 0.0 {
        let left = ((seen.planned + seen.sending) as f64 / rate) as u64;
        line.push_str(&match left {
            0..=119 => format!("  {left} s left"),
            120..=7199 => format!("  {} min left", left / 60),
            _ => format!("  {} h left", left / 3600),
        });
    }
    line
}
