//! `hongbao sandbox trigger`: one command that makes an event happen, with all
//! that has to come before it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use hongbao::clock::{Clock as _, SystemClock};
use hongbao::pay::{self, Payer};
use hongbao::wire::Request;
use hongbao::{BillNo, Client, Entity, Fen, OpenId, OutRefundNo, OutTradeNo, RetryPolicy, redpack};
use serde_json::{Value, json};

use crate::console::{Console, Of};
use crate::entities;
use crate::failure::{Failure, word};
use crate::terminal::{GOOD, NUMBER, QUIET, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is to happen, as in packet.received; --list names all
    #[arg(value_name = "EVENT", required_unless_present = "list")]
    event: Option<String>,

    /// A detail that is not to be the usual one, as in amount=1.88; may be given several times
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,

    /// List the events and what can be set of each
    #[arg(long, conflicts_with = "event")]
    list: bool,

    #[command(flatten)]
    of: Of,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

/// Something that can be made to happen.
struct Event {
    name: &'static str,
    about: &'static str,
    fields: &'static [&'static str],
}

const PACKET: &[&str] = &["merchant", "amount", "number", "openid"];
const ORDER: &[&str] = &["merchant", "amount", "number", "openid", "notify_url"];
const REFUND: &[&str] = &["merchant", "amount", "number", "openid", "notify_url", "refund_number", "refund_amount"];

const EVENTS: &[Event] = &[
    Event { name: "packet.sent", about: "a user gets a red packet", fields: PACKET },
    Event { name: "packet.received", about: "the user opens it", fields: PACKET },
    Event { name: "packet.expired", about: "nobody opens it in time, and it goes back", fields: PACKET },
    Event {
        name: "packet.refused",
        about: "the gateway refuses one with a code, NOTENOUGH unless set",
        fields: &["merchant", "amount", "number", "openid", "code"],
    },
    Event { name: "packet.answer_lost", about: "one is paid, and its answer gets lost", fields: PACKET },
    Event { name: "order.placed", about: "an order waits for its payer", fields: ORDER },
    Event { name: "order.paid", about: "a user pays an order, and the shop is told", fields: ORDER },
    Event { name: "order.closed", about: "the shop closes an order that nobody paid", fields: ORDER },
    Event { name: "order.expired", about: "an order can no longer be paid", fields: ORDER },
    Event { name: "refund.done", about: "a refund reaches the user, and the shop is told", fields: REFUND },
    Event { name: "refund.closed", about: "a refund ends without giving back", fields: REFUND },
    Event { name: "refund.abnormal", about: "the user's bank does not take a refund", fields: REFUND },
    Event { name: "notice.lost", about: "a payment of which the shop is never told", fields: ORDER },
    Event { name: "notice.late", about: "a payment of which it is told ten minutes later", fields: ORDER },
    Event { name: "notice.twice", about: "a payment of which it is told twice", fields: ORDER },
    Event { name: "notice.wrong_sign", about: "a payment told with a wrong signature", fields: ORDER },
    Event { name: "notice.wrong_amount", about: "a payment told with another amount, and signed so", fields: ORDER },
    Event { name: "notice.foreign", about: "a payment told as another merchant's", fields: ORDER },
    Event { name: "clock.hour", about: "an hour passes", fields: &[] },
    Event { name: "clock.day", about: "24 hours pass: packets go back, refunds end", fields: &[] },
    Event { name: "clock.midnight", about: "the next Beijing day begins, with fresh limits", fields: &[] },
];

