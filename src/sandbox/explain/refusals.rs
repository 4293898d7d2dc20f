//! Refusals other than for a signature: what the rule is, what was found.

use super::{Certificates, Explanation, ExplanationKind, InChinese, Words, body};
use crate::code::{self, Class, Entry};
use crate::money::Fen;
use crate::sandbox::fault::Fault;
use crate::sandbox::gate;
use crate::sandbox::log::{Cause, CertificateFacts, RequestRecord};
use crate::sandbox::routes;
use crate::wire::{self, Contract, Digests, Kind};

/// Why a request was refused, also of records that do not say so themselves.
pub(super) enum Why {
    Signature,
    Certificate,
    Parameter(String),
    Limit { setting: String, most: i64, used: i64, asked: i64 },
    Address,
    Other,
}

/// `None`: it was not refused.
pub(super) fn cause(record: &RequestRecord) -> Option<Why> {
    let why = match &record.cause {
        Some(Cause::Signature) => Why::Signature,
        Some(Cause::Certificate) => Why::Certificate,
        Some(Cause::Address) => Why::Address,
        Some(Cause::Parameter { field }) => Why::Parameter(field.clone()),
        Some(Cause::Limit { setting, most, used, asked }) => {
            Why::Limit { setting: setting.clone(), most: *most, used: *used, asked: *asked }
        }
        // As versions before this field wrote it.
        None => match record.code.as_deref() {
            Some("SIGN_ERROR" | "SIGNERROR") => Why::Signature,
            Some("CA_ERROR") => Why::Certificate,
            _ if record.answer.contains("SSL certificate") => Why::Certificate,
            _ if text(record).is_some_and(|text| text.contains("签名") && text.contains("错误")) => Why::Signature,
            Some("PARAM_ERROR") | None if field_of_note(record).is_some() => {
                Why::Parameter(field_of_note(record).unwrap_or_default())
            }
            Some(_) => Why::Other,
            None if record.note.is_some() || record.status != Some(200) => Why::Other,
            // A gate that refuses without a word for the developer.
            None if return_code(record).as_deref() == Some("FAIL") => Why::Other,
            None => return None,
        },
    };
    Some(why)
}

/// The field that a note begins with, as in `time_expire: yyyyMMddHHmmss`.
fn field_of_note(record: &RequestRecord) -> Option<String> {
    let word = record.note.as_deref()?.split([':', ' ', ',']).next()?;
    let is_field = contract(record)?.kind_of(word).is_some();
    is_field.then(|| word.to_owned())
}

fn return_code(record: &RequestRecord) -> Option<String> {
    wire::read_xml(record.answer.as_bytes()).ok()?.get("return_code").map(str::to_owned)
}

/// The official text of the answer.
fn text(record: &RequestRecord) -> Option<String> {
    let answer = wire::read_xml(record.answer.as_bytes()).ok()?;
    let text = answer.get_filled("err_code_des").or_else(|| answer.get_filled("return_msg"))?;
    Some(text.to_owned())
}

pub(super) fn explanation(kind: ExplanationKind, headline: Words, next_step: Words) -> Explanation {
    Explanation {
        kind,
        headline: headline.en,
        expected: None,
        received: None,
        mistake: None,
        certificates: None,
        field: None,
        rule: None,
        found: None,
        next_step,
        zh: InChinese { headline: headline.zh, rule: None, found: None },
    }
}

impl Explanation {
    fn with_rule(mut self, rule: Words) -> Self {
        (self.rule, self.zh.rule) = (Some(rule.en), Some(rule.zh));
        self
    }

    pub(super) fn with_found(mut self, found: Words) -> Self {
        (self.found, self.zh.found) = (Some(found.en), Some(found.zh));
        self
    }
}

/// The code, if there is one, and a sentence.
pub(super) fn headline(record: &RequestRecord, en: &str, zh: &str) -> Words {
    match &record.code {
        Some(code) => Words::new(format!("{code}: {en}"), format!("{code}：{zh}")),
        None => Words::new(en, zh),
    }
}

