//! The pictures in `docs/screenshots`. Each run takes them, from the same story
//! on a clock that stands still; with `HONGBAO_SCREENSHOTS=docs/screenshots` they
//! are written there, else below the build directory.

use std::path::PathBuf;

use hongbao::pay::Native;
use hongbao::sandbox::{Fault, FaultRule, Payer, Sandbox, When};
use hongbao::{Fen, pay};

use super::{NARROW, Page, WIDE};
use crate::orders::{jsapi, native, refund};
use crate::shop::Shop;
use crate::support::{ALICE, BOB, HOUR, once, packet};

/// File, panel, language, theme, size, what must be there, what is clicked before.
type Picture =
    (&'static str, &'static str, &'static str, &'static str, (u32, u32), &'static str, &'static [&'static str]);

const PICTURES: &[Picture] = &[
    ("phones.png", "phones?openid=oAlice1a2b3c4d5e6f7g8h9i0jkl", "zh", "light", DESK, "[data-test=packet]", &[]),
    ("merchants.png", "merchants", "en", "light", DESK, "[data-test=certificate-left]", &[]),
    ("merchants.zh-CN.png", "merchants", "zh", "dark", DESK, "[data-test=certificate-left]", &[]),
    ("traffic.png", "traffic?request=SIGNATURE", "en", "light", DESK, "[data-test=received-string]", &[]),
    ("traffic.zh-CN.png", "traffic?request=SIGNATURE", "zh", "dark", DESK, "[data-test=received-string]", &[]),
    ("callback.png", "traffic?notice=2", "en", "dark", DESK, "[data-test=attempt]", &[]),
    ("time.png", "time", "en", "dark", DESK, "[data-test=fault-rule-0]", &[]),
    ("time.zh-CN.png", "time", "zh", "light", DESK, "[data-test=fault-rule-0]", &[]),
    ("books.png", "books", "en", "light", DESK, "[data-test=ledger] tr", &[]),
    ("books.zh-CN.png", "books", "zh", "dark", DESK, "[data-test=ledger] tr", &[]),
    ("small.png", "traffic", "zh", "light", NARROW, "[data-test=request-1]", &[]),
];

/// Of a sandbox with a directory, whose path it shows.
const FIRST: &[Picture] = &[
    ("start.png", "start", "en", "light", DESK, "[data-test=step-send][data-done=yes]", &["snippet-wechatpy"]),
    ("start.zh-CN.png", "start", "zh", "light", DESK, "[data-test=step-send][data-done=yes]", &[]),
];

/// A laptop's screen.
const DESK: (u32, u32) = (1280, 800);

/// GitHub shows them in a README; the repository keeps them for good.
const MOST_BYTES: usize = 200 * 1024;

fn folder() -> PathBuf {
    let wanted = std::env::var_os("HONGBAO_SCREENSHOTS").map(PathBuf::from);
    let folder = wanted.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A morning at the coffee shop. Gives the number of the request whose signature
/// is wrong.
async fn morning(sandbox: &Sandbox, shop: &Shop) -> u64 {
    let mut entities = sandbox.merchants();
    let (coffee, books) = (entities.remove(0), entities.remove(0));
    let (client, other) = (once(sandbox, &coffee), once(sandbox, &books));
    for (number, openid, fen) in [("A250318001", ALICE, 188), ("A250318002", BOB, 520), ("A250318003", ALICE, 888)] {
        client.send(&packet(number, openid, fen)).await.unwrap();
    }
    other.send(&packet("B250318001", "oChen31a2b3c4d5e6f7g8h9i0jkl", 1200)).await.unwrap();
    sandbox.open_packet(&coffee.mch_id, "A250318001", ALICE).unwrap();
    sandbox.advance(HOUR).unwrap();
    for (order, fen, path) in [("T250318001", 2800, "/notify"), ("T250318002", 1990, "/plain")] {
        client.send(&Native { notify_url: shop.url(path), ..native(order, fen) }).await.unwrap();
        let (bank, coupons) = (Some("CMB_DEBIT".to_owned()), vec![]);
        let payer = Payer { openid: Some(BOB.to_owned()), bank_type: bank, coupons };
        sandbox.pay_order(&coffee.mch_id, order, &payer).unwrap();
    }
    client.send(&pay::Jsapi { notify_url: shop.url("/notify"), ..jsapi("T250318003", 3600) }).await.unwrap();
    client.send(&refund("T250318001", "R250318001", 2800, 1000)).await.unwrap();
    let wrong = hongbao::Entity { key: books.key.clone(), ..coffee.clone() };
    once(sandbox, &wrong).send(&packet("A250318004", BOB, 666)).await.unwrap_err();
    let signature = sandbox.requests(1)[0].id;
    let lost = FaultRule::new(Fault::HangUpAfter, When::PerMille { rate: 50, seed: 7 });
    sandbox.fault(lost.at("/mmpaymkttransfers/sendredpack")).unwrap();
    sandbox.fault(FaultRule::new(Fault::Delay { millis: 3000 }, When::Next(2)).at("/pay/orderquery")).unwrap();
    sandbox.change_settings(&coffee.mch_id, |settings| settings.merchant_day_amount = Fen::new(2000)).unwrap();
    signature
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_the_documents_are_taken() {
    let noon = "2025-03-18 12:00:00".parse().unwrap();
    let sandbox = Sandbox::builder().frozen_at(noon).seed(7).build().unwrap();
    let shop = Shop::open().await;
    shop.answers([(200, "success")]);
    let signature = morning(&sandbox, &shop).await;
    let page = Page::of(sandbox, "start", "en", WIDE).await;
    take(&page, PICTURES, signature).await;
    page.done();

    let directory = std::env::temp_dir().join(format!("sandbox-{}", std::process::id()));
    let page = Page::of(Sandbox::open(&directory).unwrap(), "start", "en", WIDE).await;
    page.client.send(&packet("A250318001", ALICE, 188)).await.unwrap();
    take(&page, FIRST, 0).await;
    page.done();
    std::fs::remove_dir_all(directory).unwrap();
}

async fn take(page: &Page, pictures: &[Picture], signature: u64) {
    let folder = folder();
    for (file, panel, language, theme, size, there, clicks) in pictures {
        page.browser.resize(*size);
        page.browser.prefer(theme);
        page.run(&format!("localStorage.setItem('hongbao.lang', '{language}')"));
        let panel = panel.replace("SIGNATURE", &signature.to_string());
        page.browser.go(&format!("{}/?{file}#{panel}", page.served.console()));
        page.wait(&format!("document.querySelector('{there}')"));
        for click in *clicks {
            page.click(click);
        }
        page.wait("document.querySelector('[data-test=clock]')?.textContent && document.fonts.status === 'loaded'");
        // What an answer asks for is asked at once: quiet means that all is there.
        page.wait("performance.now() - Math.max(...performance.getEntriesByType('resource').map((one) => one.responseEnd)) > 150");
        let picture = page.browser.picture();
        assert!(picture.starts_with(b"\x89PNG"), "{file}");
        assert!((8_000..MOST_BYTES).contains(&picture.len()), "{file} has {} bytes", picture.len());
        std::fs::write(folder.join(file), picture).unwrap();
    }
    page.browser.prefer("light");
}