const USER: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";
/// Where `hongbao notify listen` listens.
const SHOP: &str = "http://127.0.0.1:8490/";

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let Some(name) = &args.event else {
        for Event { name, about, fields } in EVENTS {
            terminal.result(&json!({ "event": name, "about": about, "fields": fields }));
            terminal.say(format_args!("{NUMBER}{name:<20}{NUMBER:#} {about}"));
            if !fields.is_empty() {
                terminal.say(format_args!("{QUIET}{:<20} --set {}{QUIET:#}", "", fields.join(", ")));
            }
        }
        return Ok(());
    };
    let event = EVENTS.iter().find(|event| event.name == name).ok_or_else(|| {
        let names: Vec<&str> = EVENTS.iter().map(|event| event.name).collect();
        Failure::usage(format!("there is no event {name:?}"), crate::scenario::suggestion(name, &names))
    })?;
    let set = settings(event, &args.set)?;
    let console = args.of.console()?;
    let entity = entities::from_sandbox(&args.of.sandbox, set.get("merchant").map(String::as_str))?;
    // One attempt: what happens is to be seen, not mended.
    let client = Client::builder(&entity).retry(RetryPolicy::never()).build()?;
    let trigger = Trigger {
        event,
        set,
        console,
        client,
        entity,
        directory: args.of.sandbox.display().to_string(),
        did: Vec::new(),
    };
    let start = format!("does the sandbox run? hongbao sandbox --dir {}", trigger.directory);
    trigger.happen(terminal).await.map_err(|failure| match failure.is_without_connection() {
        // Its addresses stay in the directory when a sandbox stops.
        true => failure.hint(start),
        false => failure,
    })
}

fn settings(event: &Event, set: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    for pair in set {
        let (field, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--set {pair}: there is no = in it"), "write it as in --set amount=1.88")
        })?;
        if !event.fields.contains(&field) {
            let next = match event.fields {
                [] => "leave it out; nothing can be set".to_owned(),
                fields => crate::scenario::suggestion(field, fields),
            };
            return Err(Failure::usage(format!("--set {field}: {} has no such field", event.name), next));
        }
        found.insert(field.to_owned(), value.to_owned());
    }
    Ok(found)
}

struct Trigger {
    event: &'static Event,
    set: BTreeMap<String, String>,
    console: Console,
    client: Client,
    entity: Entity,
    directory: String,
    did: Vec<String>,
}

impl Trigger {
    async fn happen(mut self, terminal: Terminal) -> Result<(), Failure> {
        let (kind, what) = self.event.name.split_once('.').unwrap_or_default();
        let (facts, look) = match kind {
            "packet" => self.packet(what).await?,
            "order" => self.order(what).await?,
            "refund" => self.refund(what).await?,
            "notice" => self.notice(what).await?,
            _ => self.clock(what).await?,
        };
        let mut result = json!({ "event": self.event.name, "did": self.did, "console": self.console.page() });
        if let (Value::Object(result), Value::Object(facts)) = (&mut result, facts) {
            result.extend(facts);
        }
        terminal.result(&result);
        for did in &self.did {
            terminal.say(format_args!("{GOOD}-{GOOD:#} {did}"));
        }
        terminal.say(format_args!("{QUIET}look at {} or{QUIET:#}", self.console.page()));
        terminal.say(format_args!("  {look}"));
        Ok(())
    }

    /// The command that asks what became of it, of the same merchant.
    fn ask(&self, verb: &str, number: impl std::fmt::Display) -> String {
        let merchant = match self.set.contains_key("merchant") {
            true => format!(" --merchant {}", self.entity.mch_id),
            false => String::new(),
        };
        format!("hongbao {verb} --sandbox {}{merchant} {number}", self.directory)
    }

    fn text(&self, field: &str, usual: impl FnOnce() -> String) -> String {
        self.set.get(field).cloned().unwrap_or_else(usual)
    }

    fn amount(&self, field: &str, usual: Fen) -> Result<Fen, Failure> {
        let Some(text) = self.set.get(field) else { return Ok(usual) };
        text.parse().map_err(|error: hongbao::money::InvalidAmount| {
            Failure::usage(format!("--set {field}={text}: {error}"), "give yuan, as in 8.88")
        })
    }

    fn did(&mut self, what: impl Into<String>) {
        self.did.push(what.into());
    }

