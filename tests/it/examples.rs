//! Every example does what it says: it runs to its end, and what it asserts holds.

use std::collections::BTreeSet;

macro_rules! examples {
    ($($name:ident = $path:literal,)*) => {
        $(
            #[path = $path]
            mod $name;

            #[test]
            fn $name() {
                $name::main().unwrap();
            }
        )*

        const RUN: &[&str] = &[$($path),*];
    };
}

examples! {
    daily_bill = "../../examples/daily_bill.rs",
    inbox_sqlite = "../../examples/inbox_sqlite.rs",
    jsapi_backend = "../../examples/jsapi_backend.rs",
    micropay_counter = "../../examples/micropay_counter.rs",
    native_qr = "../../examples/native_qr.rs",
    notify_actix = "../../examples/notify_actix.rs",
    notify_axum = "../../examples/notify_axum.rs",
    quick_start = "../../examples/quick_start.rs",
    red_packet = "../../examples/red_packet.rs",
    sandbox_test = "../../examples/sandbox_test.rs",
    payout_service = "../../examples/payout_service.rs",
    spend_and_get = "../../examples/spend_and_get.rs",
    two_merchants = "../../examples/two_merchants.rs",
}

#[test]
fn none_is_forgotten() {
    let run: BTreeSet<String> = RUN.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let there: BTreeSet<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rs"))
        .collect();
    assert_eq!(run, there);
}
