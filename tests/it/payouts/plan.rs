//! Files of recipients: good ones, bad ones, huge ones.

mod malformed;
mod random;
mod stored;

use std::io::{self, Read};

use hongbao::Fen;
use hongbao::payout::plan::{Format, Options, Plan, Problems, Source};
use hongbao::payout::{NewCampaign, NewPayout, Template, Texts};
use hongbao::redpack::{Extra, Scene};

fn options() -> Options {
    Options::new(NewCampaign {
        name: "spring".into(),
        mch_id: "1510000001".parse().unwrap(),
        app_id: "wx00f1e2d3c4b5a697".parse().unwrap(),
        template: Template {
            send_name: "蓝鲸咖啡".into(),
            wishing: "早安，今天也要加油".into(),
            act_name: "签到有礼".into(),
            remark: "连续签到七天奖励".into(),
            client_ip: "203.0.113.24".parse().unwrap(),
            extra: Extra::default(),
        },
    })
}

fn source(name: &str, text: impl AsRef<[u8]>) -> Source {
    Source::bytes(name, text.as_ref().to_vec())
}

fn read(name: &str, text: impl AsRef<[u8]>) -> Result<Plan, Problems> {
    Plan::read(&source(name, text), &options())
}

fn payout(key: &str, openid: &str, fen: i64, texts: Texts) -> NewPayout {
    NewPayout { key: key.into(), openid: openid.parse().unwrap(), amount: Fen::new(fen), texts }
}

const A: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";
const B: &str = "oQx4r0Y9b8c7d6e5f4g3h2i1j0kl";

/// A plan and another one agree on everything that money depends on if the
/// second, compared with what the first has stored, has nothing new.
fn stored(plan: &Plan) -> Vec<NewPayout> {
    let ledger = stored::Shelf::default();
    let now = "2025-03-18 08:00:00".parse().unwrap();
    let stored = tokio::runtime::Builder::new_current_thread().build().unwrap();
    stored.block_on(plan.store(&ledger, now, &mut |_, _| {})).unwrap();
    ledger.payouts()
}

#[test]
fn the_three_forms_say_the_same() {
    let expected = [payout(&format!("spring/{A}"), A, 188, Texts::default()), {
        payout(&format!("spring/{B}"), B, 188, Texts::default())
    }];
    for (name, text) in [
        ("a.csv", format!("openid,amount\n{A},1.88\n{B},1.88\n")),
        ("a.csv", format!("\u{feff}amount,openid\r\n\"1.88\",{A}\r\n1.88,\"{B}\"\r\n\r\n\n")),
        ("a.csv", format!("openid,wishing,amount,remark,scene_id\n{A},,1.88,,\n{B},,1.88,,")),
        ("a.txt", format!("openid,amount\n{A},1.88\n{B},1.88")),
        (
            "a.jsonl",
            format!("{{\"openid\":\"{A}\",\"amount\":\"1.88\"}}\n{{\"total_amount\":188,\"openid\":\"{B}\"}}\n"),
        ),
        (
            "a",
            format!(
                "{{ \"openid\": \"{A}\", \"amount\": \"1.88\", \"key\": null, \"wishing\": \"\" }} \r\n{{\"openid\":\"\\u006f{}\",\"total_amount\":188}}",
                &B[1..]
            ),
        ),
    ] {
        let plan = read(name, &text).unwrap();
        assert_eq!(stored(&plan), expected, "{text}");
        assert_eq!(plan.warnings(), [], "{text}");
    }
    let mut options = options();
    options.amount = Some(Fen::new(188));
    for text in [format!("{A}\n{B}\n"), format!("\u{feff}{A}\r\n{B}"), format!("openid\n{A}\n{B}\n\n\n")] {
        let plan = Plan::read(&source("openids.txt", &text), &options).unwrap();
        assert_eq!(stored(&plan), expected, "{text}");
    }
    let given = Plan::of(expected.to_vec(), &self::options()).unwrap();
    assert_eq!(stored(&given), expected);
}

#[test]
fn lines_have_keys_and_texts_of_their_own() {
    let text = format!(
        "key,openid,amount,wishing,remark,scene_id\n\
         order-1,{A},1.88,\"新春快乐，\"\"红包\"\"\",,\n\
         order-2,{A},0.30,,\"两\n行\",PRODUCT_2\n"
    );
    let (wishing, remark) = ("新春快乐，\"红包\"".to_owned(), "两\n行".to_owned());
    let expected = [
        payout("order-1", A, 188, Texts { wishing: Some(wishing), ..Texts::default() }),
        payout("order-2", A, 30, Texts { remark: Some(remark), scene_id: Some(Scene::LuckyDraw), ..Texts::default() }),
    ];
    let plan = read("orders.csv", text).unwrap();
    assert_eq!(stored(&plan), expected);
    let totals = plan.totals();
    assert_eq!((totals.count, totals.payees, totals.most_packets), (2, 1, 2));
    assert_eq!((totals.sum, totals.most_fen), (Fen::new(218), Fen::new(218)));
    assert_eq!((totals.largest, totals.smallest), (Fen::new(188), Fen::new(30)));
}

