//! Files that cannot be planned, each with the exact words of its refusal.

use hongbao::Fen;
use hongbao::payout::Texts;
use hongbao::payout::plan::{Format, Options, Plan};

use super::{A, B, options, payout, source};

/// Under this name, this text is refused with these words.
fn refused(wrong: &mut Vec<String>, options: &Options, name: &str, text: impl AsRef<[u8]>, expected: &str) {
    let found = match Plan::read(&source(name, &text), options) {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems.to_string(),
    };
    if found != expected {
        let text = String::from_utf8_lossy(text.as_ref()).chars().take(100).collect::<String>();
        wrong.push(format!("{name} {text:?}\n    found:    {found:?}\n    expected: {expected:?}"));
    }
}

fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

#[test]
fn files_that_are_no_text_in_utf8() {
    let wrong = &mut vec![];
    let options = options();
    let good = format!("openid,amount\n{A},1.00\n");
    let sixteen =
        "the file is encoded in UTF-16, not text in UTF-8; save it as UTF-8, or run `iconv -f UTF-16 -t UTF-8`";
    for (little, mark) in [(true, true), (false, true), (true, false), (false, false)] {
        refused(wrong, &options, "a.csv", utf16(&good, little, mark), sixteen);
    }
    let excel = "the file is an Excel workbook or a ZIP archive, not text in UTF-8; save the sheet as \"CSV UTF-8\"";
    refused(wrong, &options, "a.csv", b"PK\x03\x04\x14\x00", excel);
    refused(wrong, &options, "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", excel);
    refused(
        wrong,
        &options,
        "a.csv",
        b"\x1f\x8b\x08\x00",
        "the file is packed with gzip, not text in UTF-8; unpack it with `gunzip`",
    );
    let wishing = |bytes: &[u8]| [format!("openid,amount,wishing\n{A},1.00,").as_bytes(), bytes, b"\n"].concat();
    refused(
        wrong,
        &options,
        "a.csv",
        wishing(b"\xd7\xa3\xb8\xa3"),
        "line 2: the text is encoded in GBK, not in UTF-8; save it as UTF-8, or run `iconv -f GB18030 -t UTF-8`; the rest was not read",
    );
    for bytes in [&b"\xe9,"[..], b"\xe7\xa5\x9d\xe7\xa5", b"\xff\xff"] {
        let expected = "line 2: the line is not UTF-8; save the file as UTF-8; the rest was not read";
        refused(wrong, &options, "a.csv", wishing(bytes), expected);
    }
    let nul = "line 2: contains a NUL byte; see whether the file was damaged; write text alone";
    refused(wrong, &options, "a.csv", wishing(b"a\0b"), nul);
    let huge = "line 2: longer than 64 KiB; end each line with a line feed; the rest was not read";
    refused(wrong, &options, "a.csv", wishing(&[b'x'; 70_000]), huge);
    refused(wrong, &options, "a.csv", wishing(&[b'x'; 5_000_000]), huge);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn headers_and_the_shape_of_lines() {
    let wrong = &mut vec![];
    let options = options();
    let known = "the columns are openid, amount, key, wishing, remark, scene_id";
    let columns = "the header has 2 columns, and this line";
    let quoted = "put a field that contains a comma in quotes, and leave none out";
    let whole = "put the whole field in quotes and double each quote within it";
    for (text, expected) in [
        ("", "there is no header; write a header and a line for each payee".to_owned()),
        ("\u{feff}\r\n", "there is no header; write a header and a line for each payee".to_owned()),
        ("openid,amount\n", "there are no recipients; write a line for each payee".to_owned()),
        ("openid,amount\n\n\r\n", "there are no recipients; write a line for each payee".to_owned()),
        (
            "amount\n1.00\n",
            "line 1: openid: the column is missing; the first line names the columns, as in openid,amount".to_owned(),
        ),
        ("openid\nA\n", "line 1: amount: the column is missing; add it, or say how much each payee gets".to_owned()),
        ("openid,amount,name\nA,1.00,x\n", format!("line 1: the column \"name\" is unknown; remove it; {known}")),
        ("openid,amount,\nA,1.00,\n", format!("line 1: the column \"\" is unknown; remove it; {known}")),
        (
            "OpenID,amount\n",
            "line 1: the column \"OpenID\" is unknown; write openid, in small letters and without white space"
                .to_owned(),
        ),
        (
            "openid, amount\n",
            "line 1: the column \" amount\" is unknown; write amount, in small letters and without white space"
                .to_owned(),
        ),
        (
            "openid,total_amount\n",
            "line 1: the column \"total_amount\" is unknown; name it amount and write yuan, as in 1.88".to_owned(),
        ),
        (
            "openid;amount\nA;1.00\n",
            "line 1: the column \"openid;amount\" is unknown; part the fields by commas".to_owned(),
        ),
        ("openid\tamount\n", "line 1: the column \"openid\\tamount\" is unknown; part the fields by commas".to_owned()),
        (
            "A,1.00\n",
            format!("line 1: the column \"{A}\" is unknown; put a header such as openid,amount in front of the lines"),
        ),
        (
            "openid,amount,openid\nA,1.00,A\n",
            "line 1: openid: the column is there twice; remove one of them".to_owned(),
        ),
        ("openid,amount\nA,1.00,x\n", format!("line 2: {columns} 3; {quoted}")),
        ("openid,amount\nA,1,000.00\n", format!("line 2: {columns} 3; {quoted}")),
        ("openid,amount\nA\n", format!("line 2: {columns} 1; {quoted}")),
        (
            "openid,amount\n\"A,1.00\n",
            "line 2: a quote is opened and never closed; close it; the rest was not read".to_owned(),
        ),
        ("openid,amount\nA,1.00\"\n", format!("line 2: a quote in a field that does not begin with one; {whole}")),
        ("openid,amount\n\"A\" ,1.00\n", format!("line 2: text behind a closing quote; {whole}")),
        (
            "openid,amount\n\nA,1.00\n",
            "line 2: a blank line among the others; remove it, unless something was lost here".to_owned(),
        ),
    ] {
        refused(wrong, &options, "a.csv", text.replace('A', A), &expected);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn amounts_as_people_write_them() {
    let wrong = &mut vec![];
    let options = options();
    let range = "must lie between 0.01 and 4999.00 yuan, found";
    let alone = "a currency sign; write the number alone, in yuan, as in 1.88";
    let wide = "full-width characters; write it in ASCII, as in 1.88";
    let decimals = "write yuan with at most two decimals, as in 1.88";
    let scientific = "scientific notation, which spreadsheets make of numbers; write all digits, as in 1000.00";
    let separators = "thousands separators or a decimal comma; write 1234.50 for 1,234.50";
    let scene = "only 1.00 to 200.00 yuan go without a scene; correct it";
    for (amount, expected) in [
        ("", "amount: empty; write yuan, as in 1.88".to_owned()),
        ("0", format!("amount: {range} 0.00; correct it")),
        ("0.00", format!("amount: {range} 0.00; correct it")),
        ("-1.00", format!("amount: {range} -1.00; correct it")),
        ("5000", format!("amount: {range} 5000.00; correct it")),
        ("0.001", format!("amount: \"0.001\": more than two decimals: the smallest amount is 0.01 yuan; {decimals}")),
        ("1e3", format!("amount: \"1e3\": {scientific}")),
        ("1E+03", format!("amount: \"1E+03\": {scientific}")),
        ("\"1,000.00\"", format!("amount: \"1,000.00\": {separators}")),
        ("\"1,88\"", format!("amount: \"1,88\": {separators}")),
        ("１.88", format!("amount: \"１.88\": {wide}")),
        ("1。88", format!("amount: \"1。88\": {wide}")),
        ("¥1.88", format!("amount: \"¥1.88\": {alone}")),
        ("1.88元", format!("amount: \"1.88元\": {alone}")),
        ("CNY 1.88", format!("amount: \"CNY 1.88\": {alone}")),
        (" 1.88", "amount: \" 1.88\": white space around it; remove the white space".to_owned()),
        ("+1.88", "amount: \"+1.88\": a sign; write the number alone".to_owned()),
        ("1.", format!("amount: \"1.\": not a decimal number of yuan such as 1.88; {decimals}")),
        (".5", format!("amount: \".5\": not a decimal number of yuan such as 1.88; {decimals}")),
        ("NaN", format!("amount: \"NaN\": not a decimal number of yuan such as 1.88; {decimals}")),
        ("1.5元/人", format!("amount: \"1.5元/人\": {alone}")),
        ("99999999999999999999", format!("amount: \"99999999999999999999\": too large; {decimals}")),
        ("0.50", format!("scene_id: required for 0.50 yuan: {scene}")),
        ("200.01", format!("scene_id: required for 200.01 yuan: {scene}")),
    ] {
        refused(wrong, &options, "a.csv", format!("openid,amount\n{A},{amount}\n"), &format!("line 2: {expected}"));
    }
    let text = format!("openid,amount,scene_id\n{A},1000.01,PRODUCT_2\n");
    let expected = "line 2: amount: 1000.01 is more than the 1000.00 yuan that the rules allow in a day; \
                    pay less, or change the rules if WeChat Pay has granted more";
    refused(wrong, &options, "a.csv", text, expected);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn payees_keys_and_texts() {
    let wrong = &mut vec![];
    let options = options();
    let under = "write the payee's openid under the appid of the campaign";
    let letters = "must have 1 to 32 ASCII letters, digits, '-' and '_', found";
    let anew = "copy it anew from where your backend stores it";
    let long = "o".repeat(5000);
    for (openid, expected) in [
        ("", "empty; write the payee's openid, or remove the line".to_owned()),
        ("wx00f1e2d3c4b5a697", format!("\"wx00f1e2d3c4b5a697\" is an appid, no openid; {under}")),
        (
            "gh_0123456789ab",
            format!("\"gh_0123456789ab\" is the original id of an official account, no openid; {under}"),
        ),
        ("13800138000", format!("\"13800138000\" is a telephone number, no openid; {under}")),
        ("42", format!("\"42\" is a number, no openid; {under}")),
        ("o Qx4r0", format!("{letters} \"o Qx4r0\"; {anew}")),
        ("张三", format!("{letters} \"张三\"; {anew}")),
        ("oQx4r0 ", format!("{letters} \"oQx4r0 \"; remove the white space around it")),
        (&long, format!("{letters} \"{}\"; {anew}", "o".repeat(40))),
    ] {
        refused(
            wrong,
            &options,
            "a.csv",
            format!("openid,amount\n{openid},1.00\n"),
            &format!("line 2: openid: {expected}"),
        );
    }
    let spaces = "begins or ends with white space, which some gateways cut off after signing; correct it";
    let (wishing, remark, scene) = ("祝".repeat(129), "x".repeat(257), "P".repeat(33));
    for (column, text, expected) in [
        ("key", "", "empty; give each line a key of its own, or leave the column out"),
        ("key", " k", "white space around it or a control character in it: \" k\"; remove what cannot be seen"),
        (
            "key",
            "\"a\nb\"",
            "white space around it or a control character in it: \"a\\nb\"; remove what cannot be seen",
        ),
        (
            "key",
            &wishing,
            &format!(
                "longer than 128 characters: \"{}\"…; use a shorter one, such as an order number",
                "祝".repeat(40)
            ),
        ),
        ("wishing", &wishing, "at most 128 characters, found 129; correct it"),
        ("wishing", "🧧", "contains '🧧'; WeChat Pay refuses emoji and other characters beyond U+FFFF; correct it"),
        ("wishing", " 早", spaces),
        ("wishing", "早\r安", "contains the control character '\\r'; correct it"),
        ("remark", &remark, "at most 256 characters, found 257; correct it"),
        ("scene_id", &scene, "at most 32 characters, found 33; correct it"),
    ] {
        let file = format!("openid,amount,{column}\n{A},1.00,{text}\n");
        refused(wrong, &options, "a.csv", file, &format!("line 2: {column}: {expected}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_stands_there_twice() {
    let wrong = &mut vec![];
    let options = options();
    let payee = "remove one of them, or add a column key if the payee is to get both";
    let key = "remove one of them, or give each a key of its own";
    for (name, text, expected) in [
        (
            "a.csv",
            "openid,amount\nA,1.00\nB,1.00\nA,1.00\n",
            format!("line 4: openid: \"{A}\" stands in line 2 already; {payee}"),
        ),
        (
            "a.csv",
            "openid,amount\nA,1.00\nA,2.00\nB,0\nA,1.00\n",
            format!(
                "line 3: openid: \"{A}\" stands in line 2 already; {payee}\n\
                 line 4: amount: must lie between 0.01 and 4999.00 yuan, found 0.00; correct it\n\
                 line 5: openid: \"{A}\" stands in line 2 already; {payee}"
            ),
        ),
        (
            "a.csv",
            "key,openid,amount\nk,A,1.00\nl,A,1.00\nk,B,1.00\n",
            format!("line 4: key: \"k\" stands in line 2 already; {key}"),
        ),
        (
            "a.jsonl",
            "{\"openid\":\"A\",\"amount\":\"1\"}\n{\"openid\":\"A\",\"amount\":\"1\",\"key\":\"k\"}\n{\"openid\":\"A\",\"total_amount\":100}\n",
            format!("line 3: openid: \"{A}\" stands in line 1 already; {payee}"),
        ),
    ] {
        refused(wrong, &options, name, text.replace('A', A).replace('B', B), &expected);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn objects_that_are_not_what_they_should_be() {
    let wrong = &mut vec![];
    let options = options();
    let number = "write a text in yuan such as \"1.88\", or total_amount in fen such as 188";
    let json = "correct the JSON";
    let kinds = "write texts in quotes and total_amount as a whole number";
    for (line, expected) in [
        ("{\"openid\":\"A\",\"amount\":1.88}", format!("amount: the number 1.88: most decimals have no exact binary form; {number}")),
        ("{\"openid\":\"A\",\"amount\":2}", format!("amount: the number 2: it does not say whether yuan or fen; {number}")),
        ("{\"openid\":\"A\",\"amount\":-2}", format!("amount: the number -2: it does not say whether yuan or fen; {number}")),
        ("{\"openid\":\"A\",\"amount\":1e3}", format!("amount: the number 1000: most decimals have no exact binary form; {number}")),
        ("{\"openid\":\"A\",\"total_amount\":1.5}", format!("total_amount: invalid type: floating point `1.5`, expected i64; {kinds}")),
        ("{\"openid\":\"A\",\"total_amount\":\"188\"}", format!("total_amount: invalid type: string \"188\", expected i64; {kinds}")),
        ("{\"openid\":\"A\",\"total_amount\":0}", "amount: must lie between 0.01 and 4999.00 yuan, found 0.00; correct it".to_owned()),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"total_amount\":100}", "total_amount: given besides amount; write one of them".to_owned()),
        ("{\"openid\":\"A\",\"total_amount\":100,\"amount\":\"1.00\"}", "amount: given besides total_amount; write one of them".to_owned()),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"amount\":\"1.00\"}", "amount: given twice; write it once".to_owned()),
        ("{\"openid\":\"A\",\"openid\":\"B\",\"amount\":\"1.00\"}", "openid: given twice; write it once".to_owned()),
        ("{\"openid\":\"A\"}", "amount: missing; write it, or say how much each payee gets".to_owned()),
        ("{\"amount\":\"1.00\"}", "openid: empty; write the payee's openid, or remove the line".to_owned()),
        ("{\"openid\":null,\"amount\":\"1.00\"}", "openid: empty; write the payee's openid, or remove the line".to_owned()),
        ("{\"openid\":{\"id\":\"A\"},\"amount\":\"1.00\"}", format!("openid: invalid type: map, expected a text in quotes; {kinds}")),
        ("{\"openid\":[\"A\"],\"amount\":\"1.00\"}", format!("openid: invalid type: sequence, expected a text in quotes; {kinds}")),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"key\":17}", "key: the number 17; write a text in quotes".to_owned()),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"wishing\":true}", format!("wishing: invalid type: boolean `true`, expected a text in quotes; {kinds}")),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"wish\":\"x\"}", "the name \"wish\" is unknown; use openid, amount, key, wishing, remark, scene_id or total_amount".to_owned()),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",\"a; b at line 1\":\"x\"}", "the name \"a; b at line 1\" is unknown; use openid, amount, key, wishing, remark, scene_id or total_amount".to_owned()),
        ("{\"openid\":\"A\",\"amount\":\"1.00\"} x", format!("trailing characters at column 59; {json}")),
        ("{\"openid\":\"A\",\"amount\":\"1.00\"}{}", format!("trailing characters at column 58; {json}")),
        ("{\"openid\":\"A\",\"amount\":\"1.00\",}", format!("trailing comma at column 58; {json}")),
        ("{\"openid\":\"A\",", "the object does not end: EOF while parsing a value; write it on one line".to_owned()),
        ("{", "the object does not end: EOF while parsing an object; write it on one line".to_owned()),
        ("{'openid':'A'}", format!("key must be a string at column 2; {json}")),
        ("[{\"openid\":\"A\"}]", "a JSON array; write one object on each line, without brackets and commas around".to_owned()),
        ("\"A\"", format!("no JSON object: \"\\\"{A}\\\"\"; write an object such as {{\"openid\": \"oQx4…\", \"amount\": \"1.88\"}}")),
    ] {
        refused(wrong, &options, "a.jsonl", line.replace("\"A\"", &format!("\"{A}\"")), &format!("line 1: {expected}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn amounts_for_all_and_amounts_in_lines() {
    let wrong = &mut vec![];
    let plain = options();
    let list = format!("{A}\n{B}\n");
    let none =
        "amount: a list of openids has no amounts; say how much each payee gets, or write a CSV with a column amount";
    refused(wrong, &plain, "openids.txt", &list, none);
    let mut options = plain.clone();
    options.amount = Some(Fen::new(100));
    let both = "amount: the file has amounts, and one amount was given for all; leave one of them out, so that nobody has to guess";
    refused(wrong, &options, "a.csv", format!("openid,amount\n{A},1.00\n"), &format!("line 1: {both}"));
    let line = format!("{{\"openid\":\"{A}\",\"total_amount\":100}}");
    refused(wrong, &options, "a.jsonl", line, &format!("line 1: {both}"));
    options.format = Some(Format::OpenIds);
    let letters = "must have 1 to 32 ASCII letters, digits, '-' and '_', found";
    let csv = "write one openid on each line, or name the form: this looks like CSV";
    let text = format!("{A}\noQx4r0,1.00\n{B}\n");
    refused(wrong, &options, "a.csv", text, &format!("line 2: openid: {letters} \"oQx4r0,1.00\"; {csv}"));
    options.amount = Some(Fen::new(50));
    let scene = "scene_id: required for 0.50 yuan: only 1.00 to 200.00 yuan go without a scene; correct it";
    refused(wrong, &options, "a.txt", &list, &format!("line 1: {scene}\nline 2: {scene}"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn problems_are_shown_up_to_a_limit_and_counted() {
    let mut options = options();
    options.errors_shown = 2;
    let text = format!("openid,amount\n{A},1.00\n{}", format!("{A},x\n").repeat(1000));
    let problems = Plan::read(&source("a.csv", text), &options).unwrap_err();
    assert_eq!((problems.shown.len(), problems.found), (2, 1000));
    assert_eq!((problems.shown[0].line, problems.shown[1].line), (Some(3), Some(4)));
    assert!(problems.to_string().ends_with("\nand 998 more"));
    let error = hongbao::Error::from(problems);
    assert_eq!((error.kind(), error.outcome()), (hongbao::ErrorKind::Invalid, hongbao::Outcome::NotSent));
}

#[test]
fn what_a_program_gives_is_held_to_the_same_rules() {
    let problems = |payouts: Vec<_>| Plan::of(payouts, &options()).unwrap_err().to_string();
    let plain = |key: &str, openid: &str, fen| payout(key, openid, fen, Texts::default());
    for (payouts, expected) in [
        (vec![], "there are no recipients; write a line for each payee"),
        (
            vec![plain("k", A, 100), plain("", B, 100), plain("k", B, 100), plain("l", B, 0)],
            "line 2: key: empty; give each line a key of its own, or leave the column out\n\
             line 3: key: \"k\" stands in line 1 already; remove one of them, or give each a key of its own\n\
             line 4: amount: must lie between 0.01 and 4999.00 yuan, found 0.00; correct it",
        ),
        (
            vec![plain("k", "wx00f1e2d3c4b5a697", 100)],
            "line 1: openid: \"wx00f1e2d3c4b5a697\" is an appid, no openid; write the payee's openid under the appid of the campaign",
        ),
    ] {
        assert_eq!(problems(payouts), expected);
    }
}

#[test]
fn a_template_that_breaks_a_rule_is_refused_before_the_file_is_read() {
    let mut options = options();
    options.campaign.template.send_name = "蓝".repeat(33);
    let problems = Plan::read(&source("a.csv", ""), &options).unwrap_err();
    assert_eq!(problems.to_string(), "send_name: at most 32 characters, found 33; correct it");
}
