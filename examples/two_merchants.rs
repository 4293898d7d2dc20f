//! Two merchant entities of your own in one process: each has its
//! configuration, its certificate and its account, and neither can pay for the
//! other.
//!
//! Run it: `cargo run --example two_merchants --features sandbox`

use std::error::Error;

use hongbao::sandbox::Sandbox;
use hongbao::{BillNo, Cert, Client, Endpoint, Fen, Merchants, OpenId, PayConfig, Secret, redpack};

/// One entity has the `.p12` file as WeChat ships it.
struct BlueWhaleCoffee {
    key: Secret,
}

impl PayConfig for BlueWhaleCoffee {
    fn app_id(&self) -> &str {
        "wx00f1e2d3c4b5a697"
    }

    fn mch_id(&self) -> &str {
        "1230004567"
    }

    fn key(&self) -> Secret {
        self.key.clone()
    }

    fn cert(&self) -> Cert {
        // In earnest: Cert::p12_file("/etc/blue-whale/apiclient_cert.p12")
        Cert::p12(include_bytes!("../fixtures/certificates/wechat.p12"))
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::production()
    }

    fn name(&self) -> &str {
        "蓝鲸咖啡"
    }
}

/// The other has a pair of PEM files.
struct CamelliaBooks {
    key: Secret,
}

impl PayConfig for CamelliaBooks {
    fn app_id(&self) -> &str {
        "wx1a2b3c4d5e6f7a8b"
    }

    fn mch_id(&self) -> &str {
        "1230009999"
    }

    fn key(&self) -> Secret {
        self.key.clone()
    }

    fn cert(&self) -> Cert {
        Cert::pem(
            include_bytes!("../fixtures/certificates/other_merchant.cert.pem"),
            include_bytes!("../fixtures/certificates/other_merchant.key.pem"),
        )
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::production()
    }

    fn name(&self) -> &str {
        "山茶书店"
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest the keys come from a vault or a file, and that is all:
    // merchants.insert(Client::new(&coffee)?). Here the sandbox admits both,
    // which changes endpoint and key and nothing else.
    let coffee = BlueWhaleCoffee { key: Secret::new("TestKey0BlueWhaleCoffeeTestKey01") };
    let books = CamelliaBooks { key: Secret::new("TestKey0CamelliaBooksTestKey0001") };
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.admit(coffee, Fen::new(10_000))?;
    let books = sandbox.admit(books, Fen::new(10_000))?;

    let merchants = Merchants::new();
    merchants.insert(sandbox.client(&coffee)?);
    merchants.insert(sandbox.client(&books)?);

    // Each pays from its own account, whichever task asks for it.
    for (mch_id, number, openid, amount) in [
        ("1230004567", "C1", "oCoffee2b3c4d5e6f7g8h9i0jklm", 188),
        ("1230009999", "B1", "oBooks92b3c4d5e6f7g8h9i0jklm", 666),
    ] {
        let client = merchants.by_mch_id(mch_id)?;
        client.send(&packet(&client, number, openid, Fen::new(amount))?).await?;
        println!("{} paid, {} yuan are left", client.merchant().name(), sandbox.balance(mch_id));
    }
    assert_eq!(sandbox.balance("1230004567"), Fen::new(9_812));
    assert_eq!(sandbox.balance("1230009999"), Fen::new(9_334));

    // Nobody pays by a mistake in the configuration: the wrong certificate is
    // found when the client is built …
    let Err(error) = Client::new(&Mixed { numbers: &coffee, cert: books.cert(), key: coffee.key() }) else {
        return Err("a client was built with somebody else's certificate".into());
    };
    println!("\nthe other's certificate: {}", error.report());
    assert_eq!(error.field(), Some("cert"));

    // … and the wrong key by the gateway, before any money moves.
    let mixed = sandbox.client(&Mixed { numbers: &coffee, cert: coffee.cert(), key: books.key() })?;
    let Err(error) = mixed.send(&packet(&mixed, "C2", "oCoffee2b3c4d5e6f7g8h9i0jklm", Fen::new(188))?).await else {
        return Err("a packet was paid with somebody else's key".into());
    };
    println!("\nthe other's key: {}", error.report());
    assert_eq!(error.outcome(), hongbao::Outcome::Refused);
    assert_eq!(sandbox.balance("1230004567"), Fen::new(9_812));
    Ok(())
}

fn packet(client: &Client, number: &str, openid: &str, amount: Fen) -> hongbao::Result<redpack::Packet> {
    Ok(redpack::Packet {
        mch_billno: BillNo::new(number)?,
        re_openid: OpenId::new(openid)?,
        total_amount: amount,
        send_name: client.merchant().name().to_owned(),
        wishing: "感谢光临".into(),
        act_name: "会员日".into(),
        remark: "会员日红包".into(),
        client_ip: [127, 0, 0, 1].into(),
        extra: redpack::Extra::default(),
    })
}

/// One entity's numbers with a certificate and a key that may be another's.
struct Mixed<'a> {
    numbers: &'a dyn PayConfig,
    cert: Cert,
    key: Secret,
}

impl PayConfig for Mixed<'_> {
    fn app_id(&self) -> &str {
        self.numbers.app_id()
    }

    fn mch_id(&self) -> &str {
        self.numbers.mch_id()
    }

    fn key(&self) -> Secret {
        self.key.clone()
    }

    fn cert(&self) -> Cert {
        self.cert.clone()
    }

    fn endpoint(&self) -> Endpoint {
        self.numbers.endpoint()
    }
}
