//! The calls that a merchant makes in a scenario.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hongbao::clock::Day;
use hongbao::pay::{self, Payer};
use hongbao::query::{self, AccountType};
use hongbao::wire::Request;
use hongbao::{BillNo, Client, Fen, OpenId, OutRefundNo, OutTradeNo, redpack};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::expect::Word;
use super::world::{Happened, World, outcome};
use super::{Call, KINDS, Kind, Often, counted};
use crate::failure::Failure;

type Made = hongbao::Result<(Value, Option<Fen>)>;

impl World<'_> {
    /// Makes a call as often as the step says.
    pub(super) async fn calls(&self, call: &Call, often: Often) -> Result<(String, Vec<Happened>), Failure> {
        let mut happened = Vec::new();
        if often.at_once {
            let mut under_way = JoinSet::new();
            for n in 1..=often.times {
                let one = self.prepared(call, n)?;
                under_way.spawn(async move { made(one.send().await) });
            }
            while let Some(done) = under_way.join_next().await {
                happened.push(done.map_err(|error| Failure::unexpected(error.to_string()))?);
            }
        } else {
            for n in 1..=often.times {
                if n > 1 {
                    self.sandbox.advance(often.every)?;
                }
                happened.push(self.repeated(call, n).await?);
            }
        }
        let name = KINDS.iter().find(|(_, kind, _)| *kind == call.kind).map_or("", |(name, _, _)| name);
        let number = if call.number.is_empty() { &call.day } else { &call.number };
        let did = match happened.as_slice() {
            [one] => format!("{name} {number}: {}", outcome(one)),
            all => {
                let accepted = all.iter().filter(|one| one.word == Word::Accepted).count();
                format!("{name} {number}: {accepted} of {} accepted", all.len())
            }
        };
        Ok((did, happened))
    }

    /// The same call with the same number, a second apart on the sandbox's clock,
    /// for as long as nobody knows what came of it. What an attempt may have done
    /// only an answer of the bill itself undoes: a later refusal leaves it unknown.
    async fn repeated(&self, call: &Call, n: u32) -> Result<Happened, Failure> {
        let one = self.prepared(call, n)?;
        let mut happened = made(one.send().await);
        for _ in 1..call.attempts {
            if happened.word != Word::Unknown {
                break;
            }
            self.sandbox.advance(Duration::from_secs(1))?;
            let again = made(one.send().await);
            match again.word {
                Word::Accepted | Word::Unknown => happened = again,
                Word::Refused | Word::NotSent => happened = Happened { word: Word::Unknown, ..again },
            }
        }
        Ok(happened)
    }

    fn prepared(&self, call: &Call, n: u32) -> Result<Prepared, Failure> {
        let member = &self.merchants[call.by];
        let mch_id = &member.entity.mch_id;
        let mut call = call.clone();
        call.number = counted(&call.number, n);
        call.order = counted(&call.order, n);
        let (openid, _) = self.user(&counted(&call.user, n));
        let auth_code = match call.kind {
            Kind::Micropay => self.sandbox.show_code(openid)?,
            _ => String::new(),
        };
        if call.kind == Kind::Refund && call.order_amount.is_none() {
            // A merchant knows what was ordered.
            call.order_amount = self.sandbox.order(mch_id, &call.order).map(|order| order.total_fee);
        }
        Ok(Prepared {
            client: member.client.clone(),
            name: member.entity.name.clone(),
            openid: openid.to_owned(),
            auth_code,
            notify_url: self.shop.notify_url.clone(),
            call,
        })
    }
}

fn made(made: Made) -> Happened {
    match made {
        Ok((reply, amount)) => Happened::accepted(reply, amount),
        Err(error) => Happened::failed(&error),
    }
}

/// A call with all that it needs.
struct Prepared {
    client: Client,
    name: String,
    openid: String,
    auth_code: String,
    notify_url: String,
    call: Call,
}

const IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

impl Prepared {
    async fn send(&self) -> Made {
        let Call { kind, number, amount, .. } = &self.call;
        match kind {
            Kind::Packet => self.answered(&self.packet()?, |sent| Some(sent.total_amount)).await,
            Kind::Group => self.answered(&self.group()?, |sent| Some(sent.total_amount)).await,
            Kind::QueryPacket => {
                let request = query::RedPacket { mch_billno: BillNo::new(number)? };
                self.answered(&request, |found| found.total_amount).await
            }
            Kind::Jsapi | Kind::Native | Kind::App | Kind::H5 => self.placed().await,
            Kind::Micropay => {
                let request = pay::Micropay {
                    body: self.goods(),
                    out_trade_no: OutTradeNo::new(number)?,
                    total_fee: *amount,
                    spbill_create_ip: IpAddr::V4(IP),
                    auth_code: self.auth_code.clone(),
                    extra: pay::Extra::default(),
                };
                self.answered(&request, |payment| Some(payment.total_fee)).await
            }
            Kind::QueryOrder => {
                let request = query::Order::new(OutTradeNo::new(number)?);
                self.answered(&request, |found| found.total_fee).await
            }
            Kind::Close => self.answered(&pay::Close { out_trade_no: OutTradeNo::new(number)? }, |_| None).await,
            Kind::Reverse => {
                let request = pay::Reverse { order: OutTradeNo::new(number)?.into() };
                self.answered(&request, |_| None).await
            }
            Kind::Refund => {
                let request = pay::Refund {
                    order: OutTradeNo::new(&self.call.order)?.into(),
                    out_refund_no: OutRefundNo::new(number)?,
                    total_fee: self.call.order_amount.unwrap_or(*amount),
                    refund_fee: *amount,
                    extra: pay::RefundExtra {
                        notify_url: Some(self.notify_url.clone()),
                        ..pay::RefundExtra::default()
                    },
                };
                self.answered(&request, |taken| Some(taken.refund_fee)).await
            }
            Kind::QueryRefund => {
                let request = query::Refund::new(OutRefundNo::new(number)?);
                self.answered(&request, |found| found.refund_fee).await
            }
            Kind::TradeBill => self.trade_bill().await,
            Kind::FundFlow => self.fund_flow().await,
        }
    }