    async fn packet(&mut self, what: &str) -> Result<(Value, String), Failure> {
        let number = BillNo::new(self.text("number", || fresh("P"))).map_err(hongbao::Error::from)?;
        let openid = self.text("openid", || USER.to_owned());
        let amount = self.amount("amount", Fen::new(888))?;
        let packet = redpack::Packet {
            mch_billno: number.clone(),
            re_openid: OpenId::new(openid.as_str()).map_err(hongbao::Error::from)?,
            total_amount: amount,
            send_name: self.entity.name.clone(),
            wishing: "恭喜发财，大吉大利".to_owned(),
            act_name: "沙箱试发".to_owned(),
            remark: "沙箱里的红包".to_owned(),
            client_ip: Ipv4Addr::LOCALHOST,
            extra: redpack::Extra::default(),
        };
        let path = <redpack::Packet as Request>::CONTRACT.path;
        let fault = match what {
            "refused" => Some(json!({ "kind": "refuse", "code": self.text("code", || "NOTENOUGH".to_owned()) })),
            "answer_lost" => Some(json!({ "kind": "hang_up_after" })),
            _ => None,
        };
        let mut facts =
            json!({ "mch_id": self.entity.mch_id, "mch_billno": number, "amount": amount, "openid": openid });
        if let Some(fault) = fault {
            self.console.post("/faults", &json!({ "path": path, "fault": fault, "when": { "next": 1 } })).await?;
            let sent = self.client.send(&packet).await;
            let Err(error) = sent else {
                return Err(Failure::unexpected("the packet was accepted: another call has met the fault"));
            };
            facts["outcome"] = json!(word(error.outcome()));
            facts["error_code"] = json!(error.code().map(|code| code.as_str().to_owned()));
            self.did(format!("sent {number} of {amount} yuan to {openid}: {}, {error}", error.outcome()));
        } else {
            self.client.send(&packet).await?;
            self.did(format!("sent {number} of {amount} yuan to {openid}"));
        }
        let of_packet = format!("/packets/{}/{number}", self.entity.mch_id);
        match what {
            "received" => {
                let opened = self.console.post(&format!("{of_packet}/open"), &json!({})).await?;
                facts["opened"] = opened["amount"].clone();
                self.did(format!("{openid} opened it"));
            }
            "expired" => {
                self.console.post(&format!("{of_packet}/expire"), &json!({})).await?;
                self.did("its 24 hours are over, and its money is back");
            }
            _ => {}
        }
        if what != "refused" {
            facts["status"] = self.console.get(&of_packet).await?["status"].clone();
        }
        Ok((facts, self.ask("redpack query", format_args!("--bill-no {number}"))))
    }

    /// Places an order of the user.
    async fn placed(&mut self) -> Result<(OutTradeNo, Fen, Value), Failure> {
        let number = OutTradeNo::new(self.text("number", || fresh("T"))).map_err(hongbao::Error::from)?;
        let openid = OpenId::new(self.text("openid", || USER.to_owned())).map_err(hongbao::Error::from)?;
        let amount = self.amount("amount", Fen::new(888))?;
        let order = pay::Jsapi {
            body: format!("{}-沙箱试单", self.entity.name),
            out_trade_no: number.clone(),
            total_fee: amount,
            spbill_create_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            notify_url: self.text("notify_url", || SHOP.to_owned()),
            payer: Payer::OpenId(openid.clone()),
            extra: pay::Extra::default(),
        };
        let placed = self.client.send(&order).await?;
        self.did(format!("placed {number} of {amount} yuan for {openid}"));
        let facts = json!({
            "mch_id": self.entity.mch_id, "out_trade_no": number, "amount": amount, "openid": openid,
            "prepay_id": placed.prepay_id, "notify_url": order.notify_url,
        });
        Ok((number, amount, facts))
    }

    async fn paid(&mut self, number: &OutTradeNo) -> Result<(), Failure> {
        self.console.post(&format!("/orders/{}/{number}/pay", self.entity.mch_id), &json!({})).await?;
        self.did("its user paid");
        Ok(())
    }

    fn order_query(&self, number: &OutTradeNo) -> String {
        self.ask("order query", format_args!("--out-trade-no {number}"))
    }

