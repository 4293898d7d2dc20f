//! What people sign by mistake: strings to try, the likeliest first.

use super::Words;
use super::charset;
use crate::wire::{Contract, Doc, Kind, percent};

/// Names and values in the order in which they are joined.
pub(super) type Fields = Vec<(String, String)>;

/// A string that a client may have signed, and the mistake that leads to it.
pub(super) struct Suspect {
    /// For programs.
    pub(super) name: &'static str,
    pub(super) text: Words,
    /// Up to the key.
    pub(super) head: Vec<u8>,
    /// Behind the key.
    pub(super) tail: Vec<u8>,
    /// The head as text where its bytes are none.
    pub(super) shown: Option<String>,
}

impl Suspect {
    pub(super) fn plain(name: &'static str, text: Words, fields: &Fields) -> Self {
        Self { name, text, head: joined(fields, "&key="), tail: Vec::new(), shown: None }
    }
}

/// The pairs joined, and what stands before the key.
fn joined(fields: &Fields, before_the_key: &str) -> Vec<u8> {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{before_the_key}", pairs.join("&")).into_bytes()
}

pub(super) fn sorted(mut fields: Fields) -> Fields {
    fields.sort();
    fields
}

/// So many fields of a message are looked at one by one; real ones have twenty.
const ONE_BY_ONE: usize = 40;

/// Everything that can go wrong with a choice of fields, one thing at a time.
pub(super) fn of_base(base: &Fields, contract: &Contract, received: &Doc, body: &str) -> Vec<Suspect> {
    let mut suspects = vec![];
    key_words(base, &mut suspects);
    numbers(base, contract, &mut suspects);
    values(base, body, &mut suspects);
    charsets(base, &mut suspects);
    for (name, _) in base.iter().take(ONE_BY_ONE) {
        let fields = base.iter().filter(|(own, _)| own != name).cloned().collect();
        suspects.push(Suspect::plain("field_added_late", added_late(name), &fields));
    }
    orders(base, received, &mut suspects);
    renamed(base, &mut suspects);
    blanks(base, contract, &mut suspects);
    let mut with_sign = base.clone();
    with_sign.push(("sign".to_owned(), String::new()));
    let text = Words::new(
        "sign itself was signed, empty as it was at that moment: it is no part of the string",
        "sign 字段本身（当时为空）参与了签名：sign 不参与签名",
    );
    suspects.push(Suspect::plain("sign_included", text, &sorted(with_sign)));
    suspects
}

pub(super) fn added_late(name: &str) -> Words {
    Words::new(
        format!("{name} stands in the message but was not signed: add it before the signature is made"),
        format!("报文中有 {name}，但没有参与签名：请在计算签名之前加入该字段"),
    )
}

/// The key under another name, in another place, or without any.
fn key_words(base: &Fields, out: &mut Vec<Suspect>) {
    let text = |what: &str, zh: &str| {
        Words::new(
            format!("{what}: the string ends with &key= in lower case, followed by the key and nothing else"),
            format!("{zh}：签名串以小写的 &key= 加密钥结尾，之后没有其他内容"),
        )
    };
    for (before, what, zh) in [
        ("", "the key was appended without &key=", "密钥前缺少 &key="),
        ("&", "the key was appended without key=", "密钥前缺少 key="),
        ("key=", "the & before key= is missing", "key= 前缺少 &"),
        ("&KEY=", "the key's name is in upper case", "KEY 用了大写"),
        ("&Key=", "the key's name is Key", "Key 首字母大写"),
        ("&secret=", "the key's name is secret", "密钥参数名写成了 secret"),
        ("&app_key=", "the key's name is app_key", "密钥参数名写成了 app_key"),
        ("&appkey=", "the key's name is appkey", "密钥参数名写成了 appkey"),
    ] {
        let head = joined(base, before);
        out.push(Suspect { name: "key_name", text: text(what, zh), head, tail: Vec::new(), shown: None });
    }
    let (before, after): (Fields, Fields) = base.iter().cloned().partition(|(name, _)| name.as_str() < "key");
    if !after.is_empty() {
        let between = if before.is_empty() { "key=" } else { "&key=" };
        let mut tail = b"&".to_vec();
        tail.extend(joined(&after, ""));
        let text = text("the key was sorted among the fields", "密钥参与了字段排序");
        out.push(Suspect { name: "key_name", text, head: joined(&before, between), tail, shown: None });
    }
    let text = text("something stands behind the key: &", "密钥之后多了 &");
    out.push(Suspect { name: "key_name", text, head: joined(base, "&key="), tail: b"&".to_vec(), shown: None });
}

