//! Every rule that can be known before sending: named by its field, and not a
//! byte leaves.

use hongbao::query::RedPacket;
use hongbao::redpack::{Extra, Group, Packet, RiskInfo, Scene};
use hongbao::wire::Request;
use hongbao::{AppId, BillNo, ErrorKind, Fen, MchId, OpenId, Outcome};
use serde::Serialize;

use crate::fake::{self, Scripted, client, must_refuse, must_send};

fn group() -> Group {
    let packet = fake::packet();
    Group {
        mch_billno: packet.mch_billno,
        re_openid: packet.re_openid,
        total_amount: Fen::new(900),
        total_num: 5,
        send_name: packet.send_name,
        wishing: packet.wishing,
        act_name: packet.act_name,
        remark: packet.remark,
        extra: Extra::default(),
    }
}

/// Sets one of the free texts, which packets and groups share.
fn with_text(name: &str, text: &str) -> (Packet, Group) {
    let (mut packet, mut group) = (fake::packet(), group());
    let (in_packet, in_group) = match name {
        "send_name" => (&mut packet.send_name, &mut group.send_name),
        "wishing" => (&mut packet.wishing, &mut group.wishing),
        "act_name" => (&mut packet.act_name, &mut group.act_name),
        _ => (&mut packet.remark, &mut group.remark),
    };
    *in_packet = text.to_owned();
    *in_group = text.to_owned();
    (packet, group)
}

const TEXTS: [(&str, usize); 4] = [("send_name", 32), ("wishing", 128), ("act_name", 32), ("remark", 256)];

#[tokio::test]
async fn texts_are_counted_in_characters() {
    for (name, max) in TEXTS {
        for character in ["a", "红", "é", "\u{ffee}"] {
            let (packet, group) = with_text(name, &character.repeat(max));
            must_send(&packet, &format!("{max} times {character} in {name}")).await;
            must_send(&group, &format!("{max} times {character} in {name}")).await;
            let (packet, group) = with_text(name, &character.repeat(max + 1));
            must_refuse(&packet, name, &format!("{} times {character}", max + 1)).await;
            must_refuse(&group, name, &format!("{} times {character}", max + 1)).await;
        }
    }
}

#[tokio::test]
async fn texts_that_are_no_texts() {
    for (name, _) in TEXTS {
        for (text, what) in [
            ("", "empty"),
            (" ", "a blank"),
            (" 恭喜", "a blank in front"),
            ("恭喜 ", "a blank behind"),
            ("\u{3000}恭喜", "an ideographic blank in front"),
            ("恭喜\u{a0}", "a no-break blank behind"),
            ("恭喜\n", "a line break behind"),
            ("\t恭喜", "a tab in front"),
            ("恭\r喜", "a carriage return"),
            ("恭\r\n喜", "a carriage return and line feed"),
            ("恭\0喜", "NUL"),
            ("恭\u{1b}喜", "ESC"),
            ("恭\u{7f}喜", "DEL"),
            ("恭\u{85}喜", "a control character of the upper block"),
            ("恭\u{fffe}喜", "no character at all"),
            ("恭\u{ffff}喜", "no character at all either"),
            ("恭🧧喜", "emoji"),
            ("𠮷", "a Chinese character beyond U+FFFF"),
        ] {
            let (packet, group) = with_text(name, text);
            must_refuse(&packet, name, &format!("{what} in {name}")).await;
            must_refuse(&group, name, &format!("{what} in {name}")).await;
        }
        for text in ["a&b=c", "<b>]]></b>", "第一行\n第二行\t完", "0", "a  b", "❤", "\u{fffd}"] {
            let (packet, group) = with_text(name, text);
            must_send(&packet, &format!("{text:?} in {name}")).await;
            must_send(&group, &format!("{text:?} in {name}")).await;
        }
    }
}

fn with_amount(fen: i64, scene: Option<Scene>) -> Packet {
    Packet { total_amount: Fen::new(fen), extra: Extra { scene_id: scene, ..Extra::default() }, ..fake::packet() }
}

