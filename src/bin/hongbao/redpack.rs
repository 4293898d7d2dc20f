//! `hongbao redpack send` and `hongbao redpack query`.

use std::net::Ipv4Addr;

use hongbao::clock::Day;
use hongbao::payout::Template;
use hongbao::query::{self, RedPacketFound, RedPacketStatus};
use hongbao::{AppId, BillNo, Client, Entity, Fen, MchId, OpenId, PayConfig as _, redpack};
use serde_json::json;

use crate::entities::Source;
use crate::failure::Failure;
use crate::terminal::{GOOD, MONEY, NUMBER, Terminal};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Send a packet to one user
    ///
    /// The same command again is safe: with the same number and the same fields the money moves once.
    Send(Box<Send>),
    /// Ask what became of a packet of the last 30 days
    Query(Query),
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("number").required(true).args(["bill_no", "business_key"])))]
pub(crate) struct Send {
    #[command(flatten)]
    source: Source,

    /// The receiver's openid, under the appid of the entity
    #[arg(long, value_name = "OPENID")]
    to: OpenId,

    /// How much, in yuan, as in 1.88
    #[arg(long, value_name = "YUAN")]
    amount: Fen,

    /// The merchant's number of this packet (mch_billno), stored before the first attempt
    #[arg(long, value_name = "NO")]
    bill_no: Option<BillNo>,

    /// Derive the number from the merchant, --day and this key of the business event
    #[arg(long, value_name = "KEY", requires = "day")]
    business_key: Option<String>,

    /// The Beijing day of the business event; not today's, or a repeat after midnight pays again
    #[arg(long, value_name = "YYYY-MM-DD", requires = "business_key")]
    day: Option<Day>,

    #[command(flatten)]
    says: Says,

    /// The sub-merchant of a service provider
    #[arg(long, value_name = "MCH_ID")]
    sub_mch_id: Option<MchId>,

    /// The appid that brings the message to the user, in sub-merchant mode
    #[arg(long, value_name = "APP_ID")]
    msgappid: Option<AppId>,

    /// Whose account is debited, in sub-merchant mode
    #[arg(long, value_name = "MCH_ID")]
    consume_mch_id: Option<MchId>,

    /// Required where money is real: the packet leaves the merchant's account and cannot be called back
    #[arg(long)]
    yes_real_money: bool,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

/// What a packet says; all packets of a campaign say the same.
#[derive(clap::Args)]
pub(crate) struct Says {
    /// Who sends, as the user sees it; like the next three it may be left out in a sandbox
    #[arg(long, value_name = "TEXT")]
    send_name: Option<String>,

    /// The greeting on the packet
    #[arg(long, value_name = "TEXT")]
    wishing: Option<String>,

    /// The activity's name
    #[arg(long, value_name = "TEXT")]
    act_name: Option<String>,

    /// A remark
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,

    /// The address of the calling machine
    #[arg(long, value_name = "IPV4", default_value_t = Ipv4Addr::LOCALHOST)]
    client_ip: Ipv4Addr,

    /// What the packet is for, 1 to 8 or PRODUCT_1 to PRODUCT_8; required above 200.00 and below 1.00 yuan
    #[arg(long, value_name = "SCENE", value_parser = scene)]
    scene: Option<redpack::Scene>,
}

impl Says {
    /// With what a sandbox does without; the rest of `extra` is the caller's.
    pub(crate) fn template(&self, source: &Source, entity: &Entity) -> Result<Template, Failure> {
        let text = |given: &Option<String>, flag: &str, usual: &str| source.text(given.as_deref(), flag, usual);
        Ok(Template {
            send_name: text(&self.send_name, "--send-name", &entity.name)?,
            wishing: text(&self.wishing, "--wishing", "恭喜发财，大吉大利")?,
            act_name: text(&self.act_name, "--act-name", "沙箱试发")?,
            remark: text(&self.remark, "--remark", "沙箱里的红包")?,
            client_ip: self.client_ip,
            extra: redpack::Extra { scene_id: self.scene.clone(), ..redpack::Extra::default() },
        })
    }
}

#[derive(clap::Args)]
pub(crate) struct Query {
    #[command(flatten)]
    source: Source,

    /// The number that the packet was sent with (mch_billno)
    #[arg(long, value_name = "NO")]
    bill_no: BillNo,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Send(args) => args.json,
            Self::Query(args) => args.json,
        }
    }
}

pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Send(args) => send(&args).await,
        Verb::Query(args) => query(&args).await,
    }
}