/// Amounts in yuan, or with decimals.
fn numbers(base: &Fields, contract: &Contract, out: &mut Vec<Suspect>) {
    let forms: [&dyn Fn(i64) -> String; 4] = [
        &|fen| format!("{fen}.0"),
        &|fen| format!("{fen}.00"),
        &|fen| format!("{}.{:02}", fen / 100, fen % 100),
        &|fen| format!("{}.{:02}", fen / 100, fen % 100).trim_end_matches('0').trim_end_matches('.').to_owned(),
    ];
    let is_number = |name: &str, value: &str| {
        contract.kind_of(name) == Some(Kind::Integer) && value.parse::<i64>().is_ok_and(|fen| fen >= 0)
    };
    let is_amount = |name: &str| name.ends_with("fee") || name.ends_with("amount");
    let all: Vec<&str> = base.iter().filter(|(n, v)| is_number(n, v)).map(|(n, _)| n.as_str()).collect();
    let mut groups: Vec<Vec<&str>> = all.iter().map(|name| vec![*name]).collect();
    if all.len() > 1 {
        groups.push(all.iter().copied().filter(|name| is_amount(name)).collect());
        groups.push(all);
    }
    for group in groups {
        for form in forms {
            let fields = mapped(base, |name, value| match value.parse() {
                Ok(fen) if group.contains(&name) => form(fen),
                _ => value.to_owned(),
            });
            let Some((name, value)) = fields.iter().find(|(name, _)| group.contains(&name.as_str())) else { continue };
            let text = Words::new(
                format!("{name} was signed as {value}: sign the whole number of fen that is sent"),
                format!("{name} 以 {value} 参与了签名：应使用实际发送的整数（单位：分）"),
            );
            push_if_other("decimals", text, base, &fields, out);
        }
    }
}

fn mapped(base: &Fields, change: impl Fn(&str, &str) -> String) -> Fields {
    base.iter().map(|(name, value)| (name.clone(), change(name, value))).collect()
}

fn push_if_other(name: &'static str, text: Words, base: &Fields, fields: &Fields, out: &mut Vec<Suspect>) {
    if fields != base {
        out.push(Suspect::plain(name, text, fields));
    }
}

/// Values that were changed for some other purpose first.
fn values(base: &Fields, body: &str, out: &mut Vec<Suspect>) {
    let mut change = |name: &'static str, en: &str, zh: &str, form: &dyn Fn(&str, &str) -> String| {
        push_if_other(name, Words::new(en, zh), base, &mapped(base, form), out);
    };
    change(
        "trimmed",
        "blanks at the ends of values were cut for the signature but sent: cut both or none",
        "签名时去掉了值首尾的空格，但发送时没有去掉：两者必须一致",
        &|_, value| value.trim().to_owned(),
    );
    let url = "values were URL-encoded for the signature: sign them as they are";
    let url_zh = "签名时对值做了 URL 编码：签名使用原始值，不做编码";
    for plain in [b"-_.~".as_slice(), b"-_.*", b"-_.!~*'()"] {
        for plus in [true, false] {
            for upper in [true, false] {
                change("url_encoded", url, url_zh, &|_, value| encoded(value, plain, plus, upper));
            }
        }
    }
    let escaped = "values were signed as XML writes them, with &amp; and the like: sign the plain text";
    let escaped_zh = "签名用的是 XML 转义后的值（如 &amp;）：签名应使用转义前的原文";
    let basic = |value: &str| value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    change("xml_escaped", escaped, escaped_zh, &|_, value| basic(value));
    change("xml_escaped", escaped, escaped_zh, &|_, value| basic(value).replace('"', "&quot;"));
    for apostrophe in ["&apos;", "&#39;"] {
        change("xml_escaped", escaped, escaped_zh, &|_, value| {
            basic(value).replace('"', "&quot;").replace('\'', apostrophe)
        });
    }
    let cdata = "the marks of CDATA were signed with the values: sign what is inside";
    let cdata_zh = "签名时包含了 <![CDATA[ ]]> 标记：只对其中的内容签名";
    change("cdata_included", cdata, cdata_zh, &|name, value| inner(body, name).unwrap_or(value).to_owned());
    change("cdata_included", cdata, cdata_zh, &|_, value| format!("<![CDATA[{value}]]>"));
    change(
        "line_ends",
        "line breaks were signed as CR LF, which every XML reader turns into LF: send and sign LF",
        "签名时换行为 CRLF，而 XML 解析后都是 LF：请统一使用 LF",
        &|_, value| value.replace('\n', "\r\n"),
    );
    let json = "a JSON value was written anew for the message after it was signed: sign the very text that is sent";
    let json_zh = "JSON 字段在签名后被重新序列化：签名必须使用实际发送的文本";
    for form in [json_compact, json_spaced, json_escaped, json_slashes] {
        change("json_rewritten", json, json_zh, &|_, value| form(value).unwrap_or_else(|| value.to_owned()));
    }
}