fn contract(record: &RequestRecord) -> Option<&'static Contract> {
    let found = routes::find(&record.path)?;
    let received = gate::message(record.request.as_bytes()).unwrap_or_default();
    Some(&routes::choose(found.route, &received).contract)
}

/// A fault that was set for the call.
pub(super) fn by_fault(record: &RequestRecord) -> Option<Explanation> {
    let fault = record.fault.as_ref()?;
    let words = match fault {
        // What was asked is done, and the gate may have refused it.
        Fault::Delay { .. } => return None,
        Fault::Processing if record.code.as_deref() != Some("PROCESSING") => return None,
        Fault::SystemErrorBefore => ("SYSTEMERROR, nothing has happened", "返回 SYSTEMERROR，实际什么都没有发生"),
        Fault::SystemErrorAfter => ("SYSTEMERROR although everything was done", "返回 SYSTEMERROR，但操作已经完成"),
        Fault::Processing => ("PROCESSING, the bill is kept in SENDING", "返回 PROCESSING，单据停留在 SENDING"),
        Fault::HangUpBefore => ("no answer, nothing has happened", "连接中断，没有应答，什么都没有发生"),
        Fault::HangUpAfter => ("no answer although everything was done", "连接中断，没有应答，但操作已经完成"),
        Fault::Garbage => ("bytes that are no XML, everything was done", "应答不是 XML，但操作已经完成"),
        Fault::BadGateway => ("HTTP status 502, nothing has happened", "HTTP 502，什么都没有发生"),
        Fault::TruncatedBody => ("half of the answer, everything was done", "应答只发送了一半，但操作已经完成"),
        Fault::Refuse { .. } => ("this code, nothing has happened", "返回指定错误码，什么都没有发生"),
    };
    let headline = Words::new(
        format!("a fault was set for this call: {}", words.0),
        format!("此请求命中了预设的故障：{}", words.1),
    );
    let next = Words::new(
        "a client that is right does not know the outcome now: it asks with the same number, or repeats with the same number and fields. Remove the fault to let calls through",
        "正确的客户端此时应视结果为未知：用相同单号查询，或用相同单号和参数重试。删除故障后请求恢复正常",
    );
    Some(explanation(ExplanationKind::Other, headline, next))
}

/// The certificate: what was shown and what was expected.
pub(super) fn certificate(record: &RequestRecord, expected: Option<CertificateFacts>) -> Explanation {
    let merchant = record.mch_id.as_deref();
    let presented = record.certificate_facts.clone();
    let at = record.at;
    let (en, zh, next) = match (&presented, merchant) {
        (None, _) => (
            "no client certificate was shown".to_owned(),
            "没有出示客户端证书".to_owned(),
            (
                "give the HTTP client apiclient_cert.pem and apiclient_key.pem, or apiclient_cert.p12 with the merchant number as its password",
                "为 HTTP 客户端配置 apiclient_cert.pem 和 apiclient_key.pem，或 apiclient_cert.p12（密码为商户号）",
            ),
        ),
        (Some(shown), _) if !shown.known => (
            format!("the certificate comes from another CA ({})", shown.issuer),
            format!("证书不是由本沙箱的 CA 签发的（{}）", shown.issuer),
            (
                "take the files from this sandbox's directory; those of production, or of another sandbox directory, are not accepted here",
                "使用本沙箱目录中的证书文件；生产环境或其他沙箱目录的证书在这里无效",
            ),
        ),
        (Some(shown), _) if at > shown.not_after => (
            format!("the certificate expired on {} and it is {at} here", shown.not_after),
            format!("证书已于 {} 过期，沙箱当前时间为 {at}", shown.not_after),
            (
                "apply for a new certificate; the clock here may have been advanced",
                "申请新证书；注意沙箱时钟可能被推进过",
            ),
        ),
        (Some(shown), _) if at < shown.not_before => (
            format!("the certificate is not valid before {} and it is {at} here", shown.not_before),
            format!("证书从 {} 起生效，沙箱当前时间为 {at}", shown.not_before),
            ("wait, or look at the clock of the sandbox", "请等待，或检查沙箱时钟"),
        ),
        (Some(shown), Some(merchant)) if shown.mch_id != merchant => (
            format!("the certificate belongs to merchant {}, the message says {merchant}", shown.mch_id),
            format!("证书属于商户 {}，而报文中的商户号是 {merchant}", shown.mch_id),
            ("take certificate, key and merchant number of the same entity", "证书、密钥和商户号必须属于同一主体"),
        ),
        (Some(_), _) => (
            record.note.clone().unwrap_or_else(|| "the certificate was not accepted".to_owned()),
            "证书未被接受".to_owned(),
            ("compare it with the expected one", "请与期望的证书对比"),
        ),
    };
    let mut out = explanation(ExplanationKind::Certificate, headline(record, &en, &zh), Words::new(next.0, next.1));
    let whose = merchant.unwrap_or("that the message names");
    out = out.with_rule(Words::new(
        format!("{} needs the client certificate of merchant {whose}", record.path),
        format!("{} 需要商户 {} 的客户端证书", record.path, merchant.unwrap_or("（报文中的商户号）")),
    ));
    let shown = |facts: &CertificateFacts| {
        format!("{}, {}, {} – {}, {}", facts.mch_id, facts.serial, facts.not_before, facts.not_after, facts.issuer)
    };
    out = out.with_found(match &presented {
        None => Words::new("no certificate", "没有证书"),
        Some(facts) => Words::new(shown(facts), shown(facts)),
    });
    out.certificates = Some(Certificates { presented, expected, path: record.path.clone() });
    out
}

