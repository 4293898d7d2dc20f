//! `hongbao demo`: the life of four red packets, told as it happens.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hongbao::query::{self, RedPacketFound, RedPacketStatus};
use hongbao::sandbox::{Account, Fault, FaultRule, Sandbox, When};
use hongbao::{BillNo, Client, Entity, Fen, OpenId, Outcome, RetryPolicy, redpack};
use serde_json::{Value, json};

use crate::demo_payouts;
use crate::failure::{Failure, word};
use crate::redpack::in_words;
use crate::terminal::{BAD, GOOD, MONEY, NUMBER, QUIET, TITLE, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Send a whole campaign of so many packets instead, while calls fail and the process dies
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    payouts: Option<u32>,

    /// One JSON object for each step on standard output, the story on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    if let Some(payouts) = args.payouts {
        return demo_payouts::run(payouts, args.json).await;
    }
    let sandbox = Sandbox::new()?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let served = sandbox.serve(any, any, None).await?;
    let mut merchants = sandbox.merchants();
    let (Some(books), Some(coffee)) = (merchants.pop(), merchants.pop()) else {
        return Err(Failure::unexpected("the sandbox has not the two merchants that the story is about"));
    };
    let mut story = Story { sandbox, terminal: Terminal::new(args.json), coffee, books, chapter: 0 };
    story.begin(&served.gateway());
    story.opened().await?;
    story.unclaimed().await?;
    story.lost_answer().await?;
    story.wrong_key().await?;
    story.end()?;
    served.stop().await;
    Ok(())
}

/// Who receives.
struct User {
    name: &'static str,
    openid: &'static str,
}

const LIN: User = User { name: "Lin", openid: "oLin4r0Z1a2b3c4d5e6f7g8h9i0j" };
const MEI: User = User { name: "Mei", openid: "oMei9y8x7w6v5u4t3s2r1q0p9o8n" };
const WEI: User = User { name: "Wei", openid: "oWei5t4s3r2q1p0o9n8m7l6k5j4i" };

const LIFETIME: Duration = Duration::from_secs(24 * 3600);

struct Story {
    sandbox: Sandbox,
    terminal: Terminal,
    coffee: Entity,
    books: Entity,
    chapter: u32,
}

impl Story {
    fn begin(&self, gateway: &str) {
        let say = |line: std::fmt::Arguments<'_>| self.terminal.say(line);
        say(format_args!("{TITLE}Four red packets (红包) against a WeChat Pay in this process{TITLE:#}\n"));
        say(format_args!("  It listens on {NUMBER}{gateway}{NUMBER:#}: real TLS, real client certificates, real"));
        say(format_args!("  signatures, play money. Times are Beijing times, on a clock that can be advanced."));
        for entity in [&self.coffee, &self.books] {
            let balance = self.sandbox.balance(&entity.mch_id);
            say(format_args!("  {}, merchant {}, has {} yuan.", entity.name, entity.mch_id, money(balance)));
        }
        self.record("start", json!({ "gateway": gateway }));
    }

    async fn opened(&mut self) -> Result<(), Failure> {
        self.chapter("A packet is sent and opened");
        let client = Client::new(&self.coffee)?;
        let packet = self.packet(&self.coffee, &LIN, "1.88", "早安，今天也要加油")?;
        self.sends(&self.coffee, &packet, &LIN);
        let sent = client.send(&packet).await?;
        self.accepted(&sent);
        self.query(&client, &packet, RedPacketStatus::Sent).await?;
        self.opens(&self.coffee, &packet, &LIN)?;
        let found = self.query(&client, &packet, RedPacketStatus::Received).await?;
        expect(found.detail_id.as_deref() == Some(&sent.send_listid), "the query found another packet")
    }

    async fn unclaimed(&mut self) -> Result<(), Failure> {
        self.chapter("A packet that nobody opens comes back");
        let client = Client::new(&self.books)?;
        let before = self.sandbox.balance(&self.books.mch_id);
        let packet = self.packet(&self.books, &MEI, "6.66", "好书相伴")?;
        self.sends(&self.books, &packet, &MEI);
        self.accepted(&client.send(&packet).await?);
        self.advance(LIFETIME, "24 hours pass, and Mei does not look at her phone")?;
        self.query(&client, &packet, RedPacketStatus::Refunding).await?;
        self.advance(Duration::from_secs(5 * 60), "5 minutes pass")?;
        let found = self.query(&client, &packet, RedPacketStatus::Refund).await?;
        expect(found.refund_amount == Some(packet.total_amount), "another amount came back than was sent")?;
        let after = self.sandbox.balance(&self.books.mch_id);
        expect(after == before, "the merchant did not get all of it back")?;
        self.tell(format_args!("{} has {} yuan again", self.books.name, money(after)));
        Ok(())
    }

