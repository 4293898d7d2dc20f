//! Bills and comments: the requests, and what comes back for them.

use std::sync::Arc;

use hongbao::query::{AccountType, BillType, Comments, FundFlow, TarType, TradeBill};
use hongbao::wire::{Digest, Doc, Tabular, read_xml, verify};
use hongbao::{Client, Entity, Error, ErrorKind, MchId, Outcome, RetryPolicy, Secret, SubMerchant};

use crate::fake::{FixedNonce, KEY, Scripted, Standing, Step, coffee, fixture, fixture_path};

fn client(entity: &Entity, answer: Step, nonce: &str) -> (Client, Arc<Scripted>) {
    let wire = Scripted::new([answer]);
    let client = Client::builder(entity)
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Standing::at("2025-03-18 10:30:00"))
        .nonce(Arc::new(FixedNonce(nonce.to_owned())))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    (client, wire)
}

fn trade_bill() -> TradeBill {
    TradeBill { tar_type: None, ..TradeBill::new("2025-03-17".parse().unwrap()) }
}

fn fund_flow() -> FundFlow {
    FundFlow { tar_type: None, ..FundFlow::new("2025-03-17".parse().unwrap(), AccountType::Basic) }
}

fn comments() -> Comments {
    Comments::new("2025-03-17 00:00:00".parse().unwrap(), "2025-03-17 23:59:59".parse().unwrap())
}

async fn writes<R: Tabular>(request: &R, name: &str, digest: Digest) {
    let expected = read_xml(fixture(name).as_bytes()).unwrap();
    assert!(verify(&expected, expected.get("sign").unwrap(), &Secret::new(KEY), digest), "{name}");
    let provider = expected.get("sub_mch_id").map(|sub| SubMerchant::new(MchId::new(sub).unwrap()));
    let entity = Entity { digest, sub_merchant: provider, ..coffee() };
    let (client, wire) = client(&entity, Step::NoConnection, expected.get("nonce_str").unwrap());
    assert!(client.download(request).await.is_err());
    let seen = wire.seen();
    assert_eq!(seen.len(), 1, "{name}");
    let fields = |doc: &Doc| {
        let mut fields: Vec<_> = doc.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        fields.sort();
        fields
    };
    assert_eq!(fields(&seen[0].doc), fields(&expected), "{name}");
    assert_eq!((&*seen[0].path, seen[0].certificate), (R::CONTRACT.path, R::CONTRACT.certificate), "{name}");
}

#[tokio::test]
async fn requests_are_written_as_elsewhere() {
    let gzip = Some(TarType::Gzip);
    writes(&trade_bill(), "query.trade_bill/request.xml", Digest::Md5).await;
    let refunds = TradeBill { bill_type: BillType::Refund, tar_type: gzip.clone(), ..trade_bill() };
    writes(&refunds, "query.trade_bill/request.full.xml", Digest::HmacSha256).await;
    writes(&fund_flow(), "query.fund_flow/request.xml", Digest::HmacSha256).await;
    writes(&FundFlow { tar_type: gzip, ..fund_flow() }, "query.fund_flow/request.full.xml", Digest::HmacSha256).await;
    writes(&comments(), "query.comments/request.xml", Digest::HmacSha256).await;
}

#[tokio::test]
async fn tables_are_read_row_by_row() {
    let bill = fixture("query.trade_bill/reply.txt");
    let length = bill.len() as u64;
    let (trades, _) = client(&coffee(), Step::Answer(bill), "n");
    let mut table = trades.download(&trade_bill()).await.unwrap();
    let mut numbers = vec![];
    while let Some(trade) = table.next().await.unwrap() {
        numbers.push(format!("{} {}", trade.out_trade_no, trade.trade_state));
    }
    assert_eq!((numbers.len(), &*numbers[0]), (7, "T20250317000001 SUCCESS"));
    assert_eq!(table.received(), length);
    let summary = table.sheet().summary().unwrap();
    assert_eq!((summary.rows, summary.differences().len()), (7, 0));

    let (funds, _) = client(&coffee(), Step::Answer(fixture("query.fund_flow/reply.txt")), "n");
    let mut table = funds.download(&fund_flow()).await.unwrap();
    let mut rows = 0;
    while table.next().await.unwrap().is_some() {
        rows += 1;
    }
    assert_eq!((rows, table.into_sheet().summary().unwrap().rows), (4, 4));

    for (name, found, next) in [("reply.txt", 3, 100), ("reply.plain.txt", 3, 100), ("reply.empty.txt", 0, 0)] {
        let (client, _) = client(&coffee(), Step::Answer(fixture(&format!("query.comments/{name}"))), "n");
        let mut table = client.download(&comments()).await.unwrap();
        let mut rows = 0;
        while table.next().await.unwrap().is_some() {
            rows += 1;
        }
        assert_eq!((rows, table.sheet().next_offset()), (found, Some(next)), "{name}");
    }
}