#[tokio::test]
async fn amounts_and_scenes_of_packets() {
    let scene = || Some(Scene::LuckyDraw);
    for fen in [i64::MIN, -150, -1, 0, 499_901, i64::MAX] {
        must_refuse(&with_amount(fen, scene()), "total_amount", &format!("{fen} fen")).await;
        must_refuse(&with_amount(fen, None), "total_amount", &format!("{fen} fen")).await;
    }
    for fen in [1, 99, 20_001, 499_900] {
        must_refuse(&with_amount(fen, None), "scene_id", &format!("{fen} fen without a scene")).await;
        must_send(&with_amount(fen, scene()), &format!("{fen} fen with a scene")).await;
        let new = Some(Scene::Other("PRODUCT_99".into()));
        must_send(&with_amount(fen, new), &format!("{fen} fen with a new scene")).await;
        // An empty field is not sent, so it is no scene.
        let empty = Some(Scene::Other(String::new()));
        must_refuse(&with_amount(fen, empty), "scene_id", &format!("{fen} fen with an empty scene")).await;
    }
    for fen in [100, 20_000] {
        must_send(&with_amount(fen, None), &format!("{fen} fen")).await;
        must_send(&with_amount(fen, scene()), &format!("{fen} fen with a scene")).await;
    }
}

#[tokio::test]
async fn amounts_and_shares_of_groups() {
    for (fen, shares, field) in [
        (900, 0, "total_num"),
        (900, 2, "total_num"),
        (0, 3, "total_amount"),
        (-900, 3, "total_amount"),
        (299, 3, "total_amount"),
        (60_001, 3, "total_amount"),
        (100_001, 20, "total_amount"),
        (1_999, 20, "total_amount"),
        (100_000, u32::MAX, "total_amount"),
        (i64::MAX, 5, "total_amount"),
    ] {
        let group = Group { total_amount: Fen::new(fen), total_num: shares, ..group() };
        must_refuse(&group, field, &format!("{fen} fen in {shares} shares")).await;
    }
    for (fen, shares) in [(300, 3), (60_000, 3), (100_000, 5), (2_000, 20), (2_100, 21)] {
        let group = Group { total_amount: Fen::new(fen), total_num: shares, ..group() };
        must_send(&group, &format!("{fen} fen in {shares} shares")).await;
    }
}

/// The same optional fields in a packet and in a group.
fn with_extra(extra: Extra) -> (Packet, Group) {
    (Packet { extra: extra.clone(), ..fake::packet() }, Group { extra, ..group() })
}

#[tokio::test]
async fn scenes_are_texts_too() {
    for scene in ["P".repeat(33), "PRODUCT 1 ".into(), "PRODUCT_1\r".into(), "🧧".into()] {
        let (packet, group) = with_extra(Extra { scene_id: Some(Scene::Other(scene.clone())), ..Extra::default() });
        must_refuse(&packet, "scene_id", &scene).await;
        must_refuse(&group, "scene_id", &scene).await;
    }
    let longest = Scene::Other("P".repeat(32));
    let (packet, group) = with_extra(Extra { scene_id: Some(longest), ..Extra::default() });
    must_send(&packet, "32 characters of a scene").await;
    must_send(&group, "32 characters of a scene").await;
}

#[tokio::test]
async fn what_risk_control_may_know() {
    let device = |deviceid: String| RiskInfo { deviceid: Some(deviceid), ..RiskInfo::default() };
    let mobile = |mobile: &str| RiskInfo { mobile: Some(mobile.into()), ..RiskInfo::default() };
    let version = |text: &str| RiskInfo { clientversion: Some(text.into()), ..RiskInfo::default() };
    // `deviceid%3d` takes 11 of the 128 characters, and each Chinese one takes nine.
    for (risk, what) in [
        (device("d".repeat(118)), "129 characters when encoded"),
        (device("红".repeat(14)), "137 characters when encoded"),
        (device("a&b".into()), "an ampersand"),
        (version("8=0"), "an equals sign"),
        (mobile("+86-13800000000"), "a plus in front of the mobile"),
    ] {
        let (packet, group) = with_extra(Extra { risk_info: Some(risk), ..Extra::default() });
        must_refuse(&packet, "risk_info", what).await;
        must_refuse(&group, "risk_info", what).await;
    }
    for (risk, what) in [
        (device("d".repeat(117)), "128 characters when encoded"),
        (device("红".repeat(13)), "128 characters when encoded, Chinese"),
        (RiskInfo::default(), "nothing known"),
        (mobile("86-13800000000"), "a mobile"),
    ] {
        let (packet, group) = with_extra(Extra { risk_info: Some(risk), ..Extra::default() });
        must_send(&packet, what).await;
        must_send(&group, what).await;
    }
}