/// The rule of a field, as the contract has it.
fn rule(contract: &Contract, name: &str) -> Option<Words> {
    if let Some((_, value)) = contract.fixed.iter().find(|(fixed, _)| *fixed == name) {
        return Some(Words::new(format!("must be {value}"), format!("必须为 {value}")));
    }
    if name == "sign_type" {
        let (en, zh) = match contract.digests {
            Digests::Both => ("MD5 (as if it were missing) or HMAC-SHA256", "MD5（默认）或 HMAC-SHA256"),
            Digests::HmacOnly => ("HMAC-SHA256 alone", "只支持 HMAC-SHA256"),
            Digests::Md5Only => ("no field of this endpoint, which takes MD5 alone", "此接口没有该字段，只支持 MD5"),
        };
        return Some(Words::new(en, zh));
    }
    let (en, zh) = match contract.kind_of(name)? {
        Kind::Text(max) => (format!("text of at most {max} characters"), format!("不超过 {max} 个字符的文本")),
        Kind::Bytes(max) => (
            format!("text of at most {max} bytes of UTF-8, three for a Chinese character"),
            format!("不超过 {max} 字节的 UTF-8 文本（一个汉字 3 字节）"),
        ),
        Kind::OrderNumber(max) => {
            (format!("at most {max} letters, digits and _-|*@"), format!("不超过 {max} 位，只能是字母、数字和 _-|*@"))
        }
        Kind::Integer => {
            ("a whole number in plain digits; amounts are in fen".to_owned(), "整数；金额单位为分".to_owned())
        }
    };
    let identity = ["nonce_str", contract.mch_field].contains(&name) || contract.app_field == Some(name);
    let required = identity || contract.fields.iter().any(|field| field.name == name && field.required);
    let (en_end, zh_end) = if required { ("required", "必填") } else { ("optional", "选填") };
    Some(Words::new(format!("{en}; {en_end}"), format!("{zh}；{zh_end}")))
}

/// A field that broke a rule.
pub(super) fn parameter(record: &RequestRecord, field: &str) -> Explanation {
    let official = text(record).unwrap_or_default();
    let note = match &record.note {
        Some(note) if note.contains(field) => note.clone(),
        Some(note) => format!("{field}: {note}"),
        None => format!("{field} is wrong"),
    };
    let next = Words::new(
        format!("correct {field} and sign again; nothing has happened, so the number can be used"),
        format!("修正 {field} 后重新签名发送；本次请求没有生效，单号仍可使用"),
    );
    let mut out = explanation(ExplanationKind::Parameter, headline(record, &note, &official), next);
    out.field = Some(field.to_owned());
    if let Some(rule) = contract(record).and_then(|contract| rule(contract, field)) {
        out = out.with_rule(rule);
    }
    let received = gate::message(record.request.as_bytes()).unwrap_or_default();
    out.with_found(match received.get(field) {
        None => Words::new("missing", "缺失"),
        Some("") => Words::new("empty", "空"),
        Some(value) => {
            let length = value.chars().count();
            let cut: String = value.chars().take(200).collect();
            Words::new(format!("{cut:?} ({length} characters)"), format!("{cut:?}（{length} 个字符）"))
        }
    })
}

