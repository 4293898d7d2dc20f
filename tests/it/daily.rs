//! The next day's bill: what the sandbox writes and the SDK reads is what
//! happened, to the fen.

use std::collections::BTreeMap;
use std::time::Duration;

use hongbao::pay::{self, CouponType};
use hongbao::query::bill::{Fund, RefundState, Trade, TradeState};
use hongbao::query::{AccountType, BillType, Comments, FundFlow, TarType, TradeBill};
use hongbao::sandbox::{Payer, Sandbox};
use hongbao::{Client, Error, Fen, Outcome};
use proptest::prelude::*;

use crate::orders::{by_code, jsapi, native, refund};
use crate::support::{ALICE, DAY, HOUR, Stage, code, packet};

const TODAY: &str = "2025-03-18";

fn bill(kind: BillType, gzip: bool) -> TradeBill {
    let tar_type = gzip.then_some(TarType::Gzip);
    TradeBill { bill_type: kind, tar_type, ..TradeBill::new(TODAY.parse().unwrap()) }
}

/// What is compared of a row.
#[derive(Debug, PartialEq)]
struct Row {
    number: String,
    state: String,
    settlement: i64,
    total: i64,
    back: i64,
    refund: Option<String>,
    refund_state: Option<String>,
    fee: i64,
    body: String,
    attach: String,
}

impl Row {
    fn of(trade: &Trade<'_>) -> Self {
        let fen = |fee: Option<Fen>| fee.map_or(0, Fen::get);
        Self {
            number: trade.out_trade_no.to_owned(),
            state: trade.trade_state.as_str().to_owned(),
            settlement: trade.settlement_total_fee.get(),
            total: fen(trade.total_fee),
            back: fen(trade.refund_fee),
            refund: trade.out_refund_no.map(str::to_owned),
            refund_state: trade.refund_state.map(|state| state.as_str().to_owned()),
            fee: trade.fee.map_or(0, |fee| fee.get()),
            body: trade.body.unwrap_or_default().to_owned(),
            attach: trade.attach.unwrap_or_default().to_owned(),
        }
    }
}

async fn rows(client: &Client, request: &TradeBill) -> Result<Vec<Row>, Error> {
    let mut bill = client.download(request).await?;
    let mut rows = vec![];
    while let Some(trade) = bill.next().await? {
        rows.push(Row::of(&trade));
    }
    let summary = bill.sheet().summary().unwrap();
    assert!(summary.differences().is_empty(), "{:?}", summary.differences());
    assert_eq!(summary.rows, rows.len() as u64);
    Ok(rows)
}

/// A day with a bit of everything.
async fn a_day() -> Stage {
    let stage = Stage::new();
    let mch_id = &stage.entity.mch_id;
    let pays = |order: &str, payer: &Payer| stage.sandbox.pay_order(mch_id, order, payer).unwrap();
    stage.client.send(&native("T00001", 888)).await.unwrap();
    pays("T00001", &Payer::default());
    stage.advance(HOUR);
    let mut with_coupons = jsapi("T00002", 1000);
    with_coupons.extra.attach = Some("深圳,`分店".into());
    stage.client.send(&with_coupons).await.unwrap();
    let coupons = vec![(CouponType::NoCash, Fen::new(100))];
    pays("T00002", &Payer { coupons, ..Payer::default() });
    stage.client.send(&jsapi("T00003", 500)).await.unwrap(); // nobody pays
    stage.client.send(&by_code("M00001", 1250, "134500000000000001")).await.unwrap();
    stage.client.send(&pay::Reverse { order: crate::orders::number("M00001").into() }).await.unwrap();
    stage.client.send(&refund("T00001", "R1", 888, 300)).await.unwrap();
    stage.advance(HOUR);
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    // Two minutes to midnight: it begins today and arrives tomorrow, before the bill is made.
    stage.advance(10 * HOUR - Duration::from_secs(120));
    stage.client.send(&refund("T00002", "R2", 1000, 1000)).await.unwrap();
    stage
}

