//! What every SDK is taken through, and what came of it. Each step is judged by
//! what the sandbox has in its books and by what the SDK told its caller.

use std::path::Path;
use std::time::Duration;

use hongbao::Fen;
use hongbao::query::RefundStatus;
use hongbao::sandbox::{Fault, FaultRule, NoticeRecord, Payer, Sandbox, When};
use serde_json::{Value, json};

use super::driver::{Driver, Outcome, Sdk, directory_of_an_impostor};
use crate::canned::{Canned, ok};
use crate::support::{ALICE, DAY};

const SEND: &str = "/mmpaymkttransfers/sendredpack";
const REFUND: &str = "/secapi/pay/refund";
const CHEAPER: &str = "refuse a notification whose amount was changed";
const PACKET: i64 = 188;
const ORDER: i64 = 888;

/// What came of a step, with what was seen where it went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    NotOffered,
    No(String),
}

/// An SDK's way through all steps, in the order of the table.
pub struct Measured {
    pub version: String,
    pub steps: Vec<(&'static str, Verdict)>,
}

pub struct Journey<'a> {
    sandbox: &'a Sandbox,
    directory: &'a Path,
    sdk: Sdk,
    driver: Driver,
    mch_id: String,
    steps: Vec<(&'static str, Verdict)>,
}

impl<'a> Journey<'a> {
    /// With a sandbox that is served from this directory.
    pub fn new(sdk: Sdk, sandbox: &'a Sandbox, directory: &'a Path) -> Self {
        let driver = Driver::start(sdk, directory, Some(&directory.join("ca.pem")));
        let mch_id = sandbox.merchants()[0].mch_id.clone();
        Self { sandbox, directory, sdk, driver, mch_id, steps: vec![] }
    }

    pub async fn run(mut self) -> Measured {
        self.packets();
        self.payment().await;
        self.refund().await;
        self.wrong_key();
        self.forgeries();
        self.unclear_refunds();
        self.unclear_packets();
        self.values().await;
        self.impostors().await;
        self.count_the_money();
        self.bill();
        self.unhandled();
        Measured { version: std::mem::take(&mut self.driver.version), steps: self.steps }
    }

    fn mark(&mut self, step: &'static str, outcome: &Outcome, right: bool) {
        let verdict = match outcome {
            Outcome::NotOffered => Verdict::NotOffered,
            _ if right => Verdict::Yes,
            _ => Verdict::No(outcome.text()),
        };
        self.steps.push((step, verdict));
    }

    fn fault(&self, fault: Fault, path: &str) {
        self.sandbox.fault(FaultRule::new(fault, When::Next(1)).at(path)).unwrap();
    }

    fn send(&mut self, number: &str) -> Outcome {
        self.driver.call("send", &packet(number))
    }

    fn packets(&mut self) {
        let sent = self.send("FP1");
        let record = self.sandbox.packet(&self.mch_id, "FP1");
        let same = |outcome: &Outcome| {
            let detail_id = record.as_ref().map(|record| record.detail_id.clone());
            outcome.succeeded() && Some(outcome.field("send_listid")) == detail_id
        };
        self.mark("send a red packet", &sent, same(&sent));
        let again = self.send("FP1");
        let once = self.sandbox.balance(&self.mch_id) == Fen::new(1_000_000 - PACKET);
        self.mark("send it again under the same number", &again, same(&again) && once);
        if record.is_some() {
            self.sandbox.open_packet(&self.mch_id, "FP1", ALICE).unwrap();
        }
        let found = self.driver.call("packet", &json!({"mch_billno": "FP1"}));
        let received = found.succeeded() && found.field("status") == "RECEIVED";
        self.mark("query it after its user opened it", &found, received);
    }

    async fn payment(&mut self) {
        let placed = self.driver.call("place", &self.order("FT1"));
        let right = placed.succeeded() && placed.field("code_url").starts_with("weixin://wxpay/");
        self.mark("place an order", &placed, right);
        let told = self.paid("FT1").await;
        let right = accepted(&told, &[("out_trade_no", "FT1"), ("total_fee", "888")]);
        let received = self.attempted("FT1").await.delivered;
        self.mark("take the notification of its payment and answer it", &told, right && received);
        let found = self.driver.call("query", &json!({"out_trade_no": "FT1"}));
        let right = found.field("trade_state") == "SUCCESS" && found.field("total_fee") == "888";
        self.mark("query the order", &found, right);
    }

