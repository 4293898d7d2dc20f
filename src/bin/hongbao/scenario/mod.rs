//! Scenarios: a TOML file that says who is there, what happens, and what must
//! come of it. `docs/SCENARIOS.md` describes the file.

mod act;
mod call;
mod check;
mod expect;
mod fields;
mod read;
mod shipped;
mod shop;
mod step;
mod world;

use std::time::Duration;

use hongbao::Fen;
use hongbao::clock::Timestamp;
use hongbao::sandbox::{AccountKind, Answers, FaultRule, NoticeFault, Opens, Statement};
use serde_json::{Map, Value};

pub(crate) use fields::suggestion;
pub(crate) use read::read;
pub(crate) use shipped::{SHIPPED, shipped};
pub(crate) use world::run;

use expect::Expectation;
use shop::Answer;

/// A file that was read and found to make sense.
pub(crate) struct Scenario {
    /// As it was named, for messages.
    pub(crate) file: String,
    pub(crate) name: String,
    at: Timestamp,
    seed: u64,
    merchants: Vec<MerchantPlan>,
    users: Vec<UserPlan>,
    pub(crate) steps: Vec<Step>,
}

struct MerchantPlan {
    name: String,
    balance: Fen,
    /// What is in the operating account (运营账户), if there is one.
    operating: Option<Fen>,
    settings: Map<String, Value>,
}

struct UserPlan {
    name: String,
    /// Under whose appid, by place in the list of merchants.
    of: usize,
    openid: String,
    behaviour: Behaviour,
}

/// What is `None` stays as it is.
#[derive(Clone, Copy, Default)]
struct Behaviour {
    risk_blocked: Option<bool>,
    asks_password: Option<bool>,
    opens: Option<Opens>,
    real_name: Option<bool>,
}

pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) says: Option<String>,
    act: Act,
    pub(crate) expect: Vec<Expectation>,
}

/// What a step does.
enum Act {
    Call(Call, Often),
    User(UserAct, Often),
    Advance(Advance),
    Handler(Vec<Answer>),
    Fault(FaultRule),
    FaultsOff,
    /// How the gateway writes its answers.
    Answers(Answers),
    Spoil(NoticeFault),
    Resend(String),
    TopUp(usize, AccountKind, Fen),
    Settings(usize, Map<String, Value>),
    Behave(String, Behaviour),
    RenewCertificate(usize),
    /// It only looks.
    Nothing,
}

/// How often something is done; texts may name the count as `{n}`.
#[derive(Clone, Copy)]
struct Often {
    times: u32,
    /// What passes on the sandbox's clock between two of them.
    every: Duration,
    at_once: bool,
}

/// A call to the gateway, by place in the list of merchants.
#[derive(Clone)]
struct Call {
    kind: Kind,
    by: usize,
    number: String,
    amount: Fen,
    /// Who gets the packet, or shows the payment code, or pays.
    user: String,
    people: u32,
    order: String,
    order_amount: Option<Fen>,
    scene: Option<String>,
    day: String,
    /// So often at most while the outcome is unknown.
    attempts: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Packet,
    Group,
    QueryPacket,
    Jsapi,
    Native,
    App,
    H5,
    Micropay,
    QueryOrder,
    Close,
    Reverse,
    Refund,
    QueryRefund,
    TradeBill,
    FundFlow,
}

/// The calls by the names that files use, with the gateway's paths.
const KINDS: &[(&str, Kind, &str)] = &[
    ("packet", Kind::Packet, "/mmpaymkttransfers/sendredpack"),
    ("group", Kind::Group, "/mmpaymkttransfers/sendgroupredpack"),
    ("query_packet", Kind::QueryPacket, "/mmpaymkttransfers/gethbinfo"),
    ("jsapi", Kind::Jsapi, "/pay/unifiedorder"),
    ("native", Kind::Native, "/pay/unifiedorder"),
    ("app", Kind::App, "/pay/unifiedorder"),
    ("h5", Kind::H5, "/pay/unifiedorder"),
    ("micropay", Kind::Micropay, "/pay/micropay"),
    ("query_order", Kind::QueryOrder, "/pay/orderquery"),
    ("close", Kind::Close, "/pay/closeorder"),
    ("reverse", Kind::Reverse, "/secapi/pay/reverse"),
    ("refund", Kind::Refund, "/secapi/pay/refund"),
    ("query_refund", Kind::QueryRefund, "/pay/refundquery"),
    ("trade_bill", Kind::TradeBill, "/pay/downloadbill"),
    ("fund_flow", Kind::FundFlow, "/pay/downloadfundflow"),
];

/// What a user does, and with which number.
#[derive(Clone)]
struct UserAct {
    user: String,
    does: Doing,
    number: String,
    coupons: Vec<(hongbao::pay::CouponType, Fen)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Open,
    Pay,
    Cancel,
    Scan,
}

enum Advance {
    By(Duration),
    To(Timestamp),
    Midnight,
    /// Until the merchant's certificate is no longer valid.
    CertificateExpiry(usize),
}

/// Something that came out otherwise than expected.
pub(crate) struct Difference {
    pub(crate) line: usize,
    /// What was looked at, as the file writes it.
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// What became of a step.
pub(crate) struct StepReport {
    pub(crate) differences: Vec<Difference>,
    /// What it did, in a few words.
    pub(crate) did: String,
}

/// What became of a scenario.
pub(crate) struct Report {
    pub(crate) steps: Vec<StepReport>,
    pub(crate) books: Statement,
    /// How long it took, on the machine's clock.
    pub(crate) took: Duration,
}

impl Report {
    pub(crate) fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.steps.iter().flat_map(|step| &step.differences)
    }
}

impl Scenario {
    pub(crate) fn expectations(&self) -> usize {
        self.steps.iter().map(|step| step.expect.len()).sum()
    }
}

/// With `{n}` as the count.
fn counted(text: &str, n: u32) -> String {
    text.replace("{n}", &n.to_string())
}