#[tokio::test]
pub async fn the_next_day_has_it_all() {
    let stage = a_day().await;
    let client = &stage.client;
    let early = rows(client, &bill(BillType::All, true)).await.unwrap_err();
    assert_eq!((code(&early), early.outcome()), ("BILL_CREATING", Outcome::Refused));
    stage.advance(9 * HOUR + Duration::from_secs(120));

    let row = |number: &str, state: &str, settlement: i64, total: i64, fee: i64, attach: &str| Row {
        number: number.into(),
        state: state.into(),
        settlement,
        total,
        back: 0,
        refund: None,
        refund_state: None,
        fee,
        body: if number.starts_with('M') { "蓝鲸咖啡-早餐".into() } else { "蓝鲸咖啡-拿铁".into() },
        attach: attach.into(),
    };
    let back = |row: Row, back: i64, refund: Option<&str>| Row {
        back,
        refund: refund.map(str::to_owned),
        refund_state: Some("SUCCESS".into()),
        ..row
    };
    // Where a merchant's data holds what parts the columns, its beginning counts as the goods' name.
    let parted = |row: Row| Row { body: "蓝鲸咖啡-拿铁,`深圳".into(), attach: "分店".into(), ..row };
    let expected = [
        row("T00001", "SUCCESS", 888, 888, 5000, ""),
        parted(row("T00002", "SUCCESS", 900, 1000, 5000, "")),
        row("M00001", "SUCCESS", 1250, 1250, 8000, ""),
        back(row("M00001", "REVOKED", 0, 0, -8000, ""), 1250, None),
        back(row("T00001", "REFUND", 0, 0, -2000, ""), 300, Some("R1")),
        parted(back(row("T00002", "REFUND", 0, 0, -5000, ""), 1000, Some("R2"))),
    ];
    for gzip in [true, false] {
        let mut found = rows(client, &bill(BillType::All, gzip)).await.unwrap();
        // Rows of one second stand in the order of WeChat's numbers.
        found.sort_by_key(|row| expected.iter().position(|own| own == row));
        assert_eq!(found, expected);
    }
    assert_eq!(rows(client, &bill(BillType::Success, true)).await.unwrap().len(), 3);
    assert_eq!(rows(client, &bill(BillType::Refund, false)).await.unwrap().len(), 3);
    let none = rows(client, &bill(BillType::RechargeRefund, true)).await.unwrap_err();
    assert_eq!((code(&none), none.outcome()), ("NO_BILL_EXIST", Outcome::Refused));
    stage.advance(93 * DAY);
    assert_eq!(code(&rows(client, &bill(BillType::All, true)).await.unwrap_err()), "NO_BILL_EXIST");
}

/// The bill adds up to what the books hold.
#[tokio::test]
pub async fn funds_add_up_to_the_balance() {
    let stage = a_day().await;
    stage.advance(9 * HOUR + Duration::from_secs(120));
    let request = FundFlow::new(TODAY.parse().unwrap(), AccountType::Basic);
    for tar_type in [Some(TarType::Gzip), None] {
        let mut bill = stage.client.download(&FundFlow { tar_type, ..request.clone() }).await.unwrap();
        let (mut moves, mut last) = (BTreeMap::new(), Fen::ZERO);
        while let Some(Fund { business_name, amount, balance, .. }) = bill.next().await.unwrap() {
            *moves.entry(business_name.to_owned()).or_insert(0) += amount.get();
            last = balance;
        }
        let expected = [
            ("充值", 1_000_000),
            ("交易", 888 + 900 + 1250),
            ("扣除交易手续费", 5 + 5 + 8),
            ("撤销", 1250),
            ("退款", 300 + 900),
            ("返还交易手续费", 8 + 2 + 5),
            ("现金红包", 188),
        ];
        assert_eq!(moves, expected.map(|(name, fen)| (name.to_owned(), fen)).into());
        // Nothing but the unclaimed packet and the fee of T00001 is gone by then.
        assert_eq!(last, stage.balance());
        assert!(bill.sheet().summary().unwrap().differences().is_empty());
    }
    for account in [AccountType::Operation, AccountType::Fees, AccountType::from("BASIC".to_owned())] {
        let unknown = account.as_str() == "BASIC";
        let error =
            stage.client.download(&FundFlow { account_type: account, ..request.clone() }).await.map(drop).unwrap_err();
        assert_eq!(code(&error), if unknown { "PARAM_ERROR" } else { "NO_BILL_EXIST" });
    }
    stage.balanced();
}

