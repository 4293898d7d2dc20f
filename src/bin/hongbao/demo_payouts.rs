//! `hongbao demo --payouts N`: a campaign in a storm, told as it happens.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hongbao::clock::{Clock, Timestamp};
use hongbao::payout::ledger::Filter;
use hongbao::payout::plan::{Options, Plan, Source};
use hongbao::payout::report::Report;
use hongbao::payout::state::Phase;
use hongbao::payout::{CampaignId, Dispatcher, Ledger, NewCampaign, Rules, Sqlite, Stats, Template};
use hongbao::redpack::Extra;
use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{AppId, Client, Entity, Fen, MchId, Merchants, RetryPolicy};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::{BAD, GOOD, MONEY, NUMBER, QUIET, TITLE, Terminal};

/// What the sandbox grants here, so that nobody waits for minutes.
const PER_SECOND: u32 = 1_000;
/// Ten kinds of faults at five of a thousand calls each.
const PER_MILLE: u16 = 5;

pub(crate) async fn run(payouts: u32, json: bool) -> Result<(), Failure> {
    let terminal = Terminal::new(json);
    let folder = Folder::new()?;
    let sandbox = Sandbox::new()?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let served = sandbox.serve(any, any, None).await?;
    let Some(coffee) = sandbox.merchants().into_iter().next() else {
        return Err(Failure::unexpected("the sandbox has no merchant"));
    };
    let mut story = Story { sandbox, terminal, coffee, folder, payouts, calls: Stats::default() };
    story.prepare(&served.gateway())?;
    let campaign = story.plan().await?;
    story.send(campaign).await?;
    story.open(campaign).await?;
    story.settle(campaign).await?;
    story.judge(campaign).await?;
    served.stop().await;
    Ok(())
}

struct Story {
    sandbox: Sandbox,
    terminal: Terminal,
    coffee: Entity,
    folder: Folder,
    payouts: u32,
    calls: Stats,
}

/// The dispatcher goes by the sandbox's clock, which the story advances.
struct SandboxTime(Sandbox);

impl Clock for SandboxTime {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Story {
    fn prepare(&self, gateway: &str) -> Result<(), Failure> {
        let mch_id = &self.coffee.mch_id;
        let each = Fen::new(100 * i64::from(self.payouts) + 1_000_000);
        self.sandbox.top_up(mch_id, each)?;
        self.sandbox.change_settings(mch_id, |settings| settings.calls_per_second = 2 * PER_SECOND)?;
        let faults = [
            Fault::SystemErrorBefore,
            Fault::SystemErrorAfter,
            Fault::Processing,
            Fault::HangUpBefore,
            Fault::HangUpAfter,
            Fault::Delay { millis: 150 },
            Fault::Garbage,
            Fault::BadGateway,
            Fault::TruncatedBody,
            Fault::Refuse { code: "FREQ_LIMIT".to_owned() },
        ];
        for (seed, fault) in (1..).zip(faults) {
            self.sandbox.fault(FaultRule::new(fault, When::PerMille { rate: PER_MILLE, seed }))?;
        }
        self.say(format_args!("{TITLE}{} red packets in a storm{TITLE:#}\n", self.payouts));
        self.say(format_args!(
            "  A WeChat Pay in this process, on {NUMBER}{gateway}{NUMBER:#}: real TLS, real certificates,"
        ));
        self.say(format_args!("  real signatures, play money. One call in twenty goes wrong: lost answers, garbage,"));
        self.say(format_args!(
            "  SYSTEMERROR before and after the money moved. It grants {PER_SECOND} packets a second here;"
        ));
        self.say("  the real one grants 30 unless asked for more.");
        self.record("start", json!({ "gateway": gateway, "payouts": self.payouts }));
        Ok(())
    }

    async fn plan(&self) -> Result<CampaignId, Failure> {
        self.chapter("A file of recipients becomes a plan");
        let mut file = "openid,amount\n".to_owned();
        for number in 0..self.payouts {
            file.push_str(&format!("oDemo{number:023},{}\n", Fen::new(100 + i64::from(number % 89))));
        }
        let invalid = |error: hongbao::InvalidId| Failure::from(hongbao::Error::from(error));
        let options = Options::new(NewCampaign {
            name: "demo".to_owned(),
            mch_id: MchId::new(self.coffee.mch_id.as_str()).map_err(invalid)?,
            app_id: AppId::new(self.coffee.app_id.as_str()).map_err(invalid)?,
            template: Template {
                send_name: self.coffee.name.clone(),
                wishing: "恭喜发财，大吉大利".to_owned(),
                act_name: "红包演示".to_owned(),
                remark: "hongbao demo".to_owned(),
                client_ip: Ipv4Addr::LOCALHOST,
                extra: Extra::default(),
            },
        });
        let source = Source::bytes("recipients.csv", file.into_bytes());
        let plan = Plan::read(&source, &options).map_err(|problems| Failure::unexpected(problems.to_string()))?;
        let ledger = self.ledger()?;
        let unexpected = |error: hongbao::payout::plan::Failure| Failure::unexpected(error.to_string());
        let imported = plan.store(&*ledger, self.sandbox.now(), &mut |_, _| {}).await.map_err(unexpected)?;
        let totals = plan.totals();
        self.say(format_args!("  {} payouts, {MONEY}{}{MONEY:#} yuan together", totals.count, totals.sum));
        self.say(format_args!("  digest {QUIET}{}{QUIET:#}", plan.digest()));
        let again = plan.store(&*ledger, self.sandbox.now(), &mut |_, _| {}).await.map_err(unexpected)?;
        expect(again.new == 0 && again.known == totals.count, "the same file planned something new")?;
        self.say("  The same file again changes nothing.");
        self.record("planned", json!({ "totals": totals, "digest": plan.digest() }));
        imported.campaign.ok_or_else(|| Failure::unexpected("there is no campaign"))
    }