fn encoded(value: &str, plain: &[u8], plus: bool, upper: bool) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' ' if plus => out.push('+'),
            b if b.is_ascii_alphanumeric() || plain.contains(&b) => out.push(char::from(b)),
            b if upper => out.push_str(&format!("%{b:02X}")),
            b => out.push_str(&format!("%{b:02x}")),
        }
    }
    out
}

/// What stands between the tags of a field, as it came.
fn inner<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let after = body.split_once(&format!("<{name}>"))?.1;
    Some(after.split_once(&format!("</{name}>"))?.0)
}

fn json(value: &str) -> Option<serde_json::Value> {
    value.starts_with(['{', '[']).then(|| serde_json::from_str(value).ok()).flatten()
}

fn json_compact(value: &str) -> Option<String> {
    // Not through a value, which would sort the names.
    json(value)?;
    Some(outside_texts(value, |c| (!c.is_ascii_whitespace()).then(|| c.to_string())))
}

/// As Python writes it.
fn json_spaced(value: &str) -> Option<String> {
    let compact = json_compact(value)?;
    Some(outside_texts(&compact, |c| Some(if matches!(c, ':' | ',') { format!("{c} ") } else { c.to_string() })))
}

/// Chinese as `\u4e2d`, as PHP and Python write it by default.
fn json_escaped(value: &str) -> Option<String> {
    json(value)?;
    Some(unicode_escapes(value))
}

/// Slashes as `\/`, as PHP writes them.
fn json_slashes(value: &str) -> Option<String> {
    json(value)?;
    Some(value.replace("\\/", "/").replace('/', "\\/"))
}

fn outside_texts(text: &str, form: impl Fn(char) -> Option<String>) -> String {
    let (mut out, mut inside, mut escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        match inside {
            true => out.push(c),
            false => out.push_str(&form(c).unwrap_or_default()),
        }
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && c == '\\' && !escaped;
    }
    out
}