#[tokio::test]
pub async fn comments_come_in_pages() {
    let stage = Stage::new();
    stage.client.send(&jsapi("T00001", 888)).await.unwrap();
    let id = stage.sandbox.pay_order(&stage.entity.mch_id, "T00001", &Payer::default()).unwrap();
    for index in 0..5 {
        stage.sandbox.comment(&id, 5, &format!("很新鲜，会再来,`第{index}次")).unwrap();
    }
    let day = TODAY.parse::<hongbao::clock::Day>().unwrap();
    let mut question = Comments { limit: 3, ..Comments::new(day.start(), day.start().after(DAY)) };
    let mut texts = vec![];
    for expected in [3, 2, 0] {
        let mut page = stage.client.download(&question).await.unwrap();
        let mut count = 0;
        while let Some(comment) = page.next().await.unwrap() {
            assert_eq!((comment.stars, comment.transaction_id), (5, id.as_str()));
            texts.push(comment.text.to_owned());
            count += 1;
        }
        assert_eq!(count, expected);
        question.offset = page.sheet().next_offset().unwrap();
    }
    assert_eq!(texts.len(), 5);
    assert_eq!(texts[4], "很新鲜，会再来,`第4次");
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(",".to_owned()),
        Just("`".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("杯".to_owned()),
        Just("&<>]]".to_owned()),
        "[ -~]",
        "[一-龥]",
    ];
    prop::collection::vec(part, 1..12).prop_map(move |parts| {
        let mut text = String::new();
        for part in parts {
            if text.len() + part.len() <= longest {
                text.push_str(&part);
            }
        }
        text.trim().to_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is sold for whatever amount, the bill tells it as it was.
    #[test]
    fn writer_and_reader_agree(
        sales in prop::collection::vec((text(100), text(60), 1_i64..=2_000_000, 0_u8..3, any::<bool>()), 1..8),
        gzip in any::<bool>(),
        rate in 0_u32..200,
    ) {
        // What parts the columns may stand in the goods' name, and in nothing else.
        let plain = |text: &str| text.replace(",`", ";");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let noon = "2025-03-18 12:00:00".parse().unwrap();
            let stage = Stage::on(Sandbox::builder().frozen_at(noon).build().unwrap());
            let mch_id = stage.entity.mch_id.clone();
            stage.sandbox.change_settings(&mch_id, |settings| settings.fee_rate = rate).unwrap();
            let mut expected = vec![];
            for (index, (body, attach, fen, back, with_coupon)) in sales.iter().enumerate() {
                let order = format!("T0000{index}");
                let mut sale = native(&order, *fen);
                sale.body = if body.is_empty() { "杯".into() } else { body.clone() };
                let attach = plain(attach).trim().to_owned();
                sale.extra.attach = Some(attach.clone()).filter(|attach| !attach.is_empty());
                stage.client.send(&sale).await.unwrap();
                let coupons = if *with_coupon && *fen > 1 { vec![(CouponType::NoCash, Fen::new(fen / 2))] } else { vec![] };
                let coupon: i64 = coupons.iter().map(|(_, fee)| fee.get()).sum();
                stage.sandbox.pay_order(&mch_id, &order, &Payer { coupons, ..Payer::default() }).unwrap();
                expected.push((order.clone(), fen - coupon, *fen, 0, sale.body.clone(), attach.clone()));
                for part in 0..i64::from(*back) {
                    let part_fen = (fen / 3).max(1);
                    if part_fen * (part + 1) > *fen {
                        break;
                    }
                    let request = refund(&order, &format!("R{index}{part}"), *fen, part_fen);
                    stage.client.send(&request).await.unwrap();
                    expected.push((order.clone(), 0, 0, part_fen, sale.body.clone(), attach.clone()));
                }
                stage.balanced();
                stage.advance(HOUR / 4);
            }
            stage.advance(DAY);
            let found = rows(&stage.client, &bill(BillType::All, gzip)).await.unwrap();
            let mut found: Vec<_> = found
                .into_iter()
                .map(|row| (row.number, row.settlement, row.total, row.back, row.body, row.attach))
                .collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        });
    }
}

#[test]
fn states_have_their_names() {
    assert_eq!(TradeState::from("REVOKED"), TradeState::Revoked);
    assert_eq!(RefundState::from("PROCESSING"), RefundState::Processing);
}

/// A bill that breaks off on its way is never taken for a whole one.
#[tokio::test]
async fn a_broken_download_is_noticed() {
    use hongbao::sandbox::{Fault, FaultRule, When};
    let stage = a_day().await;
    stage.advance(9 * HOUR + Duration::from_secs(120));
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let _served = stage.sandbox.serve(any, any, None).await.unwrap();
    let entity = stage.sandbox.merchants().remove(0);
    let client = Client::builder(&entity).retry(hongbao::RetryPolicy::never()).build().unwrap();
    let request = |gzip| bill(BillType::All, gzip);
    for gzip in [true, false] {
        assert_eq!(rows(&client, &request(gzip)).await.unwrap().len(), 6);
        for fault in [Fault::TruncatedBody, Fault::HangUpAfter, Fault::HangUpBefore, Fault::BadGateway, Fault::Garbage]
        {
            stage.sandbox.fault(FaultRule::new(fault.clone(), When::Next(1))).unwrap();
            let error = rows(&client, &request(gzip)).await.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{fault:?}: {}", error.report());
            assert!(!error.next_step().is_empty(), "{fault:?}");
        }
        stage.sandbox.fault(FaultRule::new(Fault::SystemErrorBefore, When::Next(1))).unwrap();
        let error = rows(&client, &request(gzip)).await.unwrap_err();
        assert_eq!(code(&error), "SYSTEMERROR");
    }
    // Left alone, a client tries again before the table has begun.
    stage.sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(1))).unwrap();
    let patient = Client::new(&entity).unwrap();
    assert_eq!(rows(&patient, &request(true)).await.unwrap().len(), 6);
}