#[tokio::test]
async fn sub_merchants_come_with_their_appid() {
    let (sub, app) = (MchId::new("1510000003").unwrap(), AppId::new("wx0123456789abcdef").unwrap());
    let (packet, group) = with_extra(Extra { sub_mch_id: Some(sub.clone()), ..Extra::default() });
    must_refuse(&packet, "msgappid", "no msgappid").await;
    must_refuse(&group, "msgappid", "no msgappid").await;
    let (packet, group) = with_extra(Extra { msgappid: Some(app.clone()), ..Extra::default() });
    must_refuse(&packet, "sub_mch_id", "no sub_mch_id").await;
    must_refuse(&group, "sub_mch_id", "no sub_mch_id").await;
    let both = Extra { sub_mch_id: Some(sub), msgappid: Some(app), ..Extra::default() };
    let (packet, group) = with_extra(both);
    must_send(&packet, "both").await;
    must_send(&group, "both").await;
}

/// Identifiers are checked where they are made, so no request can hold a wrong one.
#[test]
fn identifiers_are_checked_when_they_are_made() {
    for text in ["", "a-b", "a b", "单", "15100000012025031800000000171", "a\r", "a\u{0}"] {
        assert_eq!(BillNo::new(text).unwrap_err().field(), "mch_billno", "{text:?}");
        assert!(serde_json::from_value::<RedPacket>(serde_json::json!({ "mch_billno": text })).is_err(), "{text:?}");
    }
    assert!(BillNo::new("0".repeat(28)).is_ok());
    for text in ["", "o x", "🧧", "o\n", &"o".repeat(33)] {
        assert_eq!(OpenId::new(text).unwrap_err().field(), "re_openid", "{text:?}");
    }
    assert!(OpenId::new("o".repeat(32)).is_ok());
    let error: hongbao::Error = BillNo::new("a b").unwrap_err().into();
    assert_eq!((error.outcome(), error.field()), (Outcome::NotSent, Some("mch_billno")));
    assert!(!error.next_step().is_empty());
}

/// A request of somebody else's making meets the same rules.
#[tokio::test]
async fn fields_of_requests_from_outside() {
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Loose(serde_json::Map<String, serde_json::Value>);
    impl Request for Loose {
        const CONTRACT: hongbao::wire::Contract = Packet::CONTRACT;
        type Reply = hongbao::redpack::Sent;
    }
    let whole = serde_json::to_value(fake::packet()).unwrap();
    let whole = whole.as_object().unwrap();
    must_send(&Loose(whole.clone()), "unchanged").await;
    for name in whole.keys() {
        let mut fields = whole.clone();
        fields.remove(name);
        must_refuse(&Loose(fields.clone()), name, &format!("{name} missing")).await;
        fields.insert(name.clone(), "".into());
        must_refuse(&Loose(fields.clone()), name, &format!("{name} empty")).await;
        fields.insert(name.clone(), serde_json::Value::Null);
        must_refuse(&Loose(fields), name, &format!("{name} null")).await;
    }
    for (name, value) in [
        ("total_amount", "1.50"),
        ("total_amount", "+150"),
        ("total_amount", "１５０"),
        ("total_amount", " 150"),
        ("mch_billno", "151000000120250318000000001-7x"),
        ("client_ip", "2001:db8:0:0:0:0:0:1"),
        ("sign_type", "MD5"),
        ("sign", "0"),
        ("nonce_str", "n"),
        ("mch_id", "1510000009"),
        ("wxappid", "wx0"),
        ("appid", "wx0"),
        ("total_num", "2"),
        ("nick_name", "蓝鲸"),
    ] {
        let mut fields = whole.clone();
        fields.insert(name.to_owned(), value.into());
        must_refuse(&Loose(fields), name, &format!("{name} as {value}")).await;
    }
    let nested = serde_json::json!({ "mch_billno": ["a"] });
    let wire = Scripted::new([]);
    let error = client(&wire).send(&Loose(nested.as_object().unwrap().clone())).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Invalid, Outcome::NotSent));
    assert!(wire.seen().is_empty());
}
