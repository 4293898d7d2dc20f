//! What the sandbox tests share.

use std::time::Duration;

use hongbao::clock::Timestamp;
use hongbao::query::{self, RedPacketFound};
use hongbao::redpack::{Extra, Group, Packet};
use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{BillNo, Client, Entity, Error, Fen, OpenId, RetryPolicy};

pub const ALICE: &str = "oAlice1a2b3c4d5e6f7g8h9i0jkl";
pub const BOB: &str = "oBob91a2b3c4d5e6f7g8h9i0jklm";
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// A sandbox whose clock stands still, with its first entity and a client that
/// makes one attempt.
pub struct Stage {
    pub sandbox: Sandbox,
    pub entity: Entity,
    pub client: Client,
}

impl Stage {
    pub fn new() -> Self {
        let noon: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        let sandbox = Sandbox::builder().frozen_at(noon).build().unwrap();
        Self::on(sandbox)
    }

    pub fn on(sandbox: Sandbox) -> Self {
        let entity = sandbox.merchants().remove(0);
        let client = once(&sandbox, &entity);
        Self { sandbox, entity, client }
    }

    pub fn balance(&self) -> Fen {
        self.sandbox.balance(&self.entity.mch_id)
    }

    pub fn fault(&self, fault: Fault) {
        self.sandbox.fault(FaultRule::new(fault, When::Next(1))).unwrap();
    }

    pub fn advance(&self, by: Duration) {
        self.sandbox.advance(by).unwrap();
    }

    pub fn open(&self, number: &str, openid: &str) -> Result<Fen, Error> {
        self.sandbox.open_packet(&self.entity.mch_id, number, openid)
    }

    pub async fn query(&self, number: &str) -> Result<RedPacketFound, Error> {
        self.client.send(&query::RedPacket { mch_billno: BillNo::new(number).unwrap() }).await
    }

    /// Every test ends with this: the money is all there, whatever happened.
    pub fn balanced(&self) {
        let books = self.sandbox.books();
        assert!(books.balanced, "{books}");
    }
}

pub fn once(sandbox: &Sandbox, entity: &Entity) -> Client {
    Client::builder(entity).transport(sandbox.transport()).retry(RetryPolicy::never()).build().unwrap()
}

pub fn packet(number: &str, openid: &str, fen: i64) -> Packet {
    Packet {
        mch_billno: BillNo::new(number).unwrap(),
        re_openid: OpenId::new(openid).unwrap(),
        total_amount: Fen::new(fen),
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: [203, 0, 113, 24].into(),
        extra: Extra::default(),
    }
}

pub fn group(number: &str, openid: &str, fen: i64, shares: u32) -> Group {
    Group {
        mch_billno: BillNo::new(number).unwrap(),
        re_openid: OpenId::new(openid).unwrap(),
        total_amount: Fen::new(fen),
        total_num: shares,
        send_name: "蓝鲸咖啡".into(),
        wishing: "和朋友一起喝一杯".into(),
        act_name: "春日拼手气".into(),
        remark: "分享给好友一起领取".into(),
        extra: Extra::default(),
    }
}

pub fn code(error: &Error) -> &str {
    error.code().map_or("", |code| code.as_str())
}