    async fn answered<R: Request>(&self, request: &R, amount: impl Fn(&R::Reply) -> Option<Fen>) -> Made
    where
        R::Reply: serde::Serialize,
    {
        let reply = self.client.send(request).await?;
        Ok((serde_json::to_value(&reply).unwrap_or_default(), amount(&reply)))
    }

    fn packet(&self) -> hongbao::Result<redpack::Packet> {
        let redpack::Group { mch_billno, re_openid, total_amount, send_name, wishing, act_name, remark, extra, .. } =
            self.group()?;
        let client_ip = IP;
        Ok(redpack::Packet {
            mch_billno,
            re_openid,
            total_amount,
            send_name,
            wishing,
            act_name,
            remark,
            client_ip,
            extra,
        })
    }

    fn group(&self) -> hongbao::Result<redpack::Group> {
        let scene_id = self.call.scene.clone().map(redpack::Scene::from);
        Ok(redpack::Group {
            mch_billno: BillNo::new(&self.call.number)?,
            re_openid: OpenId::new(&self.openid)?,
            total_amount: self.call.amount,
            total_num: self.call.people,
            send_name: self.name.clone(),
            wishing: "恭喜发财，大吉大利".to_owned(),
            act_name: "沙箱试发".to_owned(),
            remark: "沙箱里的红包".to_owned(),
            extra: redpack::Extra { scene_id, ..redpack::Extra::default() },
        })
    }

    fn goods(&self) -> String {
        format!("{}-沙箱试单", self.name)
    }

    async fn placed(&self) -> Made {
        let body = self.goods();
        let out_trade_no = OutTradeNo::new(&self.call.number)?;
        let total_fee = self.call.amount;
        let spbill_create_ip = IpAddr::V4(IP);
        let notify_url = self.notify_url.clone();
        let extra = pay::Extra::default();
        match self.call.kind {
            Kind::Jsapi => {
                let payer = Payer::OpenId(OpenId::new(&self.openid)?);
                let request = pay::Jsapi { body, out_trade_no, total_fee, spbill_create_ip, notify_url, payer, extra };
                self.answered(&request, |_| Some(total_fee)).await
            }
            Kind::Native => {
                let product_id = "SKU-1".to_owned();
                let request =
                    pay::Native { body, out_trade_no, total_fee, spbill_create_ip, notify_url, product_id, extra };
                self.answered(&request, |_| Some(total_fee)).await
            }
            Kind::App => {
                let request = pay::App { body, out_trade_no, total_fee, spbill_create_ip, notify_url, extra };
                self.answered(&request, |_| Some(total_fee)).await
            }
            _ => {
                let scene_info =
                    pay::H5Scene::Wap { wap_url: "https://shop.example.com".to_owned(), wap_name: self.name.clone() };
                let request =
                    pay::H5 { body, out_trade_no, total_fee, spbill_create_ip, notify_url, scene_info, extra };
                self.answered(&request, |_| Some(total_fee)).await
            }
        }
    }

    /// What is in it, counted.
    async fn trade_bill(&self) -> Made {
        let mut download = self.client.download(&query::TradeBill::new(self.day()?)).await?;
        let (mut payments, mut refunds, mut reversals) = (0_u64, 0_u64, 0_u64);
        while let Some(row) = download.next().await? {
            match row.trade_state.as_str() {
                "SUCCESS" => payments += 1,
                "REFUND" => refunds += 1,
                _ => reversals += 1,
            }
        }
        let adds_up = download.sheet().summary().is_some_and(|summary| summary.differences().is_empty());
        let rows = payments + refunds + reversals;
        let reply = json!({
            "rows": rows, "payments": payments, "refunds": refunds, "reversals": reversals, "adds_up": adds_up,
        });
        Ok((reply, None))
    }

    async fn fund_flow(&self) -> Made {
        let request = query::FundFlow::new(self.day()?, AccountType::Basic);
        let mut download = self.client.download(&request).await?;
        let mut rows = 0_u64;
        while download.next().await?.is_some() {
            rows += 1;
        }
        let adds_up = download.sheet().summary().is_some_and(|summary| summary.differences().is_empty());
        Ok((json!({ "rows": rows, "adds_up": adds_up }), None))
    }

    fn day(&self) -> hongbao::Result<Day> {
        Ok(self.call.day.parse()?)
    }
}
