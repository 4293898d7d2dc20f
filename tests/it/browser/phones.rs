//! The users' phones: what happens in the sandbox is seen there, and what is
//! done there happens in the sandbox.

use std::time::Duration;

use hongbao::Fen;
use hongbao::pay::TradeState;
use hongbao::query::{RedPacketStatus as Status, RefundStatus};
use hongbao::sandbox::NewMerchant;
use serde_json::json;

use super::{NARROW, Page, WIDE};
use crate::orders::{by_code, jsapi, native, refund};
use crate::support::{ALICE, BOB, code, group, once, packet};

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const TAB: &str = "\u{e004}";

impl Page {
    fn balance(&self, openid: &str) -> i64 {
        self.sandbox.received(openid).get()
    }

    /// Clicks a message by its key, as in `packet:1900000101/A1`.
    fn click_message(&self, kind: &str, number: &str) {
        self.click_at(&format!("[data-key=\"{kind}:{}/{number}\"]", self.entity.mch_id));
    }

    fn packet_status(&self, number: &str) -> Status {
        self.sandbox.packet(&self.entity.mch_id, number).unwrap().status
    }

    fn state(&self, order: &str) -> TradeState {
        self.sandbox.order(&self.entity.mch_id, order).unwrap().trade_state
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_arrives_while_one_looks_and_is_opened() {
    let page = Page::open("phones", "zh", WIDE).await;
    page.wait("document.querySelector('.ph-list .empty').innerText.includes('还没有用户')");
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    // Nothing was loaded again: the list, the badge and the phone are there by themselves.
    page.shows("badge", "1");
    page.shows("chat-title", "蓝鲸咖啡");
    page.shows("packet", "早安，今天也要加油");
    page.click_message("packet", "A1");
    page.shows("card", "蓝鲸咖啡发出的红包");
    assert_eq!(page.balance(ALICE), 0, "looking at it opens nothing");
    page.click("coin");
    page.shows("opened-amount", "1.88");
    assert_eq!((page.balance(ALICE), page.packet_status("A1")), (188, Status::Received));
    page.lacks("badge");
    page.click("phone-back");
    page.shows("packet", "已领取");
    page.click("open-wallet");
    page.shows("wallet-balance", "1.88");
    page.shows("move", "+1.88");
    // The next one comes into the chat that is open.
    page.click("phone-back");
    page.client.send(&packet("A2", ALICE, 520)).await.unwrap();
    page.wait("document.querySelectorAll('[data-test=packet]').length === 2");
    page.shows("badge", "1");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_packet_is_shared_with_friends() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", BOB, 100)).await.unwrap();
    page.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    page.click(&format!("user-{ALICE}"));
    page.click_message("packet", "G1");
    page.click("coin");
    page.shows("claims-sum", "Opened 1/3");
    page.click_at(&format!("[data-test=friend][data-openid=\"{BOB}\"]"));
    page.shows("claims-sum", "Opened 2/3");
    page.click("friend-new");
    page.shows("claims-sum", "Opened 3/3. 9.00/9.00");
    page.shows("claim", "Luckiest draw");
    let claims = page.sandbox.packet(&page.entity.mch_id, "G1").unwrap().claims;
    let users: Vec<&str> = claims.iter().map(|claim| &*claim.openid).collect();
    assert_eq!(users[..2], [ALICE, BOB]);
    assert_eq!(page.balance(BOB), claims[1].amount.get());
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_on_the_sheet_and_refunded() {
    let page = Page::open("phones", "zh", NARROW).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.click(&format!("user-{ALICE}"));
    page.shows("chat-title", "蓝鲸咖啡");
    page.client.send(&jsapi("T00001", 888)).await.unwrap();
    page.shows("sheet-amount", "¥8.88");
    page.click("sheet-cancel");
    page.lacks("sheet");
    assert_eq!(page.state("T00001"), TradeState::NotPay, "it can still be paid");
    page.click("due");
    page.click("pay-coupon");
    page.click_at("[data-test=choice]:nth-of-type(2)");
    page.shows("sheet-amount", "¥8.00");
    page.click("pay-method");
    page.click_at("[data-test=choice]:nth-of-type(2)");
    page.click("confirm-pay");
    page.shows("paid-amount", "¥8.00");
    let order = page.sandbox.order(&page.entity.mch_id, "T00001").unwrap();
    assert_eq!((&order.trade_state, order.coupon_fee()), (&TradeState::Success, Fen::new(88)));
    assert_eq!((order.openid.as_deref(), order.bank_type.as_deref()), (Some(ALICE), Some("CMB_DEBIT")));
    page.click("paid-done");
    page.shows("payment", "微信支付凭证");
    page.lacks("due");
    page.client.send(&refund("T00001", "R00001", 888, 888)).await.unwrap();
    page.sandbox.end_refund(&page.entity.mch_id, "R00001", RefundStatus::Success).unwrap();
    page.shows("refund", "退款到账通知");
    page.shows("refund", "¥8.00");
    assert_eq!(page.balance(ALICE), 800);
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_scanned_and_paid() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", BOB, 188)).await.unwrap();
    let first = page.client.send(&native("N00001", 990)).await.unwrap();
    page.client.send(&native("N00002", 1880)).await.unwrap();
    page.shows("chat-title", "蓝鲸咖啡");
    page.click("open-scan");
    page.click_at(&format!("[data-test=scan-code][data-key=\"{}/N00002\"]", page.entity.mch_id));
    page.shows("sheet-amount", "¥18.80");
    page.click("confirm-pay");
    page.shows("paid", "Payment successful");
    page.click("paid-done");
    page.click("open-scan");
    page.write("scan-text", &first.code_url);
    page.click("scan-go");
    page.shows("sheet-amount", "¥9.90");
    page.click("confirm-pay");
    page.shows("paid-amount", "¥9.90");
    for order in ["N00001", "N00002"] {
        let order = page.sandbox.order(&page.entity.mch_id, order).unwrap();
        assert_eq!((order.trade_state, order.openid.as_deref()), (TradeState::Success, Some(BOB)));
    }
    page.done();
}

/// Widths of bars and gaps of `134500000000987654`, as zxing-cpp 3.1.1 draws it.
const BARS: &str = "2112321221321131232122222122222122222122224113112211143111232123212331112";

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_shown_and_the_password_entered() {
    let page = Page::open("phones", "zh", NARROW).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.click(&format!("user-{ALICE}"));
    page.click("open-code");
    let auth_code = page.wait("document.querySelector('[data-test=auth-code]').dataset.code");
    let auth_code = auth_code.as_str().unwrap();
    page.wait("document.querySelector('[data-test=barcode] path').getBoundingClientRect().width > 200");
    let script = "return import('/phones_code128.js').then((bars) => bars.code128('134500000000987654').join(''))";
    assert_eq!(page.run(script), json!(BARS));
    let wants_password = page.client.send(&by_code("M00001", 100_001, auth_code)).await.unwrap_err();
    assert_eq!(code(&wants_password), "USERPAYING");
    page.shows("sheet-amount", "¥1,000.01");
    for key in ["1", "2", "3"] {
        page.click(&format!("key-{key}"));
    }
    assert_eq!(page.state("M00001"), TradeState::UserPaying);
    // The rest from the keyboard, whose digits mean other things elsewhere.
    page.press(&["4", "5", "6"]);
    page.shows("paid-amount", "¥1,000.01");
    assert_eq!(page.state("M00001"), TradeState::Success);
    page.click("paid-done");
    page.click("open-code");
    let second = page.wait("document.querySelector('[data-test=auth-code]').dataset.code");
    assert_ne!(second.as_str().unwrap(), auth_code, "a code is good for one payment");
    page.client.send(&by_code("M00002", 100, second.as_str().unwrap())).await.unwrap();
    page.shows("paid-amount", "¥1.00");
    page.click("paid-done");
    page.click("open-code");
    let third = page.wait("document.querySelector('[data-test=auth-code]').dataset.code");
    page.client.send(&by_code("M00003", 200_000, third.as_str().unwrap())).await.unwrap_err();
    page.shows("sheet-amount", "¥2,000.00");
    page.press(&[ESCAPE]);
    page.lacks("sheet");
    assert_eq!(page.state("M00003"), TradeState::PayError, "who turns away does not pay");
    // Without a payment it is over after a minute.
    page.click("phone-back");
    page.click("open-code");
    let last = page.wait("document.querySelector('[data-test=auth-code]').dataset.code");
    page.sandbox.advance(Duration::from_secs(61)).unwrap();
    page.click("code-again");
    page.wait(&format!("document.querySelector('[data-test=auth-code]').dataset.code !== {last}"));
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strip_decides_how_a_user_behaves() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.shows("openid", ALICE);
    page.click("risk-blocked");
    page.shows("user", "blocked");
    assert!(page.sandbox.user(ALICE).unwrap().risk_blocked);
    let refused = page.client.send(&packet("A2", ALICE, 188)).await.unwrap_err();
    assert_eq!(code(&refused), "NO_AUTH");
    page.shows("stuck", "A2");
    assert_eq!(
        page.wait("document.querySelectorAll('[data-test=packet]').length"),
        json!(1),
        "a real phone shows nothing"
    );
    page.click("risk-blocked");
    page.wait("!document.querySelector('[data-test=user]').innerText.includes('blocked')");
    page.click_at("[data-test=opens] option[value=refuses]");
    page.shows("packet", "Refused");
    page.click_at("[data-test=opens] option[value=after]");
    page.client.send(&packet("A3", ALICE, 188)).await.unwrap();
    page.shows("expire", "expire");
    page.sandbox.advance(Duration::from_secs(2 * 3600)).unwrap();
    page.wait("document.querySelectorAll('[data-test=packet][data-state=done]').length === 2");
    assert_eq!((page.packet_status("A1"), page.packet_status("A3")), (Status::Received, Status::Received));
    page.click_at("[data-test=opens] option[value=by_hand]");
    page.client.send(&packet("A4", ALICE, 188)).await.unwrap();
    page.client.send(&jsapi("T00001", 888)).await.unwrap();
    page.click("sheet-cancel");
    for number in ["packet:1900000101/A4", "1900000101/T00001"] {
        page.click_at(&format!("[data-test=expire][data-expire=\"{number}\"]"));
    }
    page.shows("packet", "Expired");
    page.lacks("due");
    assert_eq!(page.packet_status("A4"), Status::Refund);
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_alone_open_a_packet() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.shows("packet", "早安");
    page.press(&["/"]);
    page.wait("document.activeElement.dataset.test === 'user-search'");
    page.press(&[ESCAPE]);
    page.run("document.querySelector('[data-test=\"user-search\"]').focus()");
    let mut steps = 0;
    while page.run("return document.activeElement.dataset.test ?? ''") != json!("packet") {
        page.press(&[TAB]);
        steps += 1;
        assert!(steps < 20, "the message is not reached by Tab");
    }
    page.press(&[ENTER]);
    page.shows("card", "Red Packet from");
    page.press(&[ESCAPE]);
    page.lacks("card");
    page.wait("document.activeElement.dataset.test === 'packet'");
    page.press(&[ENTER]);
    page.wait("document.activeElement.dataset.test === 'coin'");
    page.press(&[ENTER]);
    page.shows("opened-amount", "1.88");
    page.press(&[ESCAPE]);
    page.shows("packet", "Opened");
    page.wait("document.activeElement.dataset.test === 'packet'");
    assert_eq!(page.balance(ALICE), 188);
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_languages_are_spoken_and_remembered() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.click("open-wallet");
    page.shows("phone", "My balance");
    page.click("language");
    // The phone stays where it was.
    page.shows("phone", "我的零钱");
    page.shows("strip", "测试工具");
    assert_eq!(page.run("return document.documentElement.lang"), json!("zh-CN"));
    page.click("phone-back");
    page.shows("packet", "微信红包");
    page.run("location.reload()");
    page.shows("strip", "测试工具");
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_in_parts_and_phones_stand_side_by_side() {
    let page = Page::open("start", "en", WIDE).await;
    for n in 0..60 {
        page.client.send(&packet(&format!("A{n}"), &format!("oUser{n:023}"), 100)).await.unwrap();
        // The gateway takes thirty calls a second.
        if n == 29 {
            page.sandbox.advance(Duration::from_secs(1)).unwrap();
        }
    }
    page.run("location.hash = 'phones'");
    page.shows("users-count", "50 of 60");
    page.wait("document.querySelector('[data-test=user]').dataset.openid === 'oUser00000000000000000000059'");
    page.click("users-more");
    page.shows("users-count", "60 of 60");
    page.write("user-search", "oUser00000000000000000000007");
    page.shows("users-count", "1 of 1");
    let user = |n: u32| format!("oUser{n:023}");
    for n in [7, 3, 5, 9] {
        page.run("document.querySelector('[data-test=\"user-search\"]').value = ''");
        page.write("user-search", &user(n));
        page.shows("users-count", "1 of 1");
        page.wait(&format!("document.querySelector('[data-test=\"pin-{}\"]')", user(n))).to_string();
        page.run(&format!("document.querySelector('[data-test=\"pin-{}\"]').click()", user(n)));
    }
    let phones = page.wait("(() => { const all = [...document.querySelectorAll('[data-test=phone]')]; return all.length === 3 && all.map((phone) => phone.dataset.openid); })()");
    assert_eq!(phones, json!([user(3), user(5), user(9)]), "three of them, the oldest gone");
    page.done();
}

/// What a page that believes texts would run.
const SCRIPT: &str = "<script>hit()</script>";
const IMAGE: &str = "<img src=x onerror=hit()>";

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_stays_text() {
    let page = Page::open("phones", "en", WIDE).await;
    page.run("window.hits = 0; window.hit = () => window.hits++");
    let mut sent = packet("A1", ALICE, 188);
    sent.send_name = IMAGE.into();
    sent.wishing = SCRIPT.into();
    sent.act_name = IMAGE.into();
    sent.remark = SCRIPT.into();
    page.client.send(&sent).await.unwrap();
    page.shows("packet", SCRIPT);
    page.click_message("packet", "A1");
    page.shows("card", IMAGE);
    page.click("coin");
    page.shows("packet-page", IMAGE);
    page.shows("packet-page", SCRIPT);
    page.click("phone-back");

    let mut order = jsapi("T00001", 888);
    order.body = IMAGE.into();
    order.extra.attach = Some(SCRIPT.into());
    page.client.send(&order).await.unwrap();
    page.shows("sheet", IMAGE);
    page.click("confirm-pay");
    page.click("paid-done");
    page.click_message("payment", "T00001");
    page.shows("phone", IMAGE);
    page.shows("phone", SCRIPT);
    page.click("phone-back");
    let mut back = refund("T00001", "R00001", 888, 888);
    back.extra.refund_desc = Some(IMAGE.into());
    page.client.send(&back).await.unwrap();
    page.shows("refund", IMAGE);
    let mut code = native("N00001", 990);
    code.body = SCRIPT.into();
    page.client.send(&code).await.unwrap();
    page.click("open-scan");
    page.shows("scan-code", SCRIPT);

    page.click("new-user");
    page.run("document.querySelector('[data-test=\"new-openid\"]').value = ''");
    page.write("new-openid", IMAGE);
    page.click("new-user-make");
    page.shows("openid", IMAGE);
    page.shows("user", "<img src=");

    let named = NewMerchant { name: Some(SCRIPT.into()), ..NewMerchant::default() };
    let entity = page.sandbox.add_merchant(&named).unwrap();
    once(&page.sandbox, &entity).send(&packet("B1", BOB, 188)).await.unwrap();
    page.click(&format!("user-{BOB}"));
    page.shows("chat-title", SCRIPT);
    page.shows("user", SCRIPT);
    assert_eq!(
        page.run("return [window.hits, document.querySelectorAll('img, main script, script:not([src])').length]"),
        json!([0, 0])
    );
    page.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_says_why_something_failed() {
    let page = Page::open("phones", "en", WIDE).await;
    page.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    page.click_message("packet", "A1");
    // Its time passes while the card lies there.
    page.sandbox.advance(Duration::from_secs(25 * 3600)).unwrap();
    page.click("coin");
    page.shows("toast", "nothing to open");
    page.shows("packet", "Expired");
    page.click("open-scan");
    page.write("scan-text", "weixin://wxpay/bizpayurl?pr=unknown");
    page.click("scan-go");
    page.shows("toast", "URL");
    page.done_but_for(&["422"]);
}
