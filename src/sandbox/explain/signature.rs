//! Which mistake leads to the signature that came.
//!
//! A signature shows nothing of its string, so strings are tried: what people
//! really do wrong, one mistake at a time and some in pairs, at most
//! [`MOST`] digests. What cannot be tried is a key that the sandbox does not
//! know, and a value that only the client knew.

use zeroize::Zeroizing;

use super::bases::{self, Base};
use super::suspects::{self, Suspect};
use super::{KnownKey, Mistake, Words};
use crate::sandbox::log::{MASK, from_hex};
use crate::wire::{self, Contract, Digest, Doc, plain_digests};

/// So many digests are made for one explanation.
pub(super) const MOST: u32 = 900;

/// The one mistake in which nobody's key was used.
const NO_KEY: &str = "key_left_out";

/// What is known of a signature that does not hold.
pub(super) struct Evidence<'a> {
    pub(super) contract: &'a Contract,
    /// All fields of the message.
    pub(super) received: &'a Doc,
    /// Those that the gateway signs.
    pub(super) signed: &'a Doc,
    pub(super) body: &'a str,
    pub(super) digest: Digest,
    pub(super) key: &'a KnownKey,
    /// Other keys that the sandbox knows, the likeliest first.
    pub(super) others: &'a [KnownKey],
}

/// What the client did, if it was found.
pub(super) struct Verdict {
    pub(super) mistake: Mistake,
    /// What the client must have signed, the key masked.
    pub(super) string_to_sign: Option<String>,
    /// Whose key it took.
    pub(super) key_of: Option<String>,
    /// How many digests were made.
    pub(super) tried: u32,
}

/// What stands in `sign`, as bytes.
struct Given {
    bytes: Vec<u8>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Hex,
    LowerHex,
    Base64,
}

fn read(sign: &str) -> Option<Given> {
    if matches!(sign.len(), 32 | 64) && sign.bytes().all(|b| b.is_ascii_hexdigit()) {
        let form = if sign.bytes().any(|b| b.is_ascii_lowercase()) { Form::LowerHex } else { Form::Hex };
        return Some(Given { bytes: from_hex(sign), form });
    }
    let bytes = wire::from_base64(sign.trim())?;
    matches!(bytes.len(), 16 | 32).then_some(Given { bytes, form: Form::Base64 })
}

/// Counts digests and says when there were enough.
struct Search<'a> {
    given: Given,
    key: &'a [u8],
    tried: u32,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.tried >= MOST
    }

    /// Whether this string with this key gives what came, and by which digest.
    fn fits(&mut self, head: &[u8], key: &[u8], tail: &[u8]) -> Option<Digest> {
        if self.is_over() {
            return None;
        }
        self.tried += 1;
        let parts = [head, key, tail];
        match self.given.bytes.len() {
            16 => (plain_digests::md5(&parts) == self.given.bytes).then_some(Digest::Md5),
            _ => (plain_digests::hmac_sha256(key, &parts) == self.given.bytes).then_some(Digest::HmacSha256),
        }
    }
}

/// Finds the mistake.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let sign = evidence.received.get("sign").unwrap_or_default();
    let verdict = |name: &str, text: Words, tried| Verdict {
        mistake: Mistake { name: name.to_owned(), text },
        string_to_sign: None,
        key_of: None,
        tried,
    };
    if sign.is_empty() {
        let text = Words::new(
            "the message has no sign, or an empty one: add it as the last step, after all other fields",
            "报文中没有 sign 或 sign 为空：在所有字段确定之后，最后加入 sign",
        );
        return verdict("no_sign", text, 0);
    }
    // The log has masked it, so the string cannot be had any more. Asterisks among
    // other letters may be the client's own.
    let masked = |is_masked: fn(&str) -> bool| {
        let (field, _) = evidence.received.iter().find(|(_, value)| is_masked(value))?;
        let text = Words::new(
            format!(
                "the key itself was sent, in {field}: it belongs to the end of the string and never into a message"
            ),
            format!("密钥本身被放在 {field} 中发送了：密钥只用于拼接签名串，绝不能出现在报文里"),
        );
        Some(("key_sent", text))
    };
    if let Some((name, text)) = masked(|value| value == MASK) {
        return verdict(name, text, 0);
    }
    let Some(given) = read(sign) else { return verdict("form", wrong_form(sign), 0) };
    let key = evidence.key.secret.expose();
    let mut search = Search { given, key, tried: 0 };
    let found = the_right_string(evidence, &mut search)
        .or_else(|| single_mistakes(evidence, &mut search))
        .or_else(|| other_keys(evidence, &mut search))
        .or_else(|| two_fields_late(evidence, &mut search))
        .or_else(|| pairs(evidence, &mut search));
    let tried = search.tried;
    match found {
        Some(found) => Verdict { tried, ..found.into_verdict(evidence, search.given.form) },
        None => {
            let (name, text) =
                masked(|value| value.contains(MASK)).unwrap_or_else(|| ("unknown", unknown(evidence, tried)));
            verdict(name, text, tried)
        }
    }
}