    /// A user pays; what the SDK made of the notification.
    async fn paid(&mut self, number: &str) -> Outcome {
        let payer = Payer { openid: Some(ALICE.to_owned()), ..Payer::default() };
        self.sandbox.pay_order(&self.mch_id, number, &payer).unwrap();
        self.attempted(number).await;
        self.driver.call("notice", &json!({"kind": "paid"}))
    }

    /// The notification about an order or a refund, once it was posted.
    async fn attempted(&self, number: &str) -> NoticeRecord {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let notice = self.sandbox.notices(0, 100).into_iter().find(|notice| notice.number == number);
            match notice {
                Some(notice) if !notice.attempts.is_empty() => return notice,
                other => assert!(tokio::time::Instant::now() < deadline, "{number} was not told: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn order(&self, number: &str) -> Value {
        json!({
            "out_trade_no": number, "body": "拿铁", "total_fee": ORDER, "spbill_create_ip": "203.0.113.10",
            "notify_url": format!("{}/paid", self.driver.here), "trade_type": "NATIVE", "product_id": "SKU-1",
        })
    }

    fn refund_of(&self, number: &str, fee: i64) -> Value {
        json!({
            "out_trade_no": "FT1", "out_refund_no": number, "total_fee": ORDER, "refund_fee": fee,
            "notify_url": format!("{}/refunded", self.driver.here),
        })
    }

    async fn refund(&mut self) {
        // Not every SDK can name an address with the refund.
        let address = format!("{}/refunded", self.driver.here);
        self.sandbox.change_settings(&self.mch_id, |settings| settings.refund_notify_url = address).unwrap();
        let fields = self.refund_of("FR1", 300);
        let refunded = self.driver.call("refund", &fields);
        let record = self.sandbox.refund(&self.mch_id, "FR1").unwrap();
        let same = |outcome: &Outcome| outcome.succeeded() && outcome.field("refund_id") == record.refund_id;
        self.mark("refund a part, with the certificate", &refunded, same(&refunded));
        let again = self.driver.call("refund", &fields);
        let once = self.sandbox.refunds(0, 10).len() == 1;
        self.mark("refund again under the same number", &again, same(&again) && once);
        self.sandbox.end_refund(&self.mch_id, "FR1", RefundStatus::Success).unwrap();
        let received = self.attempted("FR1").await.delivered;
        let told = self.driver.call("notice", &json!({"kind": "refunded"}));
        let fields = [("out_refund_no", "FR1"), ("refund_fee", "300"), ("refund_status", "SUCCESS")];
        let right = accepted(&told, &fields) && received;
        self.mark("decrypt the notification of the refund and answer it", &told, right);
        let found = self.driver.call("refunds", &json!({"out_refund_no": "FR1"}));
        let right = found.field("refund_status_0") == "SUCCESS" && found.field("refund_fee_0") == "300";
        self.mark("query the refund", &found, right);
    }

    fn wrong_key(&mut self) {
        let query = json!({"out_trade_no": "FT1"});
        let refused = self.driver.call_as("wrong_key", "query", &query);
        let right = !refused.succeeded() && refused.text().contains("签名错误");
        self.mark("say that the key is wrong", &refused, right);
        // Whoever fills nothing in himself says so by a call of its own.
        let found = match self.driver.call("nonceless", &query) {
            Outcome::NotOffered => self.driver.call("query", &query),
            found => found,
        };
        self.mark("fill in `nonce_str`", &found, found.succeeded());
    }

    fn forgeries(&mut self) {
        let genuine = self.sandbox.notices(0, 100).into_iter().find(|notice| notice.number == "FT1").unwrap().body;
        let cheaper = genuine.replace("<total_fee>888<", "<total_fee>1<");
        let (head, tail) = genuine.split_once("<sign>").unwrap();
        let unsigned = format!("{head}{}", tail.split_once("</sign>").unwrap().1);
        assert!(cheaper != genuine && !unsigned.contains("sign>"), "{cheaper}\n{unsigned}");
        for (step, body) in [(CHEAPER, cheaper), ("refuse a notification without `sign`", unsigned)] {
            let told = self.driver.call("paid", &json!({"body": body}));
            self.mark(step, &told, told.field("accepted") == "false");
        }
    }

    fn unclear_refunds(&mut self) {
        for (step, number, fault) in [
            ("tell `SYSTEMERROR` of a refund from a refusal", "FR2", Fault::SystemErrorAfter),
            ("take the gateway's error page for an error", "FR3", Fault::BadGateway),
            ("take an unreadable answer for an error", "FR4", Fault::Garbage),
        ] {
            let code = fault == Fault::SystemErrorAfter;
            self.fault(fault, REFUND);
            let fields = self.refund_of(number, 50);
            let outcome = self.driver.call("refund", &fields);
            let told = !outcome.succeeded() && outcome.text().contains("SYSTEMERROR");
            let right = if code { told } else { is_error(&outcome) };
            self.mark(step, &outcome, right);
        }
    }

    fn unclear_packets(&mut self) {
        self.fault(Fault::Processing, SEND);
        let outcome = self.send("FP2");
        let right = !outcome.succeeded() && outcome.text().contains("PROCESSING");
        self.mark("tell `PROCESSING` of a red packet from a refusal", &outcome, right);
        if matches!(outcome, Outcome::NotOffered) {
            self.sandbox.clear_faults().unwrap();
        } else {
            assert!(self.send("FP2").succeeded(), "the same number again");
        }

        self.fault(Fault::HangUpAfter, SEND);
        let outcome = self.send("FP3");
        let requests = self.sandbox.requests(1000);
        let asked = requests.iter().filter(|request| request.path == SEND && request.request.contains("FP3")).count();
        let right = is_error(&outcome) && asked == 1;
        self.mark("let the caller repeat a red packet whose answer was lost", &outcome, right);
        if matches!(outcome, Outcome::NotOffered) {
            self.sandbox.clear_faults().unwrap();
        } else {
            let detail_id = self.sandbox.packet(&self.mch_id, "FP3").unwrap().detail_id;
            assert_eq!(self.send("FP3").field("send_listid"), detail_id);
        }

        let twice = self.driver.call("unnumbered", &packet("FP4"));
        let numbers = match &twice {
            Outcome::Answer(answers) => [&answers[0]["mch_billno"], &answers[1]["mch_billno"]].map(Value::to_string),
            Outcome::NotOffered => [String::new(), String::new()],
            Outcome::Error(text) => panic!("{text}"),
        };
        self.mark("keep the number that it made itself when asked again", &twice, numbers[0] == numbers[1]);
    }

    async fn values(&mut self) {
        let mut order = self.order("FT2");
        order["body"] = "拿铁 <&> 双份".into();
        let placed = self.driver.call("place", &order);
        let kept = self.sandbox.order(&self.mch_id, "FT2").is_some_and(|order| order.body == "拿铁 <&> 双份");
        self.mark("send text with `<`, `>` and `&`", &placed, placed.succeeded() && kept);

        let mut order = self.order("FT3");
        order["attach"] = " 七号店 ".into();
        let placed = self.driver.call("place", &order);
        assert!(placed.succeeded(), "{placed:?}");
        assert_eq!(self.sandbox.order(&self.mch_id, "FT3").unwrap().attach.as_deref(), Some(" 七号店 "));
        let mut told = self.paid("FT3").await;
        let right = accepted(&told, &[("out_trade_no", "FT3")]);
        if self.believes_everything() {
            told = Outcome::NotOffered;
        }
        self.mark("verify a value with spaces at its ends", &told, right);
    }

    /// Whether it verifies no notification at all.
    fn believes_everything(&self) -> bool {
        let believed = |(step, verdict): &(&str, Verdict)| *step == CHEAPER && matches!(verdict, Verdict::No(_));
        self.steps.iter().any(believed)
    }

    /// Servers that are not WeChat Pay: one whose certificate is good and whose
    /// signatures are not, and the same with a certificate that nobody vouches for.
    async fn impostors(&mut self) {
        let merchant = self.sandbox.merchants().remove(0);
        let impostor = Canned::start(None, move |request| {
            if request.contains("PAGE") {
                let page = "<html><head><title>502</title></head><body><p>Bad Gateway</p></body></html>";
                let head = format!("HTTP/1.1 502 Bad Gateway\r\ncontent-length: {}\r\n\r\n", page.len());
                return format!("{head}{page}").into_bytes();
            }
            let sign = if request.contains("UNSIGNED") { "" } else { "<sign>00000000000000000000000000000000</sign>" };
            ok(&format!(
                "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg><result_code>SUCCESS</result_code>\
                 <appid>{}</appid><mch_id>{}</mch_id><nonce_str>5K8264ILTKCH16CQ</nonce_str>\
                 <trade_state>SUCCESS</trade_state><total_fee>888</total_fee>{sign}</xml>",
                merchant.app_id, merchant.mch_id,
            ))
        })
        .await;
        let (kept, directory) = directory_of_an_impostor(self.directory, &impostor.base());
        std::fs::write(directory.join("ca.pem"), &impostor.ca_pem).unwrap();
        let mut deceived = Driver::start(self.sdk, &directory, Some(&directory.join("ca.pem")));
        for (step, number) in
            [("refuse an answer whose `sign` is wrong", "SIGNED"), ("refuse an answer without `sign`", "UNSIGNED")]
        {
            let outcome = deceived.call("query", &json!({"out_trade_no": number}));
            self.mark(step, &outcome, is_error(&outcome));
        }
        let outcome = deceived.call("query", &json!({"out_trade_no": "PAGE"}));
        self.mark("take a page that is well-formed XML for an error", &outcome, is_error(&outcome));
        assert_ne!(impostor.connections(), 0);
        let before = impostor.connections();
        let mut wary = Driver::start(self.sdk, &directory, None);
        let outcome = wary.call("query", &json!({"out_trade_no": "SIGNED"}));
        let right = matches!(outcome, Outcome::Error(_)) && impostor.connections() == before;
        self.mark("refuse a server whose certificate nobody vouches for", &outcome, right);
        drop(kept);
    }

    /// Whatever was answered: what was asked for happened, once, and nothing else.
    fn count_the_money(&self) {
        let books = self.sandbox.books();
        assert!(books.balanced, "{books:?}");
        let packets = self.sandbox.packets(0, 100);
        let sends = self.steps[0].1 != Verdict::NotOffered;
        let own: Vec<_> = packets.iter().filter(|packet| packet.mch_billno.starts_with("FP")).collect();
        assert_eq!(own.len(), if sends { 3 } else { 0 }, "{own:?}");
        assert!(packets.iter().all(|packet| packet.total_amount == Fen::new(PACKET)));
        let paid_out = PACKET * i64::try_from(packets.len()).unwrap();
        let refunds: Vec<_> =
            self.sandbox.refunds(0, 10).iter().map(|it| (it.out_refund_no.clone(), it.refund_fee.get())).collect();
        // FR3 is the one whose request never reached what is behind the proxy.
        assert_eq!(refunds, [("FR1".to_owned(), 300), ("FR2".to_owned(), 50), ("FR4".to_owned(), 50)]);
        let orders = self.sandbox.orders(0, 10).iter().filter(|order| order.transaction_id.is_some()).count();
        assert_eq!(orders, 2);
        let income = 2 * ORDER - 400 - books.with_platform.get();
        assert_eq!(self.sandbox.balance(&self.mch_id).get(), 1_000_000 - paid_out + income);
    }

    fn bill(&mut self) {
        let day = self.sandbox.now().beijing_day().compact();
        self.sandbox.advance(2 * DAY).unwrap();
        let bill = self.driver.call("bill", &json!({"bill_date": day}));
        let text = bill.text();
        let right = ["FT1", "FT3", "FR1", "8.88", "3.00"].iter().all(|word| text.contains(word));
        self.mark("download the trade bill", &bill, right);
    }

    fn unhandled(&mut self) {
        let count = self.driver.call("unhandled", &json!({}));
        self.mark("let a refusal end where it was asked for", &count, count.field("count") == "0");
    }
}

fn packet(number: &str) -> Value {
    json!({
        "mch_billno": number, "send_name": "蓝鲸咖啡", "re_openid": ALICE, "total_amount": PACKET, "total_num": 1,
        "wishing": "早安，今天也要加油", "client_ip": "203.0.113.24", "act_name": "签到有礼", "remark": "连续签到七天",
    })
}

/// Whether the caller is told that there was no answer to rely on.
fn is_error(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error(text) if text != "the call never ends")
}

/// Whether a notification was believed, with these fields.
fn accepted(told: &Outcome, fields: &[(&str, &str)]) -> bool {
    let Outcome::Answer(answer) = told else { return false };
    let value = |name: &str| match &answer["message"][name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    answer["accepted"] == true && fields.iter().all(|(name, expected)| value(name) == *expected)
}
