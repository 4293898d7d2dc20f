//! What happens to a genuine notification on its way: whatever is changed in it,
//! either it is refused or it says the same.

use hongbao::notify::{Paid, RefundResult, Refunded};
use hongbao::pay::Payment;
use hongbao::{Cert, Client, Endpoint, Entity, ErrorKind, Secret};
use proptest::prelude::*;
use serde::Deserialize;

use super::forge::{around, encrypt, fields, inner, signed};
use super::{REFUND, expected, expected_refund, quiet};
use crate::fake::{KEY, coffee, fixture};

async fn payment(client: &Client, body: &[u8]) -> Option<Payment> {
    client.open::<Paid>(body).await.ok()?.confirm(&expected(client)).ok()
}

async fn result(client: &Client, body: &[u8]) -> Option<RefundResult> {
    client.open::<Refunded>(body).await.ok()?.confirm(&expected_refund(client, REFUND)).ok()
}

/// Each byte with each of its bits turned, and in the place of characters that
/// mean something to XML or to the signature.
fn mutations(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let positions = 0..body.len();
    positions.flat_map(move |at| {
        let bits = (0..8).map(move |bit| body[at] ^ (1 << bit));
        bits.chain(*b"<>&/=] 0\n\r").filter(move |byte| *byte != body[at]).map(move |byte| {
            let mut changed = body.to_vec();
            changed[at] = byte;
            changed
        })
    })
}

#[tokio::test]
async fn no_single_byte_changes_what_a_payment_says() {
    let client = quiet(&coffee());
    for name in ["md5.xml", "hmac.xml", "settlement.xml"] {
        let body = fixture(&format!("notices/paid/{name}"));
        let original = payment(&client, body.as_bytes()).await.unwrap();
        let (mut all, mut same) = (0, 0);
        for changed in mutations(body.as_bytes()) {
            all += 1;
            if let Some(payment) = payment(&client, &changed).await {
                assert_eq!(payment, original, "{name}: {}", String::from_utf8_lossy(&changed));
                same += 1;
            }
        }
        // Line breaks between elements and the case of the sign say nothing.
        assert!(all > 8000 && same > 0 && same < all / 10, "{name}: {same} of {all}");
    }
}

#[tokio::test]
async fn no_single_byte_changes_what_a_refund_says() {
    let client = quiet(&coffee());
    let body = around(&encrypt(&inner(&[]), KEY), &[]);
    let original = result(&client, body.as_bytes()).await.unwrap();
    let (mut all, mut same) = (0, 0);
    for changed in mutations(body.as_bytes()) {
        all += 1;
        if let Some(result) = result(&client, &changed).await {
            assert_eq!(result, original, "{}", String::from_utf8_lossy(&changed));
            same += 1;
        }
    }
    assert!(all > 5000 && same > 0 && same < all / 5, "{same} of {all}");
}

/// An empty element counts as none, in the signature and in what is read.
#[tokio::test]
async fn empty_elements_say_nothing() {
    let client = quiet(&coffee());
    for name in ["md5.xml", "settlement.xml"] {
        let body = fixture(&format!("notices/paid/{name}"));
        let original = payment(&client, body.as_bytes()).await.unwrap();
        for field in ["device_info", "sub_mch_id", "sign_type", "trade_state", "coupon_id_7", "coupon_fee_2", "coupons"]
        {
            for empty in
                [format!("<{field}></{field}>"), format!("<{field}/>"), format!("<{field}><![CDATA[]]></{field}>")]
            {
                let longer = body.replace("<total_fee>", &format!("{empty}<total_fee>"));
                let told = payment(&client, longer.as_bytes()).await;
                assert_eq!(told.as_ref(), Some(&original), "{name}: {empty}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is made of two pieces of a genuine notification and something
    /// between them says what it said or nothing.
    #[test]
    fn pieces_put_together_say_nothing_new(
        from in 0_usize..1000,
        length in 0_usize..60,
        between in "[<>/&=a-z_0-9\\[\\]! ]{0,40}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let client = quiet(&Entity { cert: Cert::none(), ..coffee() });
        let body = fixture("notices/paid/settlement.xml");
        let original = runtime.block_on(payment(&client, body.as_bytes())).unwrap();
        let from = from.min(body.len());
        let to = (from + length).min(body.len());
        let changed = [&body.as_bytes()[..from], between.as_bytes(), &body.as_bytes()[to..]].concat();
        if let Some(told) = runtime.block_on(payment(&client, &changed)) {
            prop_assert_eq!(told, original);
        }
    }

    /// Nobody without the key makes anything that is accepted.
    #[test]
    fn noise_is_never_accepted(body in proptest::collection::vec(any::<u8>(), 0..200), wrapped in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let client = quiet(&Entity { cert: Cert::none(), ..coffee() });
        let text = String::from_utf8_lossy(&body);
        let body = if wrapped { around(&text, &[]).into_bytes() } else { body };
        prop_assert!(runtime.block_on(client.open::<Paid>(&body)).is_err());
        prop_assert!(runtime.block_on(client.open::<Refunded>(&body)).is_err());
    }
}

#[derive(Deserialize)]
struct Vector {
    key: String,
    plain: String,
    cipher: String,
}

/// Texts that OpenSSL encrypted: refunds are read, and of the others only those
/// that are documents at all come as far as their missing fields.
#[tokio::test]
async fn what_openssl_encrypted_is_opened() {
    let vectors: Vec<Vector> = serde_json::from_str(&fixture("notices/req_info.json")).unwrap();
    assert!(vectors.len() >= 30, "{}", vectors.len());
    let (mut read, mut incomplete) = (0, 0);
    for Vector { key, plain, cipher } in vectors {
        let entity = Entity {
            key: Secret::new(key.as_str()),
            cert: Cert::none(),
            endpoint: Endpoint::at("https://127.0.0.1:8443", ""),
            ..coffee()
        };
        let body = around(&cipher, &[]);
        let whole = plain.starts_with("<root>") && plain.ends_with("</root>");
        match quiet(&entity).open::<Refunded>(body.as_bytes()).await {
            Ok(told) => {
                read += 1;
                assert!(plain.contains(&format!("<out_refund_no><![CDATA[{}]]>", told.out_refund_no())), "{plain}");
            }
            Err(error) if whole => {
                incomplete += 1;
                assert_eq!((error.kind(), error.field()), (ErrorKind::Unreadable, Some("transaction_id")), "{plain}");
            }
            Err(error) => {
                assert_eq!((error.kind(), error.field()), (ErrorKind::Unverified, Some("req_info")), "{plain}")
            }
        }
    }
    assert_eq!((read, incomplete), (6, 2));
}

/// Line breaks within the base64, as some printers make them, are not part of it.
#[tokio::test]
async fn base64_may_be_broken_into_lines() {
    let client = quiet(&coffee());
    let sealed = encrypt(&inner(&[]), KEY);
    let lines: Vec<&str> = sealed.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    assert!(result(&client, around(&lines.join("\n"), &[]).as_bytes()).await.is_some());
    let body = signed(&fields(&[]));
    assert!(payment(&client, body.replace('\n', "\r\n").as_bytes()).await.is_some(), "CR LF is LF");
}