/// `printf 'oQx4r0Z1a2b3c4d5e6f7g8h9i0jk,188\noQx4r0Y9b8c7d6e5f4g3h2i1j0kl,888\n' | sha256sum`
#[test]
fn the_digest_can_be_computed_elsewhere() {
    let digest = |text: String| read("a.csv", text).unwrap().digest().to_owned();
    let plain = digest(format!("openid,amount\n{A},1.88\n{B},8.88\n"));
    assert_eq!(plain, "dd706ff9a2d01a4739033ea0081bb77f3d39a1b7d7e8dbd2985c1bd9e9c73430");
    assert_eq!(
        digest(format!("amount,openid,key\r\n1.88,{A},a\r\n8.88,{B},b")),
        plain,
        "only payees and amounts count"
    );
    for other in [
        format!("openid,amount\n{B},8.88\n{A},1.88\n"),
        format!("openid,amount\n{A},1.88\n{B},8.89\n"),
        format!("openid,amount\n{A},1.88\n"),
    ] {
        assert_ne!(digest(other), plain);
    }
}

#[test]
fn a_forecast_counts_rate_and_days() {
    let line = |n: usize| format!("{{\"key\":\"k{n}\",\"openid\":\"{A}\",\"amount\":\"1.00\"}}\n");
    let plan = read("a.jsonl", (0..61).map(line).collect::<String>()).unwrap();
    let forecast = plan.forecast("2025-03-18 12:00:00".parse().unwrap());
    assert_eq!((forecast.seconds, forecast.merchant_days, forecast.payee_days), (3, 1, 7));
    assert_eq!(forecast.finish.to_string(), "2025-03-24 00:00:01");
}

#[test]
fn what_is_unusual_is_told_and_planned() {
    let mut text = "openid,amount\n".to_owned();
    for n in 10..40 {
        text.push_str(&format!("oQx4r0Z1a2b3c4d5e6f7g8h9i0{n},1.00\n"));
    }
    text.push_str("oUpF8uZ1a2b3c4d5e6f7g8h9i0jk,1.00\noUpF8uZ1a2b3c4d5e6f7g8h9i0jl,1.00\nuser_17,1.00\n");
    let warnings: Vec<String> = read("a.csv", text).unwrap().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 34: an openid has 28 characters and begins with o: see whether this is one",
            "line 32 and 1 more: the other openids begin with oQx4r0: this may be a user of another appid",
        ]
    );
}

/// Lines that are made while they are read.
struct Made {
    next: usize,
    end: usize,
    rest: Vec<u8>,
    line: fn(usize) -> String,
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.len() < buffer.len() && self.next < self.end {
            self.rest.extend_from_slice((self.line)(self.next).as_bytes());
            self.next += 1;
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Ok(length)
    }
}

fn made(name: &str, end: usize, line: fn(usize) -> String) -> Source {
    Source::with(name, move || Ok(Box::new(Made { next: 0, end, rest: vec![], line })))
}

/// A file of any size is read in pieces; 10 million lines take the same way as
/// these, and `benches/plan.rs` measures the memory of a million.
#[test]
fn many_lines_are_streamed() {
    let line = |n: usize| match n {
        0 => "openid,amount\n".to_owned(),
        n => format!("oQx4r0Z1a2b3c4d5e6f7{n:08},1.00\n"),
    };
    let plan = Plan::read(&made("many.csv", 100_001, line), &options()).unwrap();
    assert_eq!((plan.totals().count, plan.totals().payees), (100_000, 100_000));
    assert_eq!(plan.totals().sum, Fen::new(10_000_000));

    let twice = |n: usize| match n {
        0 => "openid,amount\n".to_owned(),
        n => format!("oQx4r0Z1a2b3c4d5e6f7{:08},1.00\n", n % 75_000),
    };
    let problems = Plan::read(&made("many.csv", 150_001, twice), &options()).unwrap_err();
    assert_eq!(problems.found, 75_000, "each of 75,000 payees stands there twice");
    assert_eq!(problems.shown.len(), 20);
    assert!(problems.shown.iter().all(|problem| problem.line > Some(75_001) && problem.reason.contains("already")));
}

#[test]
fn a_file_is_read_anew_each_time_and_a_pipe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, format!("openid,amount\n{A},1.88\n")).unwrap();
    let plan = Plan::read(&Source::file(&path), &options()).unwrap();
    assert_eq!((stored(&plan).len(), stored(&plan).len()), (1, 1));

    let problem = |source| Plan::read(&source, &options()).unwrap_err().to_string();
    assert_eq!(
        problem(Source::file(folder.path())),
        "it cannot be read: it is no regular file, and it is read several times; make it readable and plan it again"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(problem(Source::file(&path)).starts_with("it cannot be read: "));
    let breaks =
        || Ok(Box::new(format!("openid,amount\n{A},1.88\n").into_bytes().chain_error()) as Box<dyn Read + Send>);
    assert_eq!(
        problem(Source::with("a.csv", breaks)),
        "line 3: it cannot be read: the disk is gone; make it readable and plan it again"
    );
}

trait ChainError {
    fn chain_error(self) -> io::Chain<io::Cursor<Vec<u8>>, Broken>;
}

impl ChainError for Vec<u8> {
    fn chain_error(self) -> io::Chain<io::Cursor<Vec<u8>>, Broken> {
        io::Cursor::new(self).chain(Broken)
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn the_form_can_be_said() {
    let mut options = options();
    options.format = Some(Format::JsonLines);
    let text = format!("{{\"openid\":\"{A}\",\"amount\":\"1.88\"}}");
    assert!(Plan::read(&source("a.csv", &text), &options).is_ok());
    options.format = Some(Format::Csv);
    assert!(Plan::read(&source("a.jsonl", &text), &options).is_err());
}
