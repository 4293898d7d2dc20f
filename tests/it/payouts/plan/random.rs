//! What is written as CSV and as JSON lines reads back equal, and nothing makes
//! a reader panic.

use hongbao::payout::plan::{Format, Plan};
use hongbao::payout::{NewPayout, Texts};
use proptest::prelude::*;
use serde_json::json;

use super::{options, payout, source, stored};
use hongbao::redpack::Scene;

fn text(longest: usize) -> impl Strategy<Value = Option<String>> {
    let visible = prop::char::ranges(vec!['!'..='~', '一'..='龥', '，'..='，'].into());
    let inside = prop_oneof![8 => visible.clone(), 1 => Just(' '), 1 => Just('\n'), 1 => Just(','), 1 => Just('"')];
    let whole = (visible.clone(), prop::collection::vec(inside, 0..longest - 1), visible)
        .prop_map(|(first, inside, last)| format!("{first}{}{last}", String::from_iter(inside)));
    prop::option::of(whole)
}

fn payouts() -> impl Strategy<Value = Vec<NewPayout>> {
    let scene = prop::option::of((1..=9).prop_map(|n| Scene::from(format!("PRODUCT_{n}"))));
    let one = ("[a-zA-Z0-9_-]{27}", 100_i64..=20_000, text(128), text(256), scene, text(100));
    prop::collection::vec(one, 1..20).prop_map(|rows| {
        let rows = rows.into_iter().enumerate();
        rows.map(|(n, (openid, fen, wishing, remark, scene_id, key))| {
            let key = format!("{n}{}", key.unwrap_or_default().replace('\n', ""));
            payout(&key, &format!("o{openid}"), fen, Texts { wishing, remark, scene_id })
        })
        .collect()
    })
}

fn as_csv(payouts: &[NewPayout]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(["remark", "amount", "key", "openid", "scene_id", "wishing"]).unwrap();
    for payout in payouts {
        let texts = &payout.texts;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let scene = texts.scene_id.as_ref().map_or("", |scene| scene.as_str());
        let amount = payout.amount.to_string();
        let (remark, wishing) = (text(&texts.remark), text(&texts.wishing));
        writer.write_record([&*remark, &amount, &payout.key, payout.openid.as_str(), scene, &wishing]).unwrap();
    }
    writer.into_inner().unwrap()
}

fn as_json(payouts: &[NewPayout], in_fen: bool) -> String {
    let line = |payout: &NewPayout| {
        let texts = &payout.texts;
        let mut object = json!({
            "key": payout.key, "openid": payout.openid, "wishing": texts.wishing, "remark": texts.remark,
            "scene_id": texts.scene_id,
        });
        match in_fen {
            true => object["total_amount"] = json!(payout.amount.get()),
            false => object["amount"] = json!(payout.amount.to_string()),
        }
        format!("{object}\n")
    };
    payouts.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn what_is_written_reads_back_equal(payouts in payouts()) {
        let of_csv = Plan::read(&source("a.csv", as_csv(&payouts)), &options()).unwrap();
        prop_assert_eq!(&stored(&of_csv), &payouts);
        for in_fen in [true, false] {
            let of_json = Plan::read(&source("a.jsonl", as_json(&payouts, in_fen)), &options()).unwrap();
            prop_assert_eq!(&stored(&of_json), &payouts);
            prop_assert_eq!(of_json.digest(), of_csv.digest());
        }
        let given = Plan::of(payouts.clone(), &options()).unwrap();
        prop_assert_eq!(given.digest(), of_csv.digest());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in 0..4_usize) {
        let header = ["", "openid,amount\n", "openid,amount,key,wishing\n", "{\"openid\":"][header];
        let bytes = [header.as_bytes(), &bytes].concat();
        for format in [None, Some(Format::Csv), Some(Format::JsonLines), Some(Format::OpenIds)] {
            let mut options = options();
            options.format = format;
            options.amount = (format == Some(Format::OpenIds)).then_some(hongbao::Fen::new(100));
            // Two results of one text are one.
            let read = || Plan::read(&source("a", &bytes), &options).map(|plan| plan.digest().to_owned());
            prop_assert_eq!(read(), read());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "([o0-9a-z\"{}:,.\\[\\]\\\\ \n\r\u{0}红$-]|openid|amount|\"amount\":){0,60}") {
        for format in [Format::Csv, Format::JsonLines] {
            let mut options = options();
            options.format = Some(format);
            let start = if format == Format::Csv { "openid,amount\n" } else { "{\"openid\":\"oQx4r0\"," };
            if let Err(problems) = Plan::read(&source("a", format!("{start}{text}")), &options) {
                prop_assert!(problems.found > 0 && !problems.shown.is_empty());
            }
        }
    }
}