async fn refusal<R: Tabular>(request: &R, name: &str) -> Error {
    let (client, _) = client(&coffee(), Step::Answer(fixture(name)), "n");
    match client.download(request).await {
        Ok(_) => panic!("{name} counts as a table"),
        Err(error) => error,
    }
}

fn refusals(folder: &str) -> Vec<String> {
    let names = std::fs::read_dir(fixture_path(folder)).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> =
        names.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with("refusal")).collect();
    names.sort();
    names
}

/// File, outcome, code.
type Row = (&'static str, Outcome, Option<&'static str>);

#[tokio::test]
async fn failures_come_as_messages() {
    use Outcome::{Refused, Unknown};
    let table: [(&str, &[Row]); 3] = [
        (
            "query.trade_bill",
            &[
                ("refusal.bill_creating.xml", Refused, Some("BILL_CREATING")),
                ("refusal.compress.xml", Refused, Some("20003")),
                ("refusal.err_code.xml", Refused, Some("NO_BILL_EXIST")),
                ("refusal.other_case.xml", Refused, Some("NO_BILL_EXIST")),
                ("refusal.sign_error.xml", Refused, Some("20001")),
                ("refusal.systemerror.xml", Unknown, Some("SYSTEMERROR")),
                ("refusal.xml", Refused, Some("NO_BILL_EXIST")),
            ],
        ),
        (
            "query.fund_flow",
            &[
                ("refusal.bill_creating.xml", Refused, Some("BILL_CREATING")),
                ("refusal.communication.xml", Unknown, None),
                ("refusal.param_error.xml", Refused, Some("PARAM_ERROR")),
                ("refusal.systemerror.xml", Unknown, Some("SYSTEMERROR")),
                ("refusal.xml", Refused, Some("NO_BILL_EXIST")),
            ],
        ),
        (
            "query.comments",
            &[("refusal.noauth.xml", Refused, Some("NOAUTH")), ("refusal.xml", Unknown, Some("SYSTEMERROR"))],
        ),
    ];
    for (folder, rows) in table {
        assert_eq!(refusals(folder), rows.iter().map(|row| row.0).collect::<Vec<_>>(), "{folder}");
        for &(name, outcome, code) in rows {
            let name = format!("{folder}/{name}");
            let error = match folder {
                "query.trade_bill" => refusal(&trade_bill(), &name).await,
                "query.fund_flow" => refusal(&fund_flow(), &name).await,
                _ => refusal(&comments(), &name).await,
            };
            let found = (error.kind(), error.outcome(), error.code().map(|code| code.as_str()));
            assert_eq!(found, (ErrorKind::Refusal, outcome, code), "{name}: {}", error.report());
            assert!(!error.next_step().is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_page_of_comments_has_a_limit() {
    for (request, field) in [
        (Comments { limit: 0, ..comments() }, "limit"),
        (Comments { limit: 201, ..comments() }, "limit"),
        (Comments { end_time: "2025-03-16 00:00:00".parse().unwrap(), ..comments() }, "end_time"),
    ] {
        let (client, wire) = client(&coffee(), Step::NoConnection, "n");
        let Err(error) = client.download(&request).await else { panic!("{field}") };
        assert_eq!((error.outcome(), error.field()), (Outcome::NotSent, Some(field)));
        assert_eq!(wire.seen().len(), 0);
    }
}