/// A string that fits.
struct Found {
    /// Empty if nothing but digest, key or form is wrong.
    mistakes: Vec<(&'static str, Words)>,
    shown: String,
    /// The digest by which it fits; `None` where it was no digest of the protocol.
    digest: Option<Digest>,
    key_of: Option<String>,
}

impl Found {
    fn new(suspect: &Suspect, digest: Digest) -> Self {
        let head = suspect.shown.clone().unwrap_or_else(|| String::from_utf8_lossy(&suspect.head).into_owned());
        let shown = format!("{head}{MASK}{}", String::from_utf8_lossy(&suspect.tail));
        Self { mistakes: vec![(suspect.name, suspect.text.clone())], shown, digest: Some(digest), key_of: None }
    }

    fn also(mut self, mistake: Option<(&'static str, Words)>) -> Self {
        self.mistakes.splice(0..0, mistake);
        self
    }

    fn with_key_of(mut self, key: &KnownKey, own: &KnownKey) -> Self {
        let text = Words::new(
            format!("it was signed with {}; expected was {}", key.label.en, own.label.en),
            format!("签名使用了{}；应使用{}", key.label.zh, own.label.zh),
        );
        self.mistakes.push(("wrong_key", text));
        self.key_of = Some(key.of.clone());
        self
    }

    fn into_verdict(mut self, evidence: &Evidence<'_>, form: Form) -> Verdict {
        if let Some(found) = self.digest.filter(|found| *found != evidence.digest) {
            self.mistakes.push(("wrong_digest", other_digest(evidence, found)));
        }
        match form {
            Form::LowerHex => self.mistakes.push((
                "lower_case",
                Words::new(
                    "the signature is in lower-case hex: send it in upper case",
                    "签名是小写十六进制：请转换为大写后发送",
                ),
            )),
            Form::Base64 => self.mistakes.push((
                "base64",
                Words::new(
                    "the digest was written in base64: write it in upper-case hex",
                    "摘要以 base64 表示：应使用大写十六进制",
                ),
            )),
            Form::Hex => {}
        }
        let name = self.mistakes.first().map_or("key_changed", |(name, _)| name).to_owned();
        let text = match &*self.mistakes {
            [] => Words::new(
                "with the key of today the signature holds: the key was another one when the request came",
                "用当前密钥验证，签名是正确的：请求到达时密钥与现在不同",
            ),
            mistakes => Words {
                en: mistakes.iter().map(|(_, text)| &*text.en).collect::<Vec<_>>().join("; besides, "),
                zh: mistakes.iter().map(|(_, text)| &*text.zh).collect::<Vec<_>>().join("；此外，"),
            },
        };
        let key_of = self.key_of.or_else(|| (name != NO_KEY).then(|| evidence.key.of.clone()));
        Verdict { mistake: Mistake { name, text }, string_to_sign: Some(self.shown), key_of, tried: 0 }
    }
}

fn other_digest(evidence: &Evidence<'_>, found: Digest) -> Words {
    let (asked, has_field) = (evidence.digest, evidence.contract.kind_of("sign_type").is_some());
    let next = match (found, has_field) {
        (Digest::HmacSha256, true) => (
            "send sign_type=HMAC-SHA256 with it, or sign with MD5",
            "请同时发送 sign_type=HMAC-SHA256，或改用 MD5 签名",
        ),
        (_, true) => ("sign with the digest that the message names", "请使用报文中 sign_type 声明的算法"),
        (_, false) => ("this endpoint takes MD5 alone", "此接口只支持 MD5"),
    };
    Words::new(
        format!("it was signed with {found}, and {asked} is what this message asks for: {}", next.0),
        format!("签名算法是 {found}，而此请求应使用 {asked}：{}", next.1),
    )
}

fn right(evidence: &Evidence<'_>) -> Suspect {
    let head = wire::string_to_sign(evidence.signed).into_bytes();
    Suspect { name: "", text: Words::default(), head, tail: Vec::new(), shown: None }
}

/// The right string, with whatever may be wrong besides: digest, form, the
/// key's ends.
fn the_right_string(evidence: &Evidence<'_>, search: &mut Search<'_>) -> Option<Found> {
    let right = right(evidence);
    let key = search.key;
    if let Some(digest) = search.fits(&right.head, key, &[]) {
        return Some(Found { mistakes: Vec::new(), ..Found::new(&right, digest) });
    }
    if let Some(text) = other_function(&right.head, key, search) {
        return Some(Found { mistakes: vec![("wrong_digest", text)], digest: None, ..Found::new(&right, Digest::Md5) });
    }
    let text = Zeroizing::new(String::from_utf8_lossy(key).into_owned());
    let text = text.as_str();
    let forms = [
        (format!("{text}\n"), "a line break at its end", "末尾多了换行符"),
        (format!("{text}\r\n"), "a line break (CR LF) at its end", "末尾多了回车换行符"),
        (format!("{text} "), "a blank at its end", "末尾多了空格"),
        (format!(" {text}"), "a blank before it", "前面多了空格"),
        (format!("\u{feff}{text}"), "a byte order mark before it", "前面多了 BOM"),
        (format!("\"{text}\""), "quotes around it", "两边多了引号"),
        (text.to_ascii_lowercase(), "all letters in lower case", "字母被转成了小写"),
        (text.to_ascii_uppercase(), "all letters in upper case", "字母被转成了大写"),
        (text.chars().take(31).collect(), "its last character missing", "缺少最后一个字符"),
        (String::new(), "nothing in its place", "为空"),
    ];
    let forms = forms.map(|(wrong, en, zh)| (Zeroizing::new(wrong), en, zh));
    for (wrong, en, zh) in forms {
        if wrong.as_bytes() == key {
            continue;
        }
        if let Some(digest) = search.fits(&right.head, wrong.as_bytes(), &[]) {
            let text = Words::new(
                format!("the right key was read with {en}: look at how the configuration is read"),
                format!("密钥本身正确，但读入时{zh}：请检查配置的读取方式"),
            );
            return Some(Found { mistakes: vec![("key_form", text)], ..Found::new(&right, digest) });
        }
    }
    no_key(&right, search)
}

/// The fields alone, with nothing of the key.
fn no_key(right: &Suspect, search: &mut Search<'_>) -> Option<Found> {
    let fields = right.head.strip_suffix(b"&key=")?;
    let digest = search.fits(fields, b"", b"")?;
    let text = Words::new(
        "the fields alone were signed, without the key: append &key= and the API key to the string",
        "签名串中没有密钥：请在末尾拼接 &key= 和 API 密钥",
    );
    let shown = String::from_utf8_lossy(fields).into_owned();
    Some(Found { mistakes: vec![(NO_KEY, text)], shown, digest: Some(digest), key_of: None })
}

/// Digests that are none of the protocol.
fn other_function(head: &[u8], key: &[u8], search: &mut Search<'_>) -> Option<Words> {
    let parts = [head, key];
    let hex = |bytes: &[u8], upper: bool| -> Vec<u8> {
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        if upper { text.to_ascii_uppercase() } else { text }.into_bytes()
    };
    // The string without `&key=`, where the key is the HMAC's alone.
    let bare = head.strip_suffix(b"&key=").unwrap_or(head);
    let hmac = plain_digests::hmac_sha256(key, &parts);
    let md5 = plain_digests::md5(&parts);
    search.tried += 9;
    let given = &search.given.bytes;
    let tries: [(Vec<u8>, &str, &str); 9] = [
        (
            plain_digests::sha256(&parts),
            "plain SHA-256 in place of HMAC-SHA256",
            "使用了普通 SHA-256 而不是 HMAC-SHA256",
        ),
        (
            plain_digests::hmac_sha256(key, &[bare]),
            "HMAC-SHA256 of the string without &key=: the key belongs to the string too",
            "HMAC-SHA256 的签名串缺少 &key=：密钥也要拼接在签名串中",
        ),
        (plain_digests::hmac_md5(key, &parts), "HMAC-MD5 in place of MD5", "使用了 HMAC-MD5 而不是 MD5"),
        (plain_digests::hmac_md5(key, &[bare]), "HMAC-MD5 in place of MD5", "使用了 HMAC-MD5 而不是 MD5"),
        (plain_digests::md5(&[&hex(&hmac, true)]), "the MD5 of an HMAC-SHA256", "对 HMAC-SHA256 的结果又做了 MD5"),
        (plain_digests::md5(&[&hex(&hmac, false)]), "the MD5 of an HMAC-SHA256", "对 HMAC-SHA256 的结果又做了 MD5"),
        (plain_digests::md5(&[&hex(&md5, true)]), "the MD5 of an MD5", "做了两次 MD5"),
        (plain_digests::md5(&[&hex(&md5, false)]), "the MD5 of an MD5", "做了两次 MD5"),
        (
            hmac.get(..16).unwrap_or_default().to_vec(),
            "an HMAC-SHA256 that was cut to 32 digits",
            "HMAC-SHA256 结果被截断为 32 位",
        ),
    ];
    let (_, en, zh) = tries.into_iter().find(|(digest, ..)| digest == given)?;
    Some(Words::new(format!("the signature is {en}"), format!("签名{zh}")))
}

fn bases(evidence: &Evidence<'_>) -> Vec<Base> {
    bases::bases(evidence.contract, evidence.signed, evidence.received, evidence.digest)
}

fn plain_of(base: &Base) -> Option<Suspect> {
    let (name, text) = base.mistake.clone()?;
    Some(Suspect::plain(name, text, &base.fields))
}

fn single_mistakes(evidence: &Evidence<'_>, search: &mut Search<'_>) -> Option<Found> {
    let key = search.key;
    let bases = bases(evidence);
    let first = bases.first().map(|base| of_base(base, evidence)).unwrap_or_default();
    for suspect in bases.iter().filter_map(plain_of).chain(first) {
        if let Some(digest) = search.fits(&suspect.head, key, &suspect.tail) {
            return Some(Found::new(&suspect, digest));
        }
    }
    None
}

fn of_base(base: &Base, evidence: &Evidence<'_>) -> Vec<Suspect> {
    suspects::of_base(&base.fields, evidence.contract, evidence.received, evidence.body)
}

fn other_keys(evidence: &Evidence<'_>, search: &mut Search<'_>) -> Option<Found> {
    let bases = bases(evidence);
    for key in evidence.others {
        for base in &bases {
            let suspect = plain_of(base).unwrap_or_else(|| right(evidence));
            if let Some(digest) = search.fits(&suspect.head, key.secret.expose(), &[]) {
                let mut found = Found::new(&suspect, digest);
                found.mistakes.clear();
                return Some(found.also(base.mistake.clone()).with_key_of(key, evidence.key));
            }
        }
    }
    None
}

fn two_fields_late(evidence: &Evidence<'_>, search: &mut Search<'_>) -> Option<Found> {
    let key = search.key;
    let base = bases(evidence).into_iter().next()?;
    for (at, (first, _)) in base.fields.iter().enumerate() {
        for (second, _) in base.fields.iter().skip(at + 1) {
            if search.is_over() {
                return None;
            }
            let kept = base.fields.iter().filter(|(name, _)| name != first && name != second).cloned().collect();
            let text = suspects::added_late(&format!("{first}, {second}"));
            let suspect = Suspect::plain("field_added_late", text, &kept);
            if let Some(digest) = search.fits(&suspect.head, key, &[]) {
                return Some(Found::new(&suspect, digest));
            }
        }
    }
    None
}

/// A wrong choice of fields and something else.
fn pairs(evidence: &Evidence<'_>, search: &mut Search<'_>) -> Option<Found> {
    let key = search.key;
    for base in bases(evidence).iter().skip(1) {
        if search.is_over() {
            return None;
        }
        for suspect in of_base(base, evidence) {
            if let Some(digest) = search.fits(&suspect.head, key, &suspect.tail) {
                return Some(Found::new(&suspect, digest).also(base.mistake.clone()));
            }
        }
    }
    None
}

fn wrong_form(sign: &str) -> Words {
    let length = sign.chars().count();
    let guess = match length {
        40 if sign.bytes().all(|b| b.is_ascii_hexdigit()) => (" as SHA-1 has", "（与 SHA-1 一致）"),
        _ => ("", ""),
    };
    Words::new(
        format!("sign has {length} characters{}: 32 hex digits of MD5 or 64 of HMAC-SHA256 are expected", guess.0),
        format!("sign 的长度为 {length}{}：应为 MD5 的 32 位或 HMAC-SHA256 的 64 位十六进制", guess.1),
    )
}

fn unknown(evidence: &Evidence<'_>, tried: u32) -> Words {
    let text: String = evidence.signed.iter().map(|(_, value)| value).collect();
    let lost = text.contains(char::REPLACEMENT_CHARACTER) || text.contains("???");
    let (lost, lost_zh) = match lost {
        true => (
            " The values hold ? or \u{fffd}: characters were lost before the message was sent, most likely through a wrong charset.",
            "报文中含有 ? 或 \u{fffd}：字符在发送前已经丢失，很可能是字符集错误。",
        ),
        false => ("", ""),
    };
    let keys = evidence.others.len() + 1;
    Words::new(
        format!(
            "no usual mistake leads to this signature ({tried} strings and {keys} keys were tried). What cannot be tried: a key that the sandbox does not know (the APIv3 key, the AppSecret, the key of the real merchant), and a value that was changed after it was signed (compare nonce_str and amounts with what your program signs).{lost}"
        ),
        format!(
            "常见错误都不能得到这个签名（已尝试 {tried} 个签名串、{keys} 个密钥）。无法尝试的情况：沙箱不知道的密钥（APIv3 密钥、AppSecret、真实商户的密钥），以及签名后被修改的值（请对比程序签名时的 nonce_str 和金额）。{lost_zh}"
        ),
    )
}