    async fn order(&mut self, what: &str) -> Result<(Value, String), Failure> {
        let (number, _, mut facts) = self.placed().await?;
        let of_order = format!("/orders/{}/{number}", self.entity.mch_id);
        match what {
            "paid" => self.paid(&number).await?,
            "closed" => {
                self.client.send(&pay::Close { out_trade_no: number.clone() }).await?;
                self.did("closed it");
            }
            "expired" => {
                self.console.post(&format!("{of_order}/expire"), &json!({})).await?;
                self.did("it can no longer be paid");
            }
            _ => {}
        }
        facts["trade_state"] = self.console.get(&of_order).await?["trade_state"].clone();
        Ok((facts, self.order_query(&number)))
    }

    async fn refund(&mut self, what: &str) -> Result<(Value, String), Failure> {
        let (number, total, mut facts) = self.placed().await?;
        self.paid(&number).await?;
        let refund_number =
            OutRefundNo::new(self.text("refund_number", || fresh("R"))).map_err(hongbao::Error::from)?;
        let amount = self.amount("refund_amount", total)?;
        let refund = pay::Refund {
            order: number.clone().into(),
            out_refund_no: refund_number.clone(),
            total_fee: total,
            refund_fee: amount,
            extra: pay::RefundExtra {
                notify_url: Some(self.text("notify_url", || SHOP.to_owned())),
                ..pay::RefundExtra::default()
            },
        };
        self.client.send(&refund).await?;
        self.did(format!("asked {amount} yuan back as {refund_number}"));
        let (status, told) = match what {
            "closed" => ("REFUNDCLOSE", "it was closed: no money went back"),
            "abnormal" => ("CHANGE", "the bank did not take it: somebody has to decide"),
            _ => ("SUCCESS", "the user has the money"),
        };
        let of_refund = format!("/refunds/{}/{refund_number}", self.entity.mch_id);
        let ended = self.console.post(&format!("{of_refund}/end"), &json!({ "status": status })).await?;
        self.did(told);
        facts["out_refund_no"] = json!(refund_number);
        facts["refund_amount"] = json!(amount);
        facts["refund_status"] = ended["status"].clone();
        Ok((facts, self.ask("order refunds", format_args!("--out-trade-no {number}"))))
    }

    async fn notice(&mut self, what: &str) -> Result<(Value, String), Failure> {
        let (fault, told) = match what {
            "lost" => (json!({ "kind": "missing" }), "the shop is not told"),
            "late" => (json!({ "kind": "delayed", "seconds": 600 }), "the shop is told ten minutes later"),
            "twice" => (json!({ "kind": "duplicate", "times": 1 }), "the shop is told twice"),
            "wrong_sign" => (json!({ "kind": "wrong_sign" }), "the shop is told with a wrong signature"),
            "wrong_amount" => (json!({ "kind": "wrong_amount" }), "the shop is told one fen more than was paid"),
            _ => (json!({ "kind": "foreign_merchant" }), "the shop is told of another merchant's payment"),
        };
        let (number, _, mut facts) = self.placed().await?;
        self.console.post("/notices/faults", &fault).await?;
        self.paid(&number).await?;
        self.did(told);
        let notices = self.console.get(&format!("/notices?search={number}")).await?;
        let ids: Vec<&Value> = notices.as_array().into_iter().flatten().map(|notice| &notice["id"]).collect();
        facts["notices"] = json!(ids);
        Ok((facts, self.order_query(&number)))
    }

    async fn clock(&mut self, what: &str) -> Result<(Value, String), Failure> {
        let by = match what {
            "hour" => json!({ "seconds": 3600 }),
            "day" => json!({ "seconds": 86_400 }),
            _ => json!({ "to": "midnight" }),
        };
        let clock = self.console.post("/clock/advance", &by).await?;
        let beijing = clock["beijing"].as_str().unwrap_or_default();
        self.did(format!("it is {beijing} in Beijing now"));
        Ok((json!({ "now": clock["now"], "beijing": beijing }), format!("curl {}api/clock", self.console.page())))
    }
}

/// A number that was not used before.
fn fresh(mark: &str) -> String {
    format!("{mark}{}", SystemClock.now().unix_millis())
}