/// A limit: what it is, how much was used.
pub(super) fn limit(record: &RequestRecord, setting: &str, most: i64, used: i64, asked: i64) -> Explanation {
    let yuan = |fen: i64| format!("{} yuan", Fen::new(fen));
    let yuan_zh = |fen: i64| format!("{} 元", Fen::new(fen));
    let (rule, found) = match setting {
        "calls_per_second" => (
            Words::new(format!("{most} calls in a second"), format!("每秒 {most} 次调用")),
            Words::new(format!("{used} calls came in this second before"), format!("本秒内此前已有 {used} 次调用")),
        ),
        "user_day_count" => (
            Words::new(
                format!("{most} packets for a user in a Beijing day"),
                format!("每个用户每天（北京时间）{most} 个红包"),
            ),
            Words::new(format!("this user had {used} today"), format!("该用户今天已有 {used} 个")),
        ),
        "user_day_amount" | "merchant_day_amount" => {
            let (whose, whose_zh) = match setting {
                "user_day_amount" => ("for a user", "每个用户"),
                _ => ("paid out by the merchant", "商户"),
            };
            (
                Words::new(
                    format!("{} {whose} in a Beijing day", yuan(most)),
                    format!("{whose_zh}每天（北京时间）{}", yuan_zh(most)),
                ),
                Words::new(
                    format!("{} today, and {} more was asked for", yuan(used), yuan(asked)),
                    format!("今天已用 {}，本次请求 {}", yuan_zh(used), yuan_zh(asked)),
                ),
            )
        }
        "min_amount" | "max_amount" => {
            let (en, zh) = if setting == "min_amount" { ("at least", "最低") } else { ("at most", "最高") };
            (
                Words::new(format!("{en} {} a packet", yuan(most)), format!("单个红包{zh} {}", yuan_zh(most))),
                Words::new(yuan(asked), yuan_zh(asked)),
            )
        }
        "balance" | "operating_balance" => (
            match setting {
                "balance" => {
                    Words::new("the merchant's basic account must hold the amount", "商户基本账户余额必须足够")
                }
                _ => Words::new(
                    "the merchant's operating account must hold the amount: packets are paid from it alone",
                    "商户运营账户余额必须足够：红包只从运营账户支付",
                ),
            },
            Words::new(
                format!("{} there, {} asked for", yuan(most), yuan(asked)),
                format!("余额 {}，本次请求 {}", yuan_zh(most), yuan_zh(asked)),
            ),
        ),
        other => (
            Words::new(format!("{other}: {most}"), format!("{other}：{most}")),
            Words::new(format!("{used} used, {asked} asked for"), format!("已用 {used}，本次 {asked}")),
        ),
    };
    let how = match setting {
        "balance" => ("top the merchant up and send the same number again", "给商户充值后，用相同单号再次发送"),
        "operating_balance" => {
            ("top the operating account up and send the same number again", "给运营账户充值后，用相同单号再次发送")
        }
        "calls_per_second" => ("send slower, and the same number again", "降低频率，用相同单号重试"),
        "min_amount" | "max_amount" => (
            "change the amount range in the merchant's settings, then send the same number and amount again",
            "在商户设置中修改金额范围，再用相同单号和金额发送",
        ),
        _ => (
            "send the same number again after Beijing midnight (advance the clock), or raise the limit in the merchant's settings",
            "北京时间零点之后（可推进时钟）用相同单号再次发送，或在商户设置中提高限额",
        ),
    };
    let official = text(record).unwrap_or_default();
    let en = format!("a limit was reached ({setting}): {}", found.en);
    let zh = format!("{official}（{setting}）：{}", found.zh);
    let mut out =
        explanation(ExplanationKind::Other, headline(record, &en, &zh), Words::new(how.0, how.1)).with_rule(rule);
    out.field = Some(setting.to_owned());
    out.with_found(found)
}

