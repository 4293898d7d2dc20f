//! Answers that are odd but legal, and those that must not be believed.

use std::collections::BTreeSet;

use hongbao::pay::{self, H5Scene};
use hongbao::query::{self, AccountType, Comments, FundFlow, TradeBill};
use hongbao::sandbox::{Answers, Cdata, Payer, Sandbox};
use hongbao::wire::{ReplySign, Request, Tabular, read_xml};
use hongbao::{BillNo, Client, Entity, Error, ErrorKind, Fen, OutRefundNo, Outcome};

use crate::orders::{by_code, jsapi, native, number, refund};
use crate::source::{files, root};
use crate::support::{ALICE, DAY, HOUR, Stage, code, group, packet};

/// What came of one call, and whether its answer is one that is signed.
struct Tried {
    call: &'static str,
    signed: bool,
    result: Result<(), Error>,
}

async fn sent<R: Request>(client: &Client, request: &R) -> Tried {
    let result = client.send(request).await.map(drop);
    Tried { call: std::any::type_name::<R>(), signed: R::CONTRACT.reply == ReplySign::Required, result }
}

async fn loaded<R: Tabular>(client: &Client, request: &R) -> Tried {
    let result = client.download(request).await.map(drop);
    Tried { call: std::any::type_name::<R>(), signed: false, result }
}

/// Every call that there is, once.
async fn round(answers: &Answers) -> (Stage, Vec<Tried>) {
    let stage = Stage::new();
    let (client, mch_id) = (&stage.client, &stage.entity.mch_id);
    let paid = async |order: &str| {
        client.send(&native(order, 888)).await.unwrap();
        stage.sandbox.pay_order(mch_id, order, &Payer::default()).unwrap()
    };
    let transaction = paid("T00000").await;
    let yesterday = stage.sandbox.now().beijing_day();
    stage.sandbox.comment(&transaction, 5, "很好").unwrap();
    client.send(&group("G0", ALICE, 600, 3)).await.unwrap();
    stage.sandbox.open_packet(mch_id, "G0", ALICE).unwrap();
    stage.advance(DAY);
    stage.sandbox.set_answers(answers.clone()).unwrap();

    let scene = H5Scene::Wap { wap_url: "https://coffee.example".into(), wap_name: "蓝鲸咖啡".into() };
    let pay::Native { body, spbill_create_ip, notify_url, .. } = native("T00004", 888);
    let app = pay::App {
        body: body.clone(),
        out_trade_no: number("T00003"),
        total_fee: Fen::new(888),
        spbill_create_ip,
        notify_url: notify_url.clone(),
        extra: pay::Extra::default(),
    };
    let h5 = pay::H5 {
        body,
        out_trade_no: number("T00004"),
        total_fee: Fen::new(888),
        spbill_create_ip,
        notify_url,
        scene_info: scene,
        extra: pay::Extra::default(),
    };
    let report = pay::Report {
        interface_url: "https://api.mch.weixin.qq.com/pay/unifiedorder".into(),
        execute_time: 143,
        return_code: "SUCCESS".into(),
        result_code: "SUCCESS".into(),
        user_ip: [203, 0, 113, 10].into(),
        extra: pay::ReportExtra::default(),
    };
    let question = query::Refund::new(OutRefundNo::new("R00001").unwrap());
    let link = pay::ShortUrl { long_url: "weixin://wxpay/bizpayurl?pr=x".into() };
    let tried = vec![
        sent(client, &packet("A1", ALICE, 188)).await,
        sent(client, &group("G1", ALICE, 600, 3)).await,
        sent(client, &query::RedPacket { mch_billno: BillNo::new("G0").unwrap() }).await,
        sent(client, &jsapi("T00001", 888)).await,
        sent(client, &native("T00002", 888)).await,
        sent(client, &app).await,
        sent(client, &h5).await,
        sent(client, &pay::Close { out_trade_no: number("T00002") }).await,
        sent(client, &query::Order::new(number("T00000"))).await,
        sent(client, &refund("T00000", "R00001", 888, 300)).await,
        sent(client, &question).await,
        sent(client, &pay::AuthCode { auth_code: stage.sandbox.show_code(ALICE).unwrap() }).await,
        sent(client, &by_code("C00001", 500, &stage.sandbox.show_code(ALICE).unwrap())).await,
        sent(client, &pay::Reverse { order: number("C00001").into() }).await,
        sent(client, &link).await,
        sent(client, &report).await,
        loaded(client, &TradeBill { tar_type: None, ..TradeBill::new(yesterday) }).await,
        loaded(client, &FundFlow { tar_type: None, ..FundFlow::new(yesterday, AccountType::Basic) }).await,
        loaded(client, &Comments::new(yesterday.start(), yesterday.start().after(DAY))).await,
    ];
    (stage, tried)
}

