//! All panels but the phones: what they show, as it happens, and what is done
//! there happens in the sandbox.

use std::process::Command;

use hongbao::sandbox::{Fault, Sandbox};
use hongbao::wire::{self, Digest, Doc};
use hongbao::{Client, Fen};
use serde_json::{Value, json};

use super::{NARROW, Page, WIDE};
use crate::orders::native;
use crate::shop::Shop;
use crate::support::{ALICE, BOB, DAY, code, once, packet};

const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";

/// Every panel with its title in both languages.
const PANELS: [(&str, &str, &str); 6] = [
    ("start", "Start", "开始"),
    ("phones", "Phones", "手机"),
    ("merchants", "Merchants", "商户"),
    ("traffic", "Traffic", "流量"),
    ("time", "Time & faults", "时间与故障"),
    ("books", "Books", "账本"),
];

impl Page {
    /// A client that signs with the key of the second entity.
    fn with_the_wrong_key(&self) -> Client {
        let mut entity = self.entity.clone();
        entity.key = self.sandbox.merchants().remove(1).key;
        once(&self.sandbox, &entity)
    }

    /// What has this `data-test` becomes this attribute's value.
    fn has(&self, test: &str, attribute: &str, value: &str) {
        self.wait(&format!(
            "document.querySelector('[data-test=\"{test}\"]').getAttribute('{attribute}') === {}",
            json!(value)
        ));
    }

    /// Puts a text in the place of what a field has, as a person does.
    fn type_over(&self, test: &str, text: &str) {
        self.wait(&format!("document.querySelector('[data-test=\"{test}\"]')"));
        self.run(&format!("document.querySelector('[data-test=\"{test}\"]').value = ''"));
        self.write(test, text);
    }

    fn value(&self, test: &str) -> Value {
        self.run(&format!("return document.querySelector('[data-test=\"{test}\"]').value"))
    }