/// The caller's address.
pub(super) fn address(record: &RequestRecord) -> Explanation {
    let note = record.note.clone().unwrap_or_default();
    let official = text(record).unwrap_or_default();
    let next = Words::new(
        "add the address to allowed_ips in the merchant's settings; at WeChat it is 产品中心 → 现金红包 → 产品设置",
        "在商户设置的 allowed_ips 中加入该地址；正式环境为商户平台 → 产品中心 → 现金红包 → 产品设置",
    );
    let rule = Words::new("an address that the merchant allows (调用IP地址)", "必须是商户设置的调用 IP 地址");
    let mut out = explanation(ExplanationKind::Other, headline(record, &note, &official), next).with_rule(rule);
    out.field = Some("allowed_ips".to_owned());
    out.with_found(Words::new(record.ip.clone(), record.ip.clone()))
}

/// Anything else, as far as the catalogue of codes knows it.
pub(super) fn other(record: &RequestRecord) -> Option<Explanation> {
    if record.status == Some(404) {
        return Some(no_such_path(record));
    }
    if contract(record).is_none() {
        let headline = Words::new(
            format!("the official sandboxes do not serve {}", record.path),
            format!("官方沙箱不提供 {}", record.path),
        );
        let next = Words::new("call the path without the sandbox's prefix", "去掉沙箱前缀后再调用");
        return Some(explanation(ExplanationKind::Other, headline, next));
    }
    if record.code.as_deref().is_none_or(|code| code == "XML_ERROR")
        && let Some(hint) = body::hint(record)
    {
        return Some(hint);
    }
    let official = text(record).unwrap_or_default();
    let entry = entry(record, &official);
    let meaning = match (&record.note, entry) {
        (Some(note), Some(entry)) => format!("{}: {note}", entry.meaning),
        (Some(note), None) => note.clone(),
        (None, Some(entry)) => entry.meaning.to_owned(),
        (None, None) => official.clone(),
    };
    let next = match entry {
        Some(entry) => Words::new(entry.advice, in_chinese(entry.class)),
        None => Words::new(
            "correct the request and send it again; nothing has happened",
            "修正请求后再次发送；本次请求没有生效",
        ),
    };
    let mut out = explanation(ExplanationKind::Other, headline(record, &meaning, &official), next);
    if let Some(note) = &record.note {
        out = out.with_found(Words::new(note.clone(), note.clone()));
    }
    Some(out)
}

fn entry(record: &RequestRecord, official: &str) -> Option<&'static Entry> {
    let contract = contract(record)?;
    if let Some(code) = &record.code {
        return contract.code(code).or_else(|| code::find(code::RED_PACKET_SEND, code));
    }
    contract.codes.iter().chain(code::COMMON).find(|entry| entry.text == official)
}

const fn in_chinese(class: Class) -> &'static str {
    match class {
        Class::SameBill => "结果未知：用相同单号查询，或用相同单号和参数重试，切勿更换单号",
        Class::Final => "本次请求没有生效；程序不要自动重试，请人工确认原因",
        Class::FixConfig => "本次请求没有生效；请修正配置或参数后再发送",
        Class::Wait => "本次请求尚未生效；稍后用相同单号和参数再次发送",
    }
}

fn no_such_path(record: &RequestRecord) -> Explanation {
    let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = last(&record.path);
    let near = routes::ROUTES.iter().map(|route| route.contract.path).find(|path| last(path) == wanted);
    let next = match near {
        Some(path) => Words::new(format!("did you mean {path}?"), format!("是否应为 {path}？")),
        None => Words::new(
            "look at the list of paths in docs/SANDBOX.md; API v3 (/v3/…) is not served",
            "可用路径见 docs/SANDBOX.md；不支持 API v3（/v3/…）",
        ),
    };
    let headline = Words::new(
        format!("there is no path {} (at WeChat's gateway it may exist)", record.path),
        format!("没有路径 {}（微信支付正式网关上可能存在）", record.path),
    );
    explanation(ExplanationKind::Other, headline, next)
}