fn legal() -> Vec<Answers> {
    let one = Answers::default;
    let all = |cdata| Answers { element_order: true, cdata, extra_fields: true, err_code_on_success: true, ..one() };
    vec![
        one(),
        Answers { element_order: true, ..one() },
        Answers { cdata: Cdata::All, ..one() },
        Answers { cdata: Cdata::None, ..one() },
        Answers { cdata: Cdata::Mixed, ..one() },
        Answers { extra_fields: true, ..one() },
        Answers { err_code_on_success: true, ..one() },
        all(Cdata::None),
        all(Cdata::Mixed),
        all(Cdata::Official),
    ]
}

#[tokio::test]
async fn every_call_takes_every_legal_oddity() {
    let endpoints: usize = files(&root().join("src")).iter().map(|file| file.requests().len()).sum();
    for answers in legal() {
        let (stage, tried) = round(&answers).await;
        let calls: BTreeSet<_> = tried.iter().map(|tried| tried.call).collect();
        assert_eq!(calls.len(), endpoints, "each endpoint is called");
        for Tried { call, result, .. } in tried {
            assert!(result.is_ok(), "{call} with {answers:?}: {}", result.unwrap_err());
        }
        stage.balanced();
    }
}

#[tokio::test]
async fn nobody_believes_a_wrong_signature() {
    let (stage, tried) = round(&Answers { wrong_sign: true, ..Answers::default() }).await;
    let mut signed = 0;
    for tried in tried {
        match tried.result {
            // Nothing says what these are but TLS.
            Ok(()) => assert!(!tried.signed, "{} believed it", tried.call),
            Err(error) => {
                assert!(tried.signed, "{}: {error}", tried.call);
                assert_eq!(
                    (error.kind(), error.outcome()),
                    (ErrorKind::Unverified, Outcome::Unknown),
                    "{}",
                    tried.call
                );
                signed += 1;
            }
        }
    }
    assert!(signed >= 11, "{signed} answers are signed");
    stage.balanced();
}

#[tokio::test]
async fn refusals_are_odd_as_well_and_mean_the_same() {
    for answers in legal() {
        let stage = Stage::new();
        stage.sandbox.set_answers(answers.clone()).unwrap();
        let key = stage.sandbox.merchants()[1].key.clone();
        let wrong = Entity { key, ..stage.entity.clone() };
        let error = stage.sandbox.client(&wrong).unwrap().send(&packet("A1", ALICE, 188)).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), ("SIGN_ERROR", Outcome::Refused), "{answers:?}");
        let error = stage.client.send(&query::Order::new(number("T99999"))).await.unwrap_err();
        assert_eq!(code(&error), "ORDERNOTEXIST", "{answers:?}");
    }
}

#[tokio::test]
async fn odd_answers_are_really_odd() {
    let stage = Stage::new();
    stage.client.send(&native("T00001", 888)).await.unwrap();
    let answer = async |answers: Answers| {
        stage.sandbox.set_answers(answers).unwrap();
        stage.client.send(&query::Order::new(number("T00001"))).await.unwrap();
        stage.sandbox.requests(1)[0].answer.clone()
    };
    let names = |text: &str| -> Vec<String> {
        read_xml(text.as_bytes()).unwrap().iter().map(|(name, _)| name.to_owned()).collect()
    };
    let plain = answer(Answers::default()).await;
    let other = Answers { element_order: true, ..Answers::default() };
    let (first, second) = (answer(other.clone()).await, answer(other).await);
    assert!(names(&plain) != names(&first) && names(&first) != names(&second));
    let sorted = |text: &str| names(text).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&plain), sorted(&first));

    let none = answer(Answers { cdata: Cdata::None, extra_fields: true, ..Answers::default() }).await;
    assert!(
        !none.contains("CDATA") && none.contains("值 &amp; &lt;新&gt; ]]&gt;") && none.contains("<new_empty_field></")
    );
    let all = answer(Answers { cdata: Cdata::All, ..Answers::default() }).await;
    assert!(all.contains("<total_fee><![CDATA[888]]>"), "{all}");
    let mixed = answer(Answers { cdata: Cdata::Mixed, ..Answers::default() }).await;
    assert!(mixed.contains("]]><![CDATA[") && mixed.contains("> <![CDATA["), "{mixed}");
    let success = answer(Answers { err_code_on_success: true, ..Answers::default() }).await;
    assert_eq!(read_xml(success.as_bytes()).unwrap().get("err_code"), Some("SUCCESS"));
    assert_eq!(names(&answer(Answers::default()).await), names(&plain), "switched off again");
}

#[test]
fn how_answers_are_written_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let odd = Answers { element_order: true, cdata: Cdata::Mixed, wrong_sign: true, ..Answers::default() };
    Sandbox::open(directory.path()).unwrap().set_answers(odd.clone()).unwrap();
    let sandbox = Sandbox::open(directory.path()).unwrap();
    assert_eq!(sandbox.answers(), odd);
    sandbox.advance(HOUR).unwrap();
}