    async fn lost_answer(&mut self) -> Result<(), Failure> {
        self.chapter("An answer is lost after the money has moved");
        let client = Client::builder(&self.coffee).retry(RetryPolicy::never()).build()?;
        let before = self.sandbox.balance(&self.coffee.mch_id);
        self.sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(1)))?;
        let packet = self.packet(&self.coffee, &WEI, "8.88", "感谢光临")?;
        self.sends(&self.coffee, &packet, &WEI);
        let Err(error) = client.send(&packet).await else {
            return Err(Failure::unexpected("an answer came although it was to be lost"));
        };
        expect(error.outcome() == Outcome::Unknown, "a lost answer did not count as unknown")?;
        self.tell(format_args!("{BAD}no answer:{BAD:#} {error}"));
        self.note("Paid, or not? The client does not know, and says so: the outcome is Unknown,");
        self.note("not a failure. A new number now would be a second packet.");
        self.record("no_answer", json!({ "mch_billno": packet.mch_billno, "outcome": word(error.outcome()) }));
        // The gateway wants the same bill at least a second apart.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.tell(format_args!("the very same packet again, number {NUMBER}{}{NUMBER:#}", packet.mch_billno));
        let sent = client.send(&packet).await?;
        self.accepted(&sent);
        let detail_id = self.sandbox.packet(&self.coffee.mch_id, packet.mch_billno.as_str()).map(|own| own.detail_id);
        expect(detail_id.as_ref() == Some(&sent.send_listid), "the repeat made another packet")?;
        let left = before.checked_sub(self.sandbox.balance(&self.coffee.mch_id));
        expect(left == Some(packet.total_amount), "the money left more than once, or not at all")?;
        self.tell(format_args!("{} sent it twice and paid {} yuan once", self.coffee.name, money(packet.total_amount)));
        self.record("paid_once", json!({ "mch_billno": packet.mch_billno, "paid": left }));
        self.opens(&self.coffee, &packet, &WEI)?;
        self.query(&client, &packet, RedPacketStatus::Received).await?;
        Ok(())
    }

    async fn wrong_key(&mut self) -> Result<(), Failure> {
        self.chapter("A mixed-up key pays nothing");
        let mixed = Entity { key: self.books.key.clone(), ..self.coffee.clone() };
        let client = Client::new(&mixed)?;
        let before = self.sandbox.balance(&self.coffee.mch_id);
        let packet = self.packet(&self.coffee, &MEI, "5.20", "生日快乐")?;
        self.tell(format_args!("{} signs a packet with the key of {}", self.coffee.name, self.books.name));
        let Err(error) = client.send(&packet).await else {
            return Err(Failure::unexpected("a packet with a wrong signature was accepted"));
        };
        let code = error.code().map_or("", |code| code.as_str());
        expect(error.outcome() == Outcome::Refused, "a wrong signature did not count as refused")?;
        expect(self.sandbox.balance(&self.coffee.mch_id) == before, "a refused packet was paid")?;
        self.tell(format_args!("{BAD}refused:{BAD:#} {code}, {}", error.description().unwrap_or_default()));
        self.note("That is proven: no money moved. What to do comes with the error:");
        self.note(error.next_step());
        let mch_billno = &packet.mch_billno;
        self.record("refused", json!({ "mch_billno": mch_billno, "outcome": word(error.outcome()), "code": code }));
        Ok(())
    }

    fn end(&self) -> Result<(), Failure> {
        let books = self.sandbox.books();
        let row = |amount: Fen, whose: &str| self.terminal.say(format_args!("  {MONEY}{amount:>10}{MONEY:#}  {whose}"));
        self.terminal.say(format_args!("\n{TITLE}The books{TITLE:#}, in yuan\n"));
        for row_of in &books.accounts {
            match &row_of.account {
                Account::Merchant(mch_id) => row(row_of.balance, self.merchant_name(mch_id)),
                Account::User(openid) => row(row_of.balance, user_name(openid)),
                _ => {}
            }
        }
        row(books.in_transit, "in packets that nobody has opened yet");
        let sum = Fen::checked_sum([books.with_merchants, books.in_transit, books.with_users]).unwrap_or_default();
        self.terminal.say(format_args!("  {QUIET}{:─>10}{QUIET:#}", ""));
        row(sum, "together");
        row(books.topped_up, "were put in");
        self.record("books", json!(books));
        let received = [(&LIN, "1.88"), (&MEI, "0.00"), (&WEI, "8.88")];
        for (user, amount) in received {
            expect(self.sandbox.received(user.openid) == fen(amount)?, "a user has another amount than was sent")?;
        }
        expect(books.balanced && sum == books.topped_up, "the books are not balanced")?;
        self.terminal.say(format_args!("\n{GOOD}Balanced to the fen.{GOOD:#}"));
        Ok(())
    }

    fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        self.terminal.say(format_args!("\n{TITLE}{}. {title}{TITLE:#}\n", self.chapter));
    }

    fn packet(&self, entity: &Entity, user: &User, yuan: &str, wishing: &str) -> Result<redpack::Packet, Failure> {
        let id = |error: hongbao::InvalidId| Failure::from(hongbao::Error::from(error));
        let mch_id = hongbao::MchId::new(entity.mch_id.as_str()).map_err(id)?;
        let key = format!("demo{}", self.chapter);
        Ok(redpack::Packet {
            mch_billno: BillNo::derive(&mch_id, self.sandbox.now().beijing_day(), &key).map_err(id)?,
            re_openid: OpenId::new(user.openid).map_err(id)?,
            total_amount: fen(yuan)?,
            send_name: entity.name.clone(),
            wishing: wishing.to_owned(),
            act_name: "红包演示".to_owned(),
            remark: "hongbao demo".to_owned(),
            client_ip: Ipv4Addr::LOCALHOST,
            extra: redpack::Extra::default(),
        })
    }

    fn sends(&self, entity: &Entity, packet: &redpack::Packet, user: &User) {
        let (number, wishing) = (&packet.mch_billno, &packet.wishing);
        let amount = money(packet.total_amount);
        self.tell(format_args!("{} sends {} {amount} yuan: “{wishing}”", entity.name, user.name));
        self.note(format_args!("as number {NUMBER}{number}{NUMBER:#}"));
        self.record(
            "send",
            json!({
                "mch_id": entity.mch_id, "mch_billno": number, "re_openid": packet.re_openid,
                "total_amount": packet.total_amount,
            }),
        );
    }

    fn accepted(&self, sent: &redpack::Sent) {
        self.tell(format_args!("{GOOD}accepted{GOOD:#} as {NUMBER}{}{NUMBER:#}", sent.send_listid));
        let mch_billno = &sent.mch_billno;
        self.record("accepted", json!({ "mch_billno": mch_billno, "send_listid": sent.send_listid }));
    }

    async fn query(
        &self,
        client: &Client,
        packet: &redpack::Packet,
        expected: RedPacketStatus,
    ) -> Result<RedPacketFound, Failure> {
        let found = client.send(&query::RedPacket { mch_billno: packet.mch_billno.clone() }).await?;
        self.tell(format_args!("query: {GOOD}{}{GOOD:#}, {}", found.status, in_words(&found.status)));
        self.record("query", json!(found));
        expect(found.status == expected, format!("{} instead of {expected}", found.status))?;
        Ok(found)
    }

    fn opens(&self, entity: &Entity, packet: &redpack::Packet, user: &User) -> Result<(), Failure> {
        let mch_billno = &packet.mch_billno;
        let amount = self.sandbox.open_packet(&entity.mch_id, mch_billno.as_str(), user.openid)?;
        self.tell(format_args!("{} opens it and gets {} yuan", user.name, money(amount)));
        self.record("open", json!({ "mch_billno": mch_billno, "re_openid": user.openid, "amount": amount }));
        Ok(())
    }

    fn advance(&self, by: Duration, words: &str) -> Result<(), Failure> {
        self.sandbox.advance(by)?;
        self.tell(format_args!("{words}"));
        self.record("advance", json!({ "seconds": by.as_secs() }));
        Ok(())
    }

    /// A line with the time.
    fn tell(&self, line: std::fmt::Arguments<'_>) {
        self.terminal.say(format_args!("  {QUIET}{}{QUIET:#}  {line}", self.sandbox.now()));
    }

    /// A line that belongs to the one before.
    fn note(&self, line: impl std::fmt::Display) {
        self.terminal.say(format_args!("  {:19}  {line}", ""));
    }

    fn record(&self, step: &str, mut facts: Value) {
        let now = self.sandbox.now();
        facts["step"] = json!(step);
        facts["chapter"] = json!(self.chapter);
        facts["at"] = json!(now);
        facts["beijing"] = json!(now.to_string());
        self.terminal.result(&facts);
    }

    fn merchant_name(&self, mch_id: &str) -> &str {
        if mch_id == self.coffee.mch_id { &self.coffee.name } else { &self.books.name }
    }
}

fn user_name(openid: &str) -> &str {
    [LIN, MEI, WEI].iter().find(|user| user.openid == openid).map_or("somebody", |user| user.name)
}

fn money(amount: Fen) -> String {
    format!("{MONEY}{amount}{MONEY:#}")
}

fn fen(yuan: &str) -> Result<Fen, Failure> {
    yuan.parse().map_err(|error: hongbao::money::InvalidAmount| Failure::from(hongbao::Error::from(error)))
}

fn expect(holds: bool, otherwise: impl Into<String>) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::unexpected(otherwise)) }
}