    /// Posts bytes to the gateway without a certificate; gives what was answered.
    async fn post_with(&self, path: &str, body: String, headers: &[(&str, &str)]) -> String {
        let http = crate::raw::client(self.sandbox.ca_pem(), None);
        let request = http.post(format!("{}{path}", self.served.gateway())).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn post(&self, path: &str, body: String) -> String {
        self.post_with(path, body, &[]).await
    }

    fn choose(&self, test: &str, value: &str) {
        self.run(&format!(
            "const field = document.querySelector('[data-test=\"{test}\"]'); field.value = {}; \
             field.dispatchEvent(new Event('change', {{ bubbles: true }}))",
            json!(value)
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_steps_tick_themselves_off() {
    let page = Page::open("start", "en", WIDE).await;
    page.shows("steps-done", "0 of 5");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.has("step-send", "data-done", "yes");
    page.has("step-arrive", "data-done", "yes");
    page.has("step-open", "data-done", "no");
    page.has("see-phone", "href", &format!("#phones?openid={ALICE}"));
    page.sandbox.open_packet(&page.entity.mch_id, "A1", ALICE).unwrap();
    page.has("step-open", "data-done", "yes");
    page.sandbox.advance(DAY).unwrap();
    page.has("step-day", "data-done", "yes");
    let refused = page.with_the_wrong_key().send(&packet("A2", ALICE, 188)).await.unwrap_err();
    assert_eq!(code(&refused), "SIGN_ERROR");
    page.shows("steps-done", "4 of 5");
    page.click("see-signature");
    page.shows("mistake", "the API key of merchant 1900000102");
    page.click("nav-start");
    page.shows("steps-done", "all done");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_on_the_first_page_sends_a_packet_when_pasted() {
    let directory = tempfile::tempdir().unwrap();
    let page = Page::of(Sandbox::open(directory.path()).unwrap(), "start", "zh", WIDE).await;
    page.shows("gateway", &page.served.gateway());
    page.shows("directory", directory.path().to_str().unwrap());
    page.click("snippet-hongbao");
    let command = page.wait("document.querySelector('pre[data-test=snippet]').textContent");
    // As `hongbao sandbox` leaves it beside the merchants' folders.
    let addresses = json!({ "gateway": page.served.gateway(), "console": page.served.console(), "pid": 1 });
    std::fs::write(directory.path().join("sandbox.json"), addresses.to_string()).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_hongbao")).parent().unwrap().to_owned();
    let path =
        std::env::join_paths([program].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    let output =
        Command::new("sh").args(["-c", command.as_str().unwrap()]).env("PATH", path.unwrap()).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    page.has("step-send", "data-done", "yes");
    let sent = page.sandbox.packets(0, 10);
    assert_eq!((sent.len(), sent[0].total_amount), (1, Fen::new(188)));
    // No key is shown, only where it lies.
    let key: Value = {
        let file = directory.path().join("merchants").join(&page.entity.mch_id).join("merchant.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let shown = page.run("return document.documentElement.outerHTML");
    assert!(!shown.as_str().unwrap().contains(key["api_key"].as_str().unwrap()));
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_is_set_up_while_it_sends() {
    let page = Page::open("merchants", "en", WIDE).await;
    let mch_id = page.entity.mch_id.clone();
    let settings = || page.sandbox.settings(&mch_id).unwrap();
    page.shows("in-transit", "0.00");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.shows("in-transit", "1.88");
    page.shows("usage-day", "1.88 / 1,000,000.00");
    page.type_over("set-max_amount", "5.00");
    page.press(&[ENTER]);
    page.wait("[...document.querySelectorAll('.me-saved')].some(note => note.textContent.includes('saved'))");
    assert_eq!(settings().max_amount, Fen::new(500));
    let refused = page.client.send(&packet("A2", ALICE, 501)).await.unwrap_err();
    assert_eq!(code(&refused), "MONEY_LIMIT");
    page.type_over("set-max_amount", "much");
    page.press(&[ENTER]);
    page.shows("error-max_amount", "an amount in yuan");
    assert_eq!(settings().max_amount, Fen::new(500));
    // What the server says stands at the field, too.
    page.type_over("set-allowed_ips", "not an address");
    page.click("set-user_day_count");
    page.shows("error-allowed_ips", "invalid IP address");
    page.click("set-api_open");
    page.wait("!document.querySelector('[data-test=set-api_open]').checked");
    let refused = page.client.send(&packet("A3", ALICE, 188)).await.unwrap_err();
    assert_eq!(code(&refused), "API_METHOD_CLOSED");
    // Somebody else changes it, and the page follows.
    page.sandbox.change_settings(&mch_id, |settings| settings.user_day_count = 3).unwrap();
    page.wait("document.querySelector('[data-test=set-user_day_count]').value === '3'");
    assert_eq!(page.value("set-min_amount"), "1.00");
    page.done_but_for(&["400 (Bad Request)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_put_in_and_a_merchant_added() {
    let page = Page::open("merchants", "zh", NARROW).await;
    let before = page.sandbox.balance(&page.entity.mch_id).get();
    page.type_over("top-up-amount", "250.50");
    page.click("top-up");
    page.shows("basic", "10,250.50");
    assert_eq!(page.sandbox.balance(&page.entity.mch_id).get(), before + 25_050);
    page.click("operating-move");
    page.shows("operating", "250.50");
    assert_eq!(page.sandbox.operating_balance(&page.entity.mch_id), Some(Fen::new(25_050)));
    page.type_over("top-up-amount", "99999999");
    page.click("operating-move");
    page.shows("top-up-error", "cannot be moved");
    page.click("add-merchant");
    page.write("new-name", "<b>竹林</b>茶馆");
    page.write("new-mch_id", "12");
    page.click("new-create");
    page.wait("document.querySelector('[data-test=new-error]').textContent");
    page.type_over("new-mch_id", "1900000188");
    page.click("new-create");
    page.shows("merchant-1900000188", "<b>竹林</b>茶馆");
    page.has("merchant-1900000188", "aria-selected", "true");
    assert_eq!(page.sandbox.merchants().len(), 3);
    page.done_but_for(&["422 (Unprocessable", "400 (Bad Request)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_coloured_by_the_days_that_are_left() {
    let page = Page::open("merchants", "en", WIDE).await;
    let left = |class: &str| page.wait(&format!("document.querySelector('[data-test=certificate-left].{class}')"));
    left("ok");
    let days = || {
        let text = page.run("return document.querySelector('[data-test=certificate-left]').textContent");
        text.as_str().unwrap().split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    page.sandbox.advance(DAY * (days() - 9)).unwrap();
    left("warn");
    assert!((8..=9).contains(&days()));
    page.sandbox.advance(DAY * 10).unwrap();
    left("bad");
    page.shows("certificate-left", "expired");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_signatures_explain_themselves() {
    let page = Page::open("traffic", "en", WIDE).await;
    page.shows("traffic-empty", "Nothing yet");
    page.with_the_wrong_key().send(&packet("A1", ALICE, 188)).await.unwrap_err();
    page.click("request-1");
    page.has("explanation", "data-kind", "signature");
    page.has("mistake", "data-name", "wrong_key");
    page.shows("detail-code", "SIGN_ERROR");
    // The keys are masked, and their owners told apart.
    page.wait("document.querySelector('[data-test=expected-string] mark').textContent === '1'");
    page.wait("document.querySelector('[data-test=received-string] mark').textContent === '2'");
    // A field that was added when the signature had been made.
    let doc: Doc = [
        ("act_name", "a"),
        ("client_ip", "127.0.0.1"),
        ("mch_billno", "A2"),
        ("mch_id", &page.entity.mch_id),
        ("nonce_str", "n0nce"),
        ("re_openid", ALICE),
        ("remark", "r"),
        ("send_name", "s"),
        ("total_amount", "188"),
        ("total_num", "1"),
        ("wishing", "w"),
        ("wxappid", &page.entity.app_id),
    ]
    .into_iter()
    .collect();
    let mut doc = doc;
    let sign = wire::sign(&doc, &page.entity.key, Digest::Md5);
    doc.push("scene_id", "PRODUCT_1");
    doc.push("sign", &sign);
    let posted = page.post("/mmpaymkttransfers/sendredpack", wire::write_xml(&doc)).await;
    assert!(posted.contains("CA_ERROR"), "{posted}");
    page.click("request-2");
    page.has("explanation", "data-kind", "certificate");
    page.shows("headline", "no client certificate was shown");
    page.shows("certificates", "presented: none");
    let posted = page.post("/pay/orderquery", wire::write_xml(&doc)).await;
    assert!(posted.contains("FAIL"), "{posted}");
    page.click("request-3");
    page.wait("document.querySelector('[data-test=detail-path]').textContent === 'POST /pay/orderquery'");
    // A rule that a field breaks.
    let mut doc: Doc = [("appid", &*page.entity.app_id), ("mch_id", &page.entity.mch_id), ("nonce_str", "n0nce")]
        .into_iter()
        .collect();
    let sign = wire::sign(&doc, &page.entity.key, Digest::Md5);
    doc.push("sign", &sign);
    page.post("/pay/closeorder", wire::write_xml(&doc)).await;
    page.shows("request-4", "FAIL");
    page.click("request-4");
    page.has("explanation", "data-kind", "parameter");
    page.shows("why-field", "out_trade_no");
    page.shows("next-step", "out_trade_no");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_there_in_full_and_as_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(directory.path()).unwrap();
    let page = Page::of(sandbox, "traffic?request=1", "zh", NARROW).await;
    page.shows("detail", "沙箱已不再保留它");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    // What was asked for is there now, and comes by itself.
    page.shows("detail-path", "POST /mmpaymkttransfers/sendredpack");
    page.shows("request-fields", "mch_billno");
    page.shows("answer-fields", "send_listid");
    page.click("detail-raw");
    page.shows("raw-request", "<![CDATA[A1]]>");
    page.click("raw-pretty");
    page.shows("raw-answer", "  <result_code>");
    page.click("detail-certificate");
    page.shows("certificate", "1900000101");
    page.click("detail-curl");
    page.shows("curl", &format!("{}/mmpaymkttransfers/sendredpack", page.served.gateway()));
    page.click("detail-back");
    page.shows("request-1", "sendredpack");
    page.done_but_for(&["404 (Not Found)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_live_filtered_and_held() {
    let page = Page::open("traffic", "en", WIDE).await;
    for number in ["XMAS1", "XMAS2"] {
        page.client.send(&packet(number, ALICE, 188)).await.unwrap();
    }
    page.shows("request-2", "XMAS2");
    page.with_the_wrong_key().send(&packet("XMAS3", BOB, 188)).await.unwrap_err();
    page.shows("request-3", "SIGN_ERROR");
    page.click("refused-only");
    page.lacks("request-2");
    page.shows("request-3", "XMAS3");
    page.click("refused-only");
    page.shows("request-1", "XMAS1");
    page.press(&["/"]);
    page.press(&["x", "m", "a", "s", "2"]);
    page.lacks("request-1");
    page.shows("request-2", "XMAS2");
    page.type_over("traffic-search", " ");
    page.shows("request-1", "XMAS1");
    page.click("pause");
    page.client.send(&packet("XMAS4", ALICE, 188)).await.unwrap();
    page.shows("pause", "1 new");
    page.lacks("request-4");
    page.click("pause");
    page.shows("request-4", "XMAS4");
    page.click("kind-notices");
    page.lacks("request-4");
    page.shows("traffic-empty", "Nothing fits");
    page.click("kind-requests");
    page.shows("request-4", "XMAS4");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_walk_through_the_traffic_and_long_lists_come_in_parts() {
    let sandbox = Sandbox::new().unwrap();
    let page = Page::of(sandbox, "traffic", "zh", WIDE).await;
    page.sandbox.change_settings(&page.entity.mch_id, |settings| settings.calls_per_second = 1_000_000).unwrap();
    for number in 1..=150 {
        page.client.send(&packet(&format!("A{number}"), ALICE, 100)).await.ok();
    }
    page.wait("document.querySelector('[data-test=traffic]').children.length === 60");
    page.click("request-150");
    page.press(&[DOWN, DOWN]);
    page.has("request-148", "aria-selected", "true");
    page.wait("location.hash === '#traffic?request=148'");
    page.click("older");
    page.shows("request-90", "A90");
    page.shows("traffic-place", "61–120");
    page.click("older");
    page.shows("request-1", "A1");
    page.wait("document.querySelector('[data-test=older]').disabled");
    page.wait("document.querySelector('[data-test=traffic]').children.length === 30");
    page.click("newer");
    page.click("newer");
    page.shows("request-150", "A150");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_seen_and_posted_again_in_other_ways() {
    let page = Page::open("traffic", "en", WIDE).await;
    let shop = Shop::open().await;
    shop.answers([(200, "success")]);
    let mch_id = &page.entity.mch_id;
    for order in ["T00001", "T00002"] {
        page.client
            .send(&hongbao::pay::Native { notify_url: shop.url("/notify"), ..native(order, 888) })
            .await
            .unwrap();
        page.sandbox.pay_order(mch_id, order, &hongbao::sandbox::Payer::default()).unwrap();
        page.shows(if order == "T00001" { "notice-1" } else { "notice-2" }, order);
    }
    page.click("notice-1");
    page.shows("notice-state", "will be repeated");
    page.shows("verdict", "success");
    page.shows("notice-body", "T00001");
    page.click("resend-once");
    page.shows("notice-state", "received");
    page.wait("document.querySelectorAll('[data-test=attempt]').length === 2");
    page.shows("notice-2", "received");
    shop.posted();
    page.click("resend-five");
    page.wait("document.querySelectorAll('[data-test=attempt]').length === 7");
    let posted = shop.posted();
    assert_eq!(posted.len(), 5);
    page.click("resend-flip");
    page.wait("document.querySelectorAll('[data-test=attempt]').length === 8");
    let flipped = shop.posted().remove(0).body;
    let differing = flipped.iter().zip(&posted[0].body).filter(|(now, before)| now != before).count();
    assert_eq!((flipped.len(), differing), (posted[0].body.len(), 1));
    page.click("resend-order");
    page.click("choose-2");
    page.click("choose-1");
    page.click("order-post");
    page.lacks("dialog");
    let numbers: Vec<bool> =
        shop.posted().iter().map(|posted| String::from_utf8_lossy(&posted.body).contains("T00002")).collect();
    assert_eq!(numbers, [true, false]);
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_turned_after_a_look_at_what_will_happen() {
    let noon = "2025-03-18 12:00:00".parse().unwrap();
    let page = Page::of(Sandbox::builder().frozen_at(noon).build().unwrap(), "time", "en", WIDE).await;
    page.shows("clock-kind", "frozen");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.shows("forecast-day", "packet expires");
    page.shows("forecast-hour", "nothing is due");
    page.shows("forecast-steps", &format!("{}/A1", page.entity.mch_id));
    let before = page.sandbox.now();
    page.click("advance-hour");
    page.shows("toast", "1 h later");
    page.type_over("own-number", "23");
    page.choose("own-unit", "3600");
    page.shows("forecast-own", "packet expires");
    page.click("advance-own");
    page.shows("forecast-day", "packet back with its merchant");
    page.click("advance-midnight");
    page.shows("time-now", "2025-03-20 00:00:00");
    assert_eq!(page.sandbox.now().since(before), DAY * 3 / 2);
    let packet = page.sandbox.packet(&page.entity.mch_id, "A1").unwrap();
    assert_eq!(packet.status, hongbao::query::RedPacketStatus::Refund);
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_set_strike_and_are_removed() {
    let page = Page::open("time", "zh", NARROW).await;
    page.shows("fault-none", "未设置故障");
    page.choose("fault-path", "/mmpaymkttransfers/sendredpack");
    page.choose("fault-kind", "refuse");
    page.type_over("fault-code", "NOTENOUGH");
    page.type_over("fault-next", "2");
    page.click("fault-add");
    page.shows("fault-rule-0", "NOTENOUGH");
    let refused = page.client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!(code(&refused), "NOTENOUGH");
    page.shows("fault-hits-0", "命中 1 / 1");
    page.choose("fault-path", "");
    page.choose("fault-kind", "garbage");
    page.click("fault-when-rate");
    page.type_over("fault-rate", "1001");
    page.click("fault-add");
    page.shows("fault-error", "1000");
    page.type_over("fault-rate", "50");
    page.type_over("fault-seed", "9");
    page.click("fault-add");
    page.shows("fault-rule-1", "种子 9");
    page.click("fault-remove-0");
    page.lacks("fault-rule-1");
    let rules = page.sandbox.faults();
    assert_eq!((rules.len(), &rules[0].fault), (1, &Fault::Garbage));
    page.click("fault-clear");
    page.shows("fault-none", "未设置故障");
    assert!(page.sandbox.faults().is_empty());
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_notification_is_spoiled_and_answers_made_odd() {
    let page = Page::open("time", "en", WIDE).await;
    page.choose("notice-fault-kind", "missing");
    page.click("notice-fault-set");
    page.shows("toast", "never sent");
    page.client.send(&native("T00001", 888)).await.unwrap();
    page.sandbox.pay_order(&page.entity.mch_id, "T00001", &hongbao::sandbox::Payer::default()).unwrap();
    let notice = page.sandbox.notices(0, 1).remove(0);
    assert_eq!((notice.next, notice.attempts.len()), (None, 0));
    page.click("odd-wrong_sign");
    page.shows("odd-state", "1 on");
    let unbelieved = page.client.send(&native("T00002", 888)).await.unwrap_err();
    assert_eq!(unbelieved.outcome(), hongbao::Outcome::Unknown, "{unbelieved}");
    page.click("odd-wrong_sign");
    page.click("odd-extra_fields");
    page.click("odd-cdata-mixed");
    page.shows("odd-state", "2 on");
    page.client.send(&native("T00003", 888)).await.unwrap();
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_show_where_every_fen_is() {
    let page = Page::open("books", "en", WIDE).await;
    page.shows("verdict-books", "Balanced to the fen");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.client.send(&packet("A2", BOB, 500)).await.unwrap();
    page.wait("document.querySelector('[data-test=flow-packets]').textContent === '6.88'");
    page.sandbox.open_packet(&page.entity.mch_id, "A2", BOB).unwrap();
    page.wait("document.querySelector('[data-test=flow-users]').textContent === '5.00'");
    page.shows("books-sum", "20,000.00");
    page.shows("posting-5", "packet opened");
    page.write("ledger-number", "A1");
    page.lacks("posting-5");
    page.shows("posting-3", "1.88");
    page.type_over("ledger-number", " ");
    page.write("ledger-account", BOB);
    page.shows("posting-5", "5.00");
    page.lacks("posting-3");
    page.shows("ledger-place", "1–1 of 1");
    page.write("accounts-search", "Bob");
    page.wait("document.querySelector('[data-test=accounts]').children.length === 1");
    page.shows("accounts", "5.00");
    page.done();
}

/// As big as a screen is, nothing sticks out; in the language that was chosen.
#[tokio::test(flavor = "multi_thread")]
async fn every_panel_fits_both_screens_and_speaks_both_languages() {
    for (size, language) in [(NARROW, "en"), (NARROW, "zh"), (WIDE, "en"), (WIDE, "zh")] {
        let page = Page::open("start", language, size).await;
        page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
        for (panel, english, chinese) in PANELS {
            page.click(&format!("nav-{panel}"));
            let title = if language == "en" { english } else { chinese };
            page.wait(&format!(
                "document.title.startsWith({}) && document.getElementById('main').innerText.length > 20",
                json!(title)
            ));
            let wide = page.run("return [document.documentElement.scrollWidth, document.getElementById('main').scrollWidth, innerWidth, document.getElementById('main').clientWidth]");
            assert!(
                wide[0].as_u64() <= wide[2].as_u64() && wide[1].as_u64() <= wide[3].as_u64(),
                "{panel} {size:?} {language}: {wide}"
            );
        }
        page.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn language_and_theme_are_switched_where_one_is() {
    let page = Page::open("books", "en", WIDE).await;
    page.shows("verdict-books", "Balanced");
    page.click("language");
    page.shows("verdict-books", "账目平衡");
    page.wait("document.documentElement.lang === 'zh-CN'");
    let colour = |page: &Page| page.run("return getComputedStyle(document.querySelector('.card')).backgroundColor");
    let before = colour(&page);
    page.click("theme");
    page.wait(&format!("getComputedStyle(document.querySelector('.card')).backgroundColor !== {before}"));
    page.press(&["4"]);
    page.shows("nav-traffic", "流量");
    page.wait("document.getElementById('main').dataset.panel === 'traffic'");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_stays_text_in_every_panel() {
    let evil = "<script>window.struck=1</script><img src=x onerror=window.struck=1>";
    let page = Page::open("traffic", "en", WIDE).await;
    let mut packet = packet("A1", ALICE, 188);
    (packet.send_name, packet.wishing, packet.act_name) = (evil[..31].into(), evil.into(), evil[..31].into());
    packet.remark = evil.into();
    page.client.send(&packet).await.unwrap();
    page.client.send(&hongbao::pay::Native { body: evil.into(), ..native("T00001", 888) }).await.unwrap();
    page.sandbox.pay_order(&page.entity.mch_id, "T00001", &hongbao::sandbox::Payer::default()).unwrap();
    let headers = [("user-agent", evil), ("x-evil", evil)];
    let posted =
        page.post_with("/pay/orderquery?<b>", format!("<xml><mch_id>{}</mch_id></xml>", "&lt;b&gt;"), &headers).await;
    assert!(posted.contains("FAIL") || posted.contains("html"), "{posted}");
    let new = hongbao::sandbox::NewMerchant { name: Some("<b id=struck>x</b>".into()), ..Default::default() };
    page.sandbox.add_merchant(&new).unwrap();
    for (panel, tabs) in [
        (
            "traffic?request=1",
            &["detail-fields", "detail-raw", "detail-headers", "detail-certificate", "detail-curl"][..],
        ),
        ("traffic?request=3", &["detail-headers", "detail-raw"]),
        ("traffic?notice=1", &["notice-pretty"]),
        ("merchants", &[]),
        ("books", &[]),
        ("time", &[]),
        ("start", &[]),
    ] {
        page.run(&format!("location.hash = '{panel}'"));
        page.wait(&format!("document.getElementById('main').dataset.panel === '{}'", panel.split('?').next().unwrap()));
        for tab in tabs {
            page.click(tab);
        }
        page.wait("document.getElementById('main').innerText.length > 20");
        let struck = page
            .run("return window.struck || document.querySelector('#struck, main script, main img')?.outerHTML || null");
        assert_eq!(struck, Value::Null, "{panel}");
    }
    page.run("location.hash = 'traffic?request=1'");
    page.shows("request-fields", "<script>window.struck=1</script>");
    page.done();
}

/// How quick it is with ten thousand packets in the books. Says so and asserts
/// nothing, because it is the machine that decides.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_paint_comes_with_ten_thousand_packets_in_the_books() {
    let sandbox = Sandbox::new().unwrap();
    let entity = sandbox.merchants().remove(0);
    let unlimited = |settings: &mut hongbao::sandbox::Settings| settings.calls_per_second = 1_000_000;
    sandbox.change_settings(&entity.mch_id, unlimited).unwrap();
    sandbox.top_up(&entity.mch_id, Fen::new(10_000_000)).unwrap();
    let client = once(&sandbox, &entity);
    for number in 0..10_000 {
        client.send(&packet(&format!("P{number}"), &format!("oUser{number:023}"), 100)).await.unwrap();
    }
    let page = Page::of(sandbox, "start", "en", WIDE).await;
    for panel in PANELS.map(|(panel, ..)| panel) {
        page.run(&format!("location.hash = '{panel}'; location.reload()"));
        let paint = page.wait("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
        page.wait("document.getElementById('main')?.innerText.length > 20");
        println!("{panel}: first contentful paint after {paint} ms with 10,000 packets");
    }
    page.click("nav-traffic");
    page.wait("document.querySelector('[data-test=traffic]').children.length === 60");
    page.done();
}
