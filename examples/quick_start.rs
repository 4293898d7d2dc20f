//! The shortest way to a red packet: a sandbox in the process, one merchant
//! entity, one packet that is sent, opened and asked about.
//!
//! Run it: `cargo run --example quick_start --features sandbox`

use std::error::Error;

use hongbao::sandbox::Sandbox;
use hongbao::{BillNo, Fen, OpenId, query, redpack};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    let client = sandbox.client(&coffee)?; // against WeChat Pay itself: Client::new(&coffee)?

    let packet = redpack::Packet {
        mch_billno: BillNo::new("A20250318001")?,
        re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
        total_amount: "1.88".parse()?,
        send_name: coffee.name.clone(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: "127.0.0.1".parse()?,
        extra: redpack::Extra::default(),
    };
    let sent = client.send(&packet).await?;
    println!("WeChat's number is {}", sent.send_listid);

    sandbox.open_packet(&coffee.mch_id, packet.mch_billno.as_str(), packet.re_openid.as_str())?;
    let found = client.send(&query::RedPacket { mch_billno: packet.mch_billno }).await?;
    println!("the packet is {}, the user has {} yuan", found.status, sandbox.received(packet.re_openid.as_str()));

    assert_eq!(found.status, query::RedPacketStatus::Received);
    assert_eq!(sandbox.received(packet.re_openid.as_str()), Fen::new(188));
    Ok(())
}