    async fn send(&mut self, campaign: CampaignId) -> Result<(), Failure> {
        self.chapter("They are sent, and the process dies on the way");
        let bar = self.terminal.bar(u64::from(self.payouts), "  {bar:40.yellow} {pos} of {len} taken");
        let mut kills = 0;
        loop {
            // A new process: nothing is left of the one before but the ledger.
            let ledger = self.ledger()?;
            let dispatcher = Arc::new(self.dispatcher(&ledger)?);
            let mut working = {
                let dispatcher = Arc::clone(&dispatcher);
                tokio::spawn(async move { dispatcher.pass().await })
            };
            let started = tokio::time::Instant::now();
            let lives_for = Duration::from_millis(u64::from(self.payouts / 4).clamp(100, 1_500));
            let mut deadline = if kills < 2 { started + lives_for } else { started + Duration::from_secs(3600) };
            let next = loop {
                tokio::select! {
                    biased;
                    done = &mut working => match done {
                        Ok(pass) => break Some(pass.map_err(Failure::from)?.next),
                        Err(error) => return Err(Failure::unexpected(error.to_string())),
                    },
                    () = tokio::time::sleep_until(deadline) => {
                        // Death in the act is what it is about.
                        let [.., open, _] = counts(&*ledger, campaign).await?;
                        if open == 0 {
                            deadline = tokio::time::Instant::now() + Duration::from_millis(20);
                            continue;
                        }
                        working.abort();
                        let _ = working.await;
                        break None;
                    }
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                }
                if let Some(bar) = &bar {
                    let [_, accepted, ..] = counts(&*ledger, campaign).await?;
                    bar.set_position(accepted);
                }
            };
            self.add(dispatcher.stats());
            let [left, accepted, open, _] = counts(&*ledger, campaign).await?;
            match next {
                None => {
                    kills += 1;
                    self.above(&bar, format_args!(
                        "  {BAD}killed{BAD:#} with {accepted} packets taken, {open} open: nobody knows what became of those"
                    ));
                    self.record("killed", json!({ "accepted": accepted, "open": open }));
                    // The leases of the dead end.
                    self.sandbox.advance(Rules::default().lease)?;
                }
                Some(_) if left + open == 0 => break,
                Some(Some(next)) => {
                    let wait = next.since(self.sandbox.now());
                    self.sandbox.advance(wait.max(Duration::from_millis(1)))?;
                }
                Some(None) => return Err(Failure::unexpected("payouts are left and nothing comes next")),
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let Stats { sends, accepted, unknown, refused, .. } = self.calls;
        self.say(format_args!(
            "  {sends} calls: {accepted} taken, {unknown} without a clear answer, {refused} refused"
        ));
        self.say(format_args!(
            "  {GOOD}All {} packets are taken.{GOOD:#} What was unclear was sent again under its number.",
            self.payouts
        ));
        self.record("sent", json!({ "sends": sends, "accepted": accepted, "unknown": unknown, "refused": refused }));
        Ok(())
    }

    async fn open(&self, campaign: CampaignId) -> Result<(), Failure> {
        self.chapter("Most users open them, some never look");
        let ledger = self.ledger()?;
        let mut filter = Filter::all(campaign);
        let (mut opened, mut place) = (0_u32, 0_u32);
        loop {
            let page = ledger.list(&filter, 1000).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            for payout in &page {
                place += 1;
                if !place.is_multiple_of(10) {
                    self.sandbox.open_packet(&self.coffee.mch_id, payout.number.as_str(), payout.openid.as_str())?;
                    opened += 1;
                }
            }
        }
        self.say(format_args!("  {opened} are opened, {} are not", self.payouts - opened));
        self.record("opened", json!({ "opened": opened }));
        Ok(())
    }

    async fn settle(&mut self, campaign: CampaignId) -> Result<(), Failure> {
        let ledger = self.ledger()?;
        let dispatcher = self.dispatcher(&ledger)?;
        let started = self.sandbox.now();
        loop {
            let pass = dispatcher.pass().await?;
            let [left, accepted, open, decided] = counts(&*ledger, campaign).await?;
            if left + accepted + open == 0 {
                expect(decided == u64::from(self.payouts), "some payouts are gone")?;
                break;
            }
            let Some(next) = pass.next else { return Err(Failure::unexpected("nothing comes next")) };
            self.sandbox.advance(next.since(self.sandbox.now()).max(Duration::from_millis(1)))?;
        }
        self.add(dispatcher.stats());
        let hours = self.sandbox.now().since(started).as_secs() / 3600;
        self.say(format_args!("  {hours} hours pass; {} queries ask what became of them", self.calls.queries));
        Ok(())
    }

    async fn judge(&self, campaign: CampaignId) -> Result<(), Failure> {
        self.chapter("The sandbox's books and the ledger, line by line");
        let ledger = self.ledger()?;
        let report = Report::of(&*ledger, campaign, &Rules::default(), self.sandbox.now()).await?;
        let mut filter = Filter::all(campaign);
        let (mut lines, mut times) = (0_u64, BTreeMap::new());
        loop {
            let page = ledger.list(&filter, 1000).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            for payout in &page {
                let packet = self.sandbox.packet(&self.coffee.mch_id, payout.number.as_str());
                let status = packet.as_ref().map_or("", |packet| packet.status.as_str());
                let agrees = match payout.standing.phase {
                    Phase::Received => status == "RECEIVED" && payout.standing.received == payout.amount,
                    Phase::Returned => status == "REFUND" && payout.standing.returned == payout.amount,
                    _ => false,
                };
                let number = &payout.number;
                expect(agrees, format!("{number} is {status} there and {} here", payout.standing.phase))?;
                lines += 1;
            }
        }
        for place in (0..).step_by(1000) {
            let page = self.sandbox.packets(place, 1000);
            for packet in &page {
                *times.entry(packet.re_openid.clone()).or_insert(0_u32) += 1;
            }
            if page.len() < 1000 {
                break;
            }
        }
        let books = self.sandbox.books();
        let (money, once) = (report.money, times.values().all(|count| *count == 1));
        expect(lines == u64::from(self.payouts) && times.len() == usize::try_from(lines).unwrap_or(0), "lines differ")?;
        expect(once, "somebody got two packets")?;
        expect(books.balanced && books.with_users == money.received, "the books and the ledger differ")?;
        expect(books.in_transit == Fen::ZERO, "something is still on its way")?;
        self.say(report.table().trim_end());
        self.say("");
        self.say(format_args!(
            "  {MONEY}{:>12}{MONEY:#}  yuan are with users, say the sandbox's books",
            books.with_users
        ));
        self.say(format_args!("  {MONEY}{:>12}{MONEY:#}  yuan were received, says the ledger", money.received));
        self.record("books", json!({ "books": books, "money": money, "lines": lines }));
        self.say(format_args!("\n{GOOD}{lines} payees, each paid exactly once. Balanced to the fen.{GOOD:#}"));
        Ok(())
    }

    fn ledger(&self) -> Result<Arc<dyn Ledger>, Failure> {
        Ok(Arc::new(Sqlite::open(self.folder.0.join("payouts.db")).map_err(Failure::of_ledger)?))
    }

    fn dispatcher(&self, ledger: &Arc<dyn Ledger>) -> Result<Dispatcher, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SandboxTime(self.sandbox.clone()));
        let merchants = Merchants::new();
        let client = Client::builder(&self.coffee).clock(Arc::clone(&clock)).retry(RetryPolicy::never());
        merchants.insert(client.build()?);
        let mut rules = Rules::default();
        rules.per_second = PER_SECOND;
        Ok(Dispatcher::builder(Arc::clone(ledger), Arc::new(merchants)).rules(rules).clock(clock).build())
    }