async fn send(args: &Send) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let entity = args.source.entity()?;
    if entity.endpoint.is_production() && !args.yes_real_money {
        let problem = format!("{} is a real account: {} yuan would leave it for good", entity.name, args.amount);
        return Err(Failure::usage(problem, "add --yes-real-money if that is meant; nothing was sent"));
    }
    let packet = packet(args, &entity)?;
    let client = Client::new(&entity)?;
    let sent =
        client.send(&packet).await.map_err(|error| args.source.failure(error).about(MCH_BILLNO, &packet.mch_billno))?;
    let mut result = json!(sent);
    result["outcome"] = json!("accepted");
    result["mch_id"] = json!(entity.mch_id());
    terminal.result(&result);
    let (number, list_id) = (&sent.mch_billno, &sent.send_listid);
    terminal.say(format_args!("{GOOD}accepted{GOOD:#}; the user has 24 hours to open it"));
    terminal.say(format_args!("  number     {NUMBER}{number}{NUMBER:#}"));
    terminal.say(format_args!("  amount     {MONEY}{}{MONEY:#} yuan", sent.total_amount));
    terminal.say(format_args!("  from       {} ({})", entity.name, entity.mch_id));
    terminal.say(format_args!("  to         {}", sent.re_openid));
    terminal.say(format_args!("  WeChat's   {NUMBER}{list_id}{NUMBER:#}"));
    Ok(())
}

fn number(args: &Send, entity: &Entity) -> Result<BillNo, Failure> {
    let invalid = |error: hongbao::InvalidId| Failure::from(hongbao::Error::from(error));
    match (&args.bill_no, &args.business_key, args.day) {
        (Some(number), _, _) => Ok(number.clone()),
        (None, Some(key), Some(day)) => {
            let mch_id = MchId::new(entity.mch_id()).map_err(invalid)?;
            BillNo::derive(&mch_id, day, key).map_err(invalid)
        }
        _ => Err(Failure::usage("the packet has no number", "give --bill-no, or --business-key with --day")),
    }
}

fn packet(args: &Send, entity: &Entity) -> Result<redpack::Packet, Failure> {
    let Template { send_name, wishing, act_name, remark, client_ip, extra } =
        args.says.template(&args.source, entity)?;
    Ok(redpack::Packet {
        mch_billno: number(args, entity)?,
        re_openid: args.to.clone(),
        total_amount: args.amount,
        send_name,
        wishing,
        act_name,
        remark,
        client_ip,
        extra: redpack::Extra {
            consume_mch_id: args.consume_mch_id.clone(),
            sub_mch_id: args.sub_mch_id.clone(),
            msgappid: args.msgappid.clone(),
            ..extra
        },
    })
}

fn scene(text: &str) -> Result<redpack::Scene, String> {
    let digits = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix("PRODUCT_") {
        // WeChat may add a scene at any time.
        Some(number) if digits(number) => Ok(redpack::Scene::from(text.to_owned())),
        None if matches!(text, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8") => {
            Ok(redpack::Scene::from(format!("PRODUCT_{text}")))
        }
        _ => Err("give 1 to 8, or PRODUCT_1 and so on".to_owned()),
    }
}

async fn query(args: &Query) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let client = Client::new(&args.source.entity()?)?;
    let request = query::RedPacket { mch_billno: args.bill_no.clone() };
    let found =
        client.send(&request).await.map_err(|error| args.source.failure(error).about(MCH_BILLNO, &args.bill_no))?;
    let mut result = json!(found);
    result["outcome"] = json!("found");
    terminal.result(&result);
    table(terminal, &found);
    Ok(())
}

const MCH_BILLNO: &str = "mch_billno";

fn table(terminal: Terminal, found: &RedPacketFound) {
    terminal.row("number", format_args!("{NUMBER}{}{NUMBER:#}", found.mch_billno));
    terminal.row("state", format_args!("{GOOD}{}{GOOD:#}, {}", found.status, in_words(&found.status)));
    if let Some(reason) = &found.reason {
        terminal.row("reason", format_args!("{reason}"));
    }
    if let Some(amount) = found.total_amount {
        terminal.row("amount", format_args!("{MONEY}{amount}{MONEY:#} yuan"));
    }
    if let Some(detail_id) = &found.detail_id {
        terminal.row("WeChat's", format_args!("{NUMBER}{detail_id}{NUMBER:#}"));
    }
    if let Some(time) = found.send_time {
        terminal.row("sent", format_args!("{time} Beijing time"));
    }
    for receiver in &found.hblist {
        let openid = receiver.openid.as_ref().map_or("somebody", String::as_str);
        let amount = receiver.amount.map_or(String::new(), |amount| format!("{amount} yuan"));
        let time = receiver.rcv_time.map_or(String::new(), |time| format!("{time} Beijing time"));
        terminal.row("opened", format_args!("{time}, {amount}, {openid}"));
    }
    if let Some(time) = found.refund_time {
        let amount = found.refund_amount.map_or(String::new(), |amount| format!(", {amount} yuan"));
        terminal.row("refunded", format_args!("{time} Beijing time{amount}"));
    }
}

/// A state for people.
pub(crate) fn in_words(status: &RedPacketStatus) -> &'static str {
    match status {
        RedPacketStatus::Sending => "accepted but not delivered; send the same packet again when the cause is gone",
        RedPacketStatus::Sent => "waiting for its user to open it",
        RedPacketStatus::Failed => "failed for good; nothing was paid",
        RedPacketStatus::Received => "opened",
        RedPacketStatus::Refunding => "nobody opened it; the money is on its way back",
        RedPacketStatus::Refund => "nobody opened it in time; the money is back",
        _ => "a state that this version does not know",
    }
}
