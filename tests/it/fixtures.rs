//! Requests and answers of each endpoint against the messages in `fixtures/`.

use hongbao::query::{HbType, RedPacket, RedPacketFound, RedPacketStatus, SendType};
use hongbao::redpack::{Extra, Group, Packet, RiskInfo, Scene};
use hongbao::wire::{Request, read_xml};
use hongbao::{AppId, BillNo, ErrorKind, Fen, MchId, Outcome, Result};

use crate::exchange::{all_listed, exchange, refuses, writes};
use crate::fake::{self, Step, coffee, fixture};

fn extra() -> Extra {
    let risk = RiskInfo {
        posttime: Some(1_742_266_800),
        mobile: Some("86-13800000000".into()),
        deviceid: Some("A1".into()),
        clientversion: Some("8.0.1".into()),
    };
    Extra {
        scene_id: Some(Scene::LuckyDraw),
        risk_info: Some(risk),
        consume_mch_id: Some(MchId::new("1510000002").unwrap()),
        sub_mch_id: Some(MchId::new("1510000003").unwrap()),
        msgappid: Some(AppId::new("wx0123456789abcdef").unwrap()),
    }
}

fn full_packet() -> Packet {
    Packet {
        mch_billno: BillNo::new("1510000001202503180000000021").unwrap(),
        total_amount: Fen::new(20_100),
        wishing: "第一行\n第二行 <&> \"'".into(),
        remark: "a=1&b=2&key=x ]]> end".into(),
        extra: extra(),
        ..fake::packet()
    }
}

fn group() -> Group {
    let packet = fake::packet();
    Group {
        mch_billno: BillNo::new("1510000001202503180000000018").unwrap(),
        re_openid: packet.re_openid,
        total_amount: Fen::new(900),
        total_num: 5,
        send_name: packet.send_name,
        wishing: "和朋友一起喝一杯".into(),
        act_name: "春日拼手气".into(),
        remark: "分享给好友一起领取".into(),
        extra: Extra::default(),
    }
}

fn full_group() -> Group {
    Group {
        mch_billno: BillNo::new("1510000001202503180000000022").unwrap(),
        total_amount: Fen::new(100_000),
        total_num: 20,
        extra: extra(),
        ..group()
    }
}

fn query(number: &str) -> RedPacket {
    RedPacket { mch_billno: BillNo::new(number).unwrap() }
}

fn packet_query() -> RedPacket {
    query("1510000001202503180000000017")
}

async fn send<R: Request>(request: &R, answer: Step) -> Result<R::Reply> {
    exchange(&coffee(), request, answer, "n").await.0
}

#[tokio::test]
async fn requests_are_written_as_elsewhere() {
    writes(&coffee(), &fake::packet(), "redpack.packet/request.xml").await;
    writes(&coffee(), &full_packet(), "redpack.packet/request.full.xml").await;
    writes(&coffee(), &group(), "redpack.group/request.xml").await;
    writes(&coffee(), &full_group(), "redpack.group/request.full.xml").await;
    writes(&coffee(), &packet_query(), "query.red_packet/request.xml").await;
}

#[tokio::test]
async fn accepted_packets() {
    for name in ["reply.xml", "reply.old_code.xml"] {
        let sent = send(&fake::packet(), Step::Answer(fixture(&format!("redpack.packet/{name}")))).await;
        let sent = sent.unwrap();
        assert_eq!(sent.mch_billno.as_str(), "1510000001202503180000000017");
        assert_eq!(sent.re_openid.as_str(), "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk");
        assert_eq!(sent.total_amount, Fen::new(150));
        assert_eq!(sent.send_listid, "1000041701202503183000051947263");
    }
    let sent = send(&group(), Step::Answer(fixture("redpack.group/reply.xml"))).await;
    let sent = sent.unwrap();
    assert_eq!(sent.mch_billno.as_str(), "1510000001202503180000000018");
    assert_eq!((sent.total_amount, &*sent.send_listid), (Fen::new(900), "1000041701202503183000051947391"));
}

/// What is compared of a packet that was found.
#[derive(Debug, PartialEq)]
struct Found<'a> {
    status: RedPacketStatus,
    is_final: bool,
    reason: Option<&'a str>,
    sent: Option<String>,
    refunded: Option<(String, i64)>,
    claims: Vec<(Option<i64>, Option<String>)>,
}

impl<'a> Found<'a> {
    fn of(found: &'a RedPacketFound) -> Self {
        Self {
            status: found.status.clone(),
            is_final: found.status.is_final(),
            reason: found.reason.as_deref(),
            sent: found.send_time.map(|time| time.to_string()),
            refunded: found.refund_time.map(|time| (time.to_string(), found.refund_amount.unwrap().get())),
            claims: found
                .hblist
                .iter()
                .map(|one| (one.amount.map(Fen::get), one.rcv_time.map(|time| time.to_string())))
                .collect(),
        }
    }
}

