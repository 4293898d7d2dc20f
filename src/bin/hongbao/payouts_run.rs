//! `hongbao payouts run`: sends and shows how it goes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongbao::clock::Clock;
use hongbao::payout::state::Phase;
use hongbao::payout::{Campaign, Dispatcher, Ledger, Rules};
use hongbao::{Client, Fen, Merchants};
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
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Calls under way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,

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
    let clock = ledger::running_clock(args.source.sandbox.as_deref()).await?;
    let merchants = Arc::new(Merchants::new());
    for entity in &entities {
        merchants.insert(Client::builder(entity).clock(Arc::clone(&clock)).build()?);
    }
    let mut rules = Rules::default();
    if let Some(rate) = args.rate {
        rules.per_second = rate;
    }
    let mut builder = Dispatcher::builder(Arc::clone(&ledger), Arc::clone(&merchants))
        .rules(rules)
        .clock(Arc::clone(&clock))
        .in_flight(usize::from(args.in_flight));
    if let Some(worker) = &args.worker {
        builder = builder.worker(worker.as_str());
    }
    let dispatcher = Arc::new(builder.build());
    let stop = Arc::new(tokio::sync::Notify::new());
    let mut running = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await })
    };
    let view = View { ledger: &*ledger, merchants: &merchants, clock: &*clock };
    let watched = watch(terminal, &view, args.until, signals).await;
    stop.notify_one();
    if watched.as_ref().is_ok_and(|seen| seen.interrupted) {
        terminal.say("stopping: nothing new is sent, and answers are waited for; a second signal ends it at once");
    }
    let again = Signals::new()?;
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = again.wait() => {
            let next = "run it again: what was under way is repeated under its number, never under a new one";
            return Err(Failure::open("it was ended before the answers were recorded", next));
        }
    };
    let stats = match ended {
        Ok(stats) => stats.map_err(Failure::from)?,
        Err(error) => return Err(Failure::unexpected(format!("the dispatcher broke off: {error}"))),
    };
    let seen = match watched {
        Ok(seen) => seen.or_now(&view).await,
        Err(failure) => Err(failure),
    };
    let seen = match seen {
        Err(failure) if stats.sends > 0 => {
            let problem =
                format!("it ended, and the ledger does not say where the payouts stand: {}", failure.report());
            return Err(Failure::open(problem, "when the ledger is back: hongbao payouts status, and run it again"));
        }
        seen => seen?,
    };
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

/// What is looked at: the campaigns of these entities. Those of others are left
/// to other processes, and nobody waits for them here.
struct View<'a> {
    ledger: &'a dyn Ledger,
    merchants: &'a Merchants,
    clock: &'a dyn Clock,
}

impl View<'_> {
    fn serves(&self, campaign: &Campaign) -> bool {
        self.merchants.find(campaign.mch_id.as_str(), campaign.app_id.as_str()).is_some()
    }
}

/// Where all payouts of these entities stand.
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
    /// Payouts of merchants that are not served here, neither sent nor decided.
    elsewhere: u64,
    /// Of those that are not sent or not decided: how many wait for a merchant
    /// that is stopped.
    stuck: u64,
    stuck_accepted: u64,
    paused: bool,
    stopped: bool,
    interrupted: bool,
}

impl Seen {
    async fn of(view: &View<'_>) -> Result<Self, Failure> {
        let View { ledger, clock, .. } = view;
        let mut seen = Self::default();
        let add = |sum: Fen, more: Fen| sum.checked_add(more).unwrap_or(sum);
        for campaign in ledger.campaigns().await.map_err(Failure::of_ledger)? {
            if campaign.ready.is_none() {
                continue;
            }
            let served = view.serves(&campaign);
            let (gate, _) = ledger.gate(&campaign.mch_id).await.map_err(Failure::of_ledger)?;
            if served {
                seen.stopped |= gate.stopped;
                seen.paused |= gate.paused_until.is_some_and(|until| until > clock.now());
            }
            for total in ledger.totals(campaign.id).await.map_err(Failure::of_ledger)? {
                if !served {
                    if matches!(total.phase, Phase::Planned | Phase::Sending) {
                        seen.elsewhere += total.count;
                    }
                    continue;
                }
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
                match total.phase {
                    Phase::Planned | Phase::Sending if gate.stopped => seen.stuck += total.count,
                    Phase::Accepted if gate.stopped => seen.stuck_accepted += total.count,
                    _ => {}
                }
                seen.amount = add(seen.amount, total.amount);
                if matches!(total.phase, Phase::Accepted | Phase::Received | Phase::Returned) {
                    seen.sent = add(seen.sent, total.amount);
                }
            }
        }
        Ok(seen)
    }

    async fn or_now(self, view: &View<'_>) -> Result<Self, Failure> {
        // What was under way at the end has its answer now.
        Ok(Self { interrupted: self.interrupted, ..Self::of(view).await? })
    }

    const fn all(&self) -> u64 {
        self.planned + self.sending + self.accepted + self.received + self.returned + self.refused + self.held
    }

    const fn paid(&self) -> u64 {
        self.accepted + self.received + self.returned
    }

    /// How many are where the run is to bring them.
    const fn there(&self, until: Until) -> u64 {
        let answered = self.all() - self.planned - self.sending;
        match until {
            Until::Settled => answered - self.accepted,
            Until::Sent | Until::Stopped => answered,
        }
    }