fn unicode_escapes(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

fn charsets(base: &Fields, out: &mut Vec<Suspect>) {
    let text = String::from_utf8_lossy(&joined(base, "&key=")).into_owned();
    if text.is_ascii() {
        return;
    }
    let words = |charset: &str| {
        Words::new(
            format!(
                "the text was turned into bytes as {charset} for the digest: use UTF-8 (in Java getBytes(StandardCharsets.UTF_8))"
            ),
            format!("计算摘要时字节编码用了 {charset}：必须使用 UTF-8（Java 中用 getBytes(StandardCharsets.UTF_8)）"),
        )
    };
    let mut push = |words: Words, head: Vec<u8>, shown: String| {
        out.push(Suspect { name: "charset", text: words, head, tail: Vec::new(), shown: Some(shown) });
    };
    if let Some(gbk) = charset::gbk(&text) {
        push(words("GBK"), gbk, text.clone());
    }
    let latin1 = charset::latin1(&text);
    let shown = String::from_utf8_lossy(&latin1).into_owned();
    push(words("ISO-8859-1"), latin1, shown);
    let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    push(words("ASCII"), ascii.clone().into_bytes(), ascii);
    let twice = charset::read_as_latin1(&text);
    let again = Words::new(
        "UTF-8 bytes were read as ISO-8859-1 and turned into UTF-8 once more before they were signed",
        "签名前 UTF-8 字节被当作 ISO-8859-1 读取后又转成了 UTF-8（双重编码）",
    );
    push(again, twice.clone().into_bytes(), twice);
    if let Some(meant) = charset::undo_latin1(&text) {
        let sent = Words::new(
            "the text was signed right, but the message was encoded twice: its UTF-8 was read as ISO-8859-1 on the way",
            "签名内容正确，但报文被双重编码：发送时 UTF-8 被当作 ISO-8859-1 处理",
        );
        push(sent, meant.clone().into_bytes(), meant);
    }
    let escapes = unicode_escapes(&text);
    let json = Words::new(
        "characters were signed as JSON escapes (\\u4e2d): sign the characters themselves",
        "中文以 \\u4e2d 这样的 JSON 转义参与了签名：应直接对字符签名",
    );
    push(json, escapes.clone().into_bytes(), escapes);
    let beyond = percent::encode_beyond_ascii(&text);
    let url = Words::new(
        "characters beyond ASCII were URL-encoded for the signature: sign them as they are",
        "签名时对中文做了 URL 编码：签名使用原始值，不做编码",
    );
    out.push(Suspect { name: "url_encoded", ..Suspect::plain("url_encoded", url, &vec![]).with_head(beyond) });
}

impl Suspect {
    fn with_head(mut self, head: String) -> Self {
        self.head = head.into_bytes();
        self
    }
}

fn orders(base: &Fields, received: &Doc, out: &mut Vec<Suspect>) {
    let text = |how: &str, zh: &str| {
        Words::new(
            format!("the fields were joined {how}: sort them by name in byte order (A before _ before a)"),
            format!("字段拼接顺序为{zh}：必须按字段名的 ASCII 码从小到大排序"),
        )
    };
    let place = |name: &str| received.iter().position(|(own, _)| own == name).unwrap_or(usize::MAX);
    let mut arrived = base.clone();
    arrived.sort_by_key(|(name, _)| place(name));
    let mut reverse = base.clone();
    reverse.reverse();
    let mut any_case = base.clone();
    any_case.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let mut no_mark = base.clone();
    no_mark.sort_by_key(|(name, _)| name.to_ascii_lowercase().replace('_', ""));
    let mut by_value = base.clone();
    by_value.sort_by(|a, b| a.1.cmp(&b.1));
    for (fields, how, zh) in [
        (arrived, "in the order in which they stand in the message", "报文中的顺序"),
        (reverse, "in falling order", "降序"),
        (any_case, "in an order that ignores upper and lower case", "忽略大小写的顺序"),
        (no_mark, "in an order that ignores underscores, as locales have it", "忽略下划线的顺序"),
        (by_value, "in the order of their values", "按值排序"),
    ] {
        push_if_other("unsorted", text(how, zh), base, &fields, out);
    }
}

fn renamed(base: &Fields, out: &mut Vec<Suspect>) {
    let pairs = [
        ("wxappid", "appid"),
        ("appid", "wxappid"),
        ("mch_id", "mchid"),
        ("mch_id", "partnerid"),
        ("nonce_str", "noncestr"),
        ("nonce_str", "nonceStr"),
        ("re_openid", "openid"),
    ];
    let mut push = |from: &str, to: &str, fields: Fields| {
        let text = Words::new(
            format!("{from} was signed under the name {to}: sign the names that are sent"),
            format!("{from} 以 {to} 的名字参与了签名：字段名必须与发送的一致"),
        );
        push_if_other("field_renamed", text, base, &sorted(fields), out);
    };
    for (from, to) in pairs {
        let name = |own: &String| if own == from { to.to_owned() } else { own.clone() };
        push(from, to, base.iter().map(|(own, value)| (name(own), value.clone())).collect());
    }
    push("nonce_str", "nonceStr", base.iter().map(|(name, value)| (camel(name), value.clone())).collect());
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// A blank that was signed and got lost on the way into the message.
fn blanks(base: &Fields, contract: &Contract, out: &mut Vec<Suspect>) {
    let texts = base.iter().filter(|(name, _)| contract.kind_of(name) != Some(Kind::Integer));
    for (name, _) in texts.take(ONE_BY_ONE) {
        for form in ["{} ", " {}", "{}\n", "{}\r\n"] {
            let fields = mapped(base, |own, value| match own == name {
                true => form.replace("{}", value),
                false => value.to_owned(),
            });
            let text = Words::new(
                format!("{name} was signed with a blank or a line break at its end that the message does not have"),
                format!("{name} 签名时首尾带有空格或换行，而报文中没有：两者必须一致"),
            );
            out.push(Suspect::plain("trimmed", text, &fields));
        }
    }
}