#[tokio::test]
async fn packets_in_every_state() {
    use RedPacketStatus::{Failed, Received, Refund, Refunding, Sending, Sent, Unknown};
    let plain = |status: RedPacketStatus, is_final: bool| Found {
        status,
        is_final,
        reason: None,
        sent: Some("2025-03-18 08:30:11".into()),
        refunded: None,
        claims: vec![],
    };
    let claim = |amount: i64, time: &str| (Some(amount), Some(time.to_owned()));
    let shares = || vec![claim(260, "2025-03-18 09:01:02"), claim(230, "2025-03-18 10:15:44")];
    let nine = || Some("2025-03-18 09:00:00".to_owned());
    let table = [
        ("reply.xml", Found { claims: vec![claim(150, "2025-03-18 08:31:40")], ..plain(Received, true) }),
        ("reply.sending.xml", Found { reason: Some("该用户今日领取金额超过限制"), ..plain(Sending, false) }),
        ("reply.sent.xml", plain(Sent, false)),
        ("reply.failed.xml", Found { reason: Some("该用户账号存在风险"), ..plain(Failed, true) }),
        ("reply.failed_without_reason.xml", Found { sent: None, ..plain(Failed, true) }),
        ("reply.refunding.xml", plain(Refunding, false)),
        ("reply.refund.xml", Found { refunded: Some(("2025-03-19 08:32:40".into(), 150)), ..plain(Refund, true) }),
        ("reply.received_without_list.xml", plain(Received, true)),
        ("reply.received_empty_list.xml", plain(Received, true)),
        ("reply.received_without_time.xml", Found { claims: vec![(Some(150), None)], ..plain(Received, true) }),
        ("reply.odd_time.xml", Found { sent: None, ..plain(Sent, false) }),
        (
            "reply.old.xml",
            Found {
                sent: Some("2015-01-08 09:45:12".into()),
                claims: vec![claim(150, "2015-01-08 09:46:00")],
                ..plain(Received, true)
            },
        ),
        ("reply.new_values.xml", plain(Unknown("FROZEN".into()), false)),
        ("reply.group_partly.xml", Found { sent: nine(), claims: shares(), ..plain(Sent, false) }),
        (
            "reply.group_refund.xml",
            Found {
                sent: nine(),
                refunded: Some(("2025-03-19 09:02:17".into(), 410)),
                claims: shares(),
                ..plain(Refund, true)
            },
        ),
    ];
    all_listed("query.red_packet", "reply", table.iter().map(|(name, _)| *name));
    for (name, expected) in table {
        let text = fixture(&format!("query.red_packet/{name}"));
        let number = read_xml(text.as_bytes()).unwrap().get("mch_billno").unwrap().to_owned();
        let found = send(&query(&number), Step::Answer(text)).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_eq!(Found::of(&found), expected, "{name}");
        assert!(found.detail_id.is_some_and(|id| id.starts_with("10000417")), "{name}");
    }
}

#[tokio::test]
async fn the_rest_of_what_a_query_finds() {
    let found = send(&packet_query(), Step::Answer(fixture("query.red_packet/reply.xml"))).await;
    let found = found.unwrap();
    assert_eq!((found.send_type, found.hb_type), (Some(SendType::Api), Some(HbType::Normal)));
    assert_eq!((found.total_num, found.total_amount), (Some(1), Some(Fen::new(150))));
    assert_eq!((found.wishing, found.remark, found.act_name), (None, None, None));
    assert_eq!(found.hblist[0].openid.as_deref(), Some("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk"));

    let group = query("1510000001202503180000000018");
    let found = send(&group, Step::Answer(fixture("query.red_packet/reply.group_partly.xml"))).await;
    let found = found.unwrap();
    assert_eq!((found.hb_type, found.total_num), (Some(HbType::Group), Some(5)));
    assert_eq!(found.wishing.as_deref(), Some("和朋友一起喝一杯"));
    assert_eq!(Fen::checked_sum(found.hblist.iter().filter_map(|one| one.amount)), Some(Fen::new(490)));

    let found = send(&packet_query(), Step::Answer(fixture("query.red_packet/reply.new_values.xml"))).await;
    let found = found.unwrap();
    assert_eq!(found.send_type, Some(SendType::Unknown("PARTNER".into())));
    assert_eq!(found.hb_type, Some(HbType::Unknown("COVER".into())));
}