    fn ended(&self, until: Until) -> bool {
        match until {
            Until::Sent => self.planned + self.sending == 0,
            Until::Settled => self.planned + self.sending + self.accepted == 0,
            Until::Stopped => false,
        }
    }

    /// Whether all that is left waits for a person to release a merchant.
    fn stuck(&self, until: Until) -> bool {
        let left = self.planned + self.sending;
        match until {
            Until::Sent => self.stopped && left == self.stuck,
            Until::Settled => self.stopped && left + self.accepted == self.stuck + self.stuck_accepted,
            Until::Stopped => false,
        }
    }

    const fn word(&self) -> &'static str {
        if self.stopped && self.planned + self.sending > 0 {
            "stopped"
        } else if self.sending > 0 {
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
        if self.all() == 0 && self.elsewhere == 0 {
            terminal.say("there is nothing to send: plan a campaign first (hongbao payouts plan)");
            return;
        }
        let (colour, word) = if self.word() == "done" { (GOOD, "done") } else { (BAD, "not done yet") };
        terminal.say(format_args!(
            "{colour}{word}{colour:#}: {} of {} packets are paid, {MONEY}{}{MONEY:#} of {} yuan",
            self.paid(),
            self.all(),
            self.sent,
            self.amount
        ));
        for (count, what) in [
            (self.planned, "not sent yet"),
            (self.sending, "open: started again, it repeats them under their numbers, never under new ones"),
            (self.held, "held for a person: hongbao payouts report says why"),
            (self.refused, "refused: hongbao payouts report says why"),
            (self.accepted, "not opened yet, as far as is known; --until settled waits for that or their return"),
            (self.elsewhere, "of merchants that are not served here, and not sent"),
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
            0 => {
                Failure::not_now(format!("it was interrupted, and {} of the payouts are not sent", self.planned), next)
            }
            open => Failure::open(format!("it was interrupted, and {open} of the payouts are open"), next),
        })
    }
}

/// How long the rate looks back: long enough to be calm, and soon enough aware
/// that nothing moves any more.
const LOOKS_BACK: Duration = Duration::from_secs(10);

/// Packets a second of late.
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    fn beginning(paid: u64) -> Self {
        Self(VecDeque::from([(Instant::now(), paid)]))
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    fn with(&mut self, paid: u64) -> f64 {
        let now = Instant::now();
        self.0.push_back((now, paid));
        while self.0.len() > 2 && now - self.0[0].0 > LOOKS_BACK {
            self.0.pop_front();
        }
        let (since, before) = self.0[0];
        paid.saturating_sub(before) as f64 / (now - since).as_secs_f64().max(0.001)
    }
}

/// Shows how it goes until the end is there, or a signal.
async fn watch(terminal: Terminal, view: &View<'_>, until: Until, signals: Signals) -> Result<Seen, Failure> {
    let mut seen = Seen::of(view).await?;
    let mut rate = Rate::beginning(seen.paid());
    // Two lines, so that a terminal of eighty columns shows all of it.
    let bar = terminal.bar(seen.all(), "{bar:24.yellow} {pos} of {len}  {prefix}\n{msg}");
    let mut signal = std::pin::pin!(signals.wait());
    let mut told = Instant::now();
    let every = if bar.is_some() { Duration::from_millis(500) } else { Duration::from_secs(5) };
    loop {
        if seen.ended(until) || seen.stuck(until) {
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
        let Ok(now) = Seen::of(view).await else { continue };
        seen = now;
        let rate = rate.with(seen.paid());
        if told.elapsed() < every {
            continue;
        }
        told = Instant::now();
        let (speed, counts) = (speed(&seen, rate, view).await, counts(&seen));
        match &bar {
            Some(bar) => {
                bar.set_length(seen.all());
                bar.set_position(seen.there(until));
                bar.set_prefix(speed);
                bar.set_message(counts);
            }
            None => terminal.say(format_args!("{} of {}  {counts}  {speed}", seen.there(until), seen.all())),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(seen)
}

/// The rate, and when it comes to its end or what it waits for.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
async fn speed(seen: &Seen, rate: f64, view: &View<'_>) -> String {
    let mut text = format!("{rate:.1}/s");
    if seen.paused {
        text.push_str("  pausing");
    } else if rate > 0.0 {
        let left = ((seen.planned + seen.sending) as f64 / rate) as u64;
        text.push_str(&match left {
            0..=119 => format!("  {left} s left"),
            120..=7199 => format!("  {} min left", left / 60),
            _ => format!("  {} h left", left / 3600),
        });
    } else if let Ok(moments) = view.ledger.next_due().await
        && let Some(next) = moments.into_iter().map(|(_, at)| at).min()
        && next > view.clock.now()
    {
        // What a process that died had under way, or pauses between attempts, or queries.
        text.push_str(&format!("  next at {next}"));
    }
    text
}

fn counts(seen: &Seen) -> String {
    let mut text =
        format!("paid {}  waiting {}  unknown {}  held {}", seen.paid(), seen.planned, seen.sending, seen.held);
    for (count, what) in [(seen.refused, "refused"), (seen.received, "opened"), (seen.returned, "returned")] {
        if count > 0 {
            text.push_str(&format!("  {what} {count}"));
        }
    }
    text
}