    fn add(&mut self, stats: Stats) {
        self.calls.sends += stats.sends;
        self.calls.accepted += stats.accepted;
        self.calls.refused += stats.refused;
        self.calls.unknown += stats.unknown;
        self.calls.queries += stats.queries;
    }

    /// A line above the bar.
    fn above(&self, bar: &Option<ProgressBar>, line: std::fmt::Arguments<'_>) {
        match bar {
            Some(bar) => bar.suspend(|| self.say(line)),
            None => self.say(line),
        }
    }

    fn chapter(&self, title: &str) {
        self.say(format_args!("\n{TITLE}{title}{TITLE:#}\n"));
    }

    fn say(&self, line: impl std::fmt::Display) {
        self.terminal.say(line);
    }

    fn record(&self, step: &str, mut facts: Value) {
        facts["step"] = json!(step);
        facts["at"] = json!(self.sandbox.now());
        self.terminal.result(&facts);
    }
}

/// Planned; taken; open; decided.
async fn counts(ledger: &dyn Ledger, campaign: CampaignId) -> Result<[u64; 4], Failure> {
    let mut counts = [0; 4];
    for total in ledger.totals(campaign).await.map_err(Failure::of_ledger)? {
        let place = match total.phase {
            Phase::Planned => 0,
            Phase::Accepted => 1,
            Phase::Sending => 2,
            _ => 3,
        };
        counts[place] += total.count;
    }
    Ok(counts)
}

fn expect(holds: bool, otherwise: impl Into<String>) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::unexpected(otherwise)) }
}

/// A place for the ledger that goes away with the story.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("hongbao-demo-{}", std::process::id()));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display()), "free the place or set TMPDIR"))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