#[tokio::test]
async fn refused_packets() {
    use ErrorKind::{Mismatch, Refusal, Unreadable, Unverified};
    use Outcome::{Refused, Unknown};
    let table = [
        ("refusal.xml", Refusal, Refused, Some("NOTENOUGH")),
        ("refusal.no_auth_risk.xml", Refusal, Refused, Some("NO_AUTH")),
        ("refusal.no_auth_ip.xml", Refusal, Refused, Some("NO_AUTH")),
        ("refusal.send_failed.xml", Refusal, Refused, Some("SEND_FAILED")),
        ("refusal.ca_error.xml", Refusal, Refused, Some("CA_ERROR")),
        ("refusal.sign_error.xml", Refusal, Refused, Some("SIGN_ERROR")),
        ("refusal.param_error.xml", Refusal, Refused, Some("PARAM_ERROR")),
        ("refusal.money_limit.xml", Refusal, Refused, Some("MONEY_LIMIT")),
        ("refusal.freq_limit.xml", Refusal, Refused, Some("FREQ_LIMIT")),
        ("refusal.sendnum_limit.xml", Refusal, Refused, Some("SENDNUM_LIMIT")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.processing.xml", Refusal, Unknown, Some("PROCESSING")),
        ("refusal.fatal_error.xml", Refusal, Unknown, Some("FATAL_ERROR")),
        ("refusal.fail_fail.xml", Refusal, Refused, Some("CA_ERROR")),
        ("refusal.fail_fail_processing.xml", Refusal, Unknown, Some("PROCESSING")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("SPRING_FESTIVAL_LIMIT")),
        ("refusal.code_success.xml", Refusal, Unknown, None),
        ("refusal.code_zero.xml", Refusal, Unknown, None),
        ("refusal.communication.xml", Refusal, Unknown, None),
        ("refusal.official_sandbox.xml", Refusal, Unknown, None),
        ("refusal.official_sandbox_two.xml", Refusal, Unknown, None),
        ("refusal.other_number.xml", Mismatch, Unknown, None),
        ("refusal.forged.xml", Unverified, Unknown, None),
        ("refusal.without_listid.xml", Unreadable, Unknown, None),
    ];
    refuses(&coffee(), &fake::packet(), "redpack.packet", &table).await;
}

#[tokio::test]
async fn refused_groups() {
    use ErrorKind::Refusal;
    use Outcome::{Refused, Unknown};
    let table = [
        ("refusal.xml", Refusal, Refused, Some("SENDNUM_LIMIT")),
        ("refusal.send_failed.xml", Refusal, Refused, Some("SEND_FAILED")),
        ("refusal.openid_error.xml", Refusal, Refused, Some("OPENID_ERROR")),
        ("refusal.day_over_limited.xml", Refusal, Refused, Some("DAY_OVER_LIMITED")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.fail_fail.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.fatal_error.xml", Refusal, Unknown, Some("FATAL_ERROR")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("GROUP_CLOSED")),
        ("refusal.official_sandbox.xml", Refusal, Unknown, None),
    ];
    refuses(&coffee(), &group(), "redpack.group", &table).await;
}

#[tokio::test]
async fn refused_queries() {
    use ErrorKind::Refusal;
    use Outcome::{Refused, Unknown};
    let table = [
        ("refusal.xml", Refusal, Unknown, Some("NOT_FOUND")),
        ("refusal.not_found_form_b.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.ca_error.xml", Refusal, Refused, Some("CA_ERROR")),
        ("refusal.sign_error.xml", Refusal, Refused, Some("SIGN_ERROR")),
        ("refusal.no_auth.xml", Refusal, Refused, Some("NO_AUTH")),
        ("refusal.freq_limit.xml", Refusal, Refused, Some("FREQ_LIMIT")),
        ("refusal.param_error.xml", Refusal, Refused, Some("PARAM_ERROR")),
        ("refusal.fail_fail.xml", Refusal, Refused, Some("XML_ERROR")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("QUERY_CLOSED")),
        ("refusal.official_sandbox.xml", Refusal, Unknown, None),
    ];
    let missing = query("1510000001202503180000009999");
    refuses(&coffee(), &missing, "query.red_packet", &table).await;
}

/// What stands at the gateway's door answers without XML.
#[tokio::test]
async fn pages_of_the_proxy_are_no_answers() {
    let page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n</html>";
    let result = send(&fake::packet(), Step::Status(400, page.into())).await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.status()), (ErrorKind::Gateway, Outcome::Unknown, Some(400)));
    assert!(error.next_step().contains("certificate"), "{}", error.next_step());

    for (status, body) in [(502, "<html>502 Bad Gateway</html>"), (302, ""), (200, page), (500, "")] {
        let result = send(&fake::packet(), Step::Status(status, body.into())).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Gateway, Outcome::Unknown), "{status}");
    }
    for body in ["", "{}", "<xml>", "<xml></xml>", "<!DOCTYPE xml><xml><return_code>SUCCESS</return_code></xml>"] {
        let result = send(&fake::packet(), Step::Answer(body.into())).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unreadable, Outcome::Unknown), "{body}");
    }
}
