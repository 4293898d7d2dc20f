// Programs to paste: they name this sandbox's addresses and directory, and read
// the key from merchant.json.

/** What they are written in. */
export const LANGUAGES = [
  ["hongbao", "hongbao"],
  ["python", "Python"],
  ["wechatpy", "wechatpy"],
  ["rust", "Rust"],
];

/** Those in which a mistake can be made; the program makes none. */
export const MISTAKEN = LANGUAGES.slice(1);

/** A text inside a quoted word of a shell. */
const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
/** A text as Python and Rust both read it. */
const quoted = (text) => JSON.stringify(text);

/** An openid belongs to one appid, so each merchant has a user of its own. */
export function receiver(merchants, merchant) {
  const place = merchants.findIndex((other) => other.app_id === merchant.app_id);
  return place <= 0 ? "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk" : `oQx4r0Z1a2b3c4d5e6f7g8h9i${String(place + 1).padStart(3, "0")}`;
}

/** The program that sends a packet. */
export function snippet(language, facts) {
  return write[language](facts, null);
}

/** The same with one mistake: another merchant's key, or one that nobody has. */
export function broken(language, facts) {
  const wrong = { ...facts, number: `${facts.number}X` };
  return write[language](wrong, facts.other ?? "");
}

const write = {
  hongbao: ({ directory, mch_id, openid, number }) => `hongbao redpack send --sandbox ${shell(directory)} --merchant ${mch_id} \\\n  --to ${openid} --amount 1.88 --bill-no ${number}`,

  python: ({ directory, gateway, mch_id, openid, number }, mistake) => `import hashlib, json, requests, uuid

home = ${quoted(`${directory}/merchants/${mch_id}/`)}
shop = json.load(open(home + "merchant.json", encoding="utf-8"))
${wrongKey(mistake, directory)}fields = dict(mch_billno="${number}", re_openid="${openid}", total_amount=188, total_num=1,
              send_name=shop["name"], wishing="早安，今天也要加油", act_name="签到有礼", remark="连续签到七天",
              client_ip="127.0.0.1", nonce_str=uuid.uuid4().hex, mch_id=shop["mch_id"], wxappid=shop["app_id"])
text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + "&key=" + shop["api_key"]
fields["sign"] = hashlib.md5(text.encode()).hexdigest().upper()
body = "<xml>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()) + "</xml>"
answer = requests.post(${quoted(`${gateway}/mmpaymkttransfers/sendredpack`)}, body.encode(),
                       cert=(home + "apiclient_cert.pem", home + "apiclient_key.pem"), verify=${quoted(`${directory}/ca.pem`)})
print(answer.content.decode())
`,

  wechatpy: ({ directory, gateway, mch_id, openid, number }, mistake) => `import json, os
from wechatpy import WeChatPay  # pip install 'wechatpy[cryptography]'

os.environ["REQUESTS_CA_BUNDLE"] = ${quoted(`${directory}/ca.pem`)}
WeChatPay.API_BASE_URL = ${quoted(`${gateway}/`)}
home = ${quoted(`${directory}/merchants/${mch_id}/`)}
shop = json.load(open(home + "merchant.json", encoding="utf-8"))
${wrongKey(mistake, directory)}pay = WeChatPay(shop["app_id"], shop["api_key"], shop["mch_id"],
                mch_cert=home + "apiclient_cert.pem", mch_key=home + "apiclient_key.pem")
print(pay.redpack.send("${openid}", 188, shop["name"], "签到有礼", "早安，今天也要加油", "连续签到七天",
                       client_ip="127.0.0.1", out_trade_no="${number}"))
`,

  rust: ({ directory, gateway, mch_id, openid, number }, mistake) => `// cargo add serde_json tokio --features tokio/full, and hongbao
use hongbao::wire::Digest;
use hongbao::{BillNo, Cert, Client, Endpoint, Entity, OpenId, Secret, redpack};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = ${quoted(`${directory}/merchants/${mch_id}`)};
    let shop: serde_json::Value = serde_json::from_slice(&std::fs::read(format!("{home}/merchant.json"))?)?;
    let text = |name: &str| shop[name].as_str().unwrap_or_default().to_owned();
${rustKey(mistake, directory)}    let config = Entity {
        name: text("name"),
        app_id: text("app_id"),
        mch_id: text("mch_id"),
        key: Secret::new(${mistake === null ? 'text("api_key")' : "key"}),
        cert: Cert::p12_file(format!("{home}/apiclient_cert.p12")),
        endpoint: Endpoint::at(${quoted(gateway)}, std::fs::read(${quoted(`${directory}/ca.pem`)})?),
        digest: Digest::Md5,
        sub_merchant: None,
    };
    let packet = redpack::Packet {
        mch_billno: BillNo::new("${number}")?, // stored before the first attempt, and never another one
        re_openid: OpenId::new("${openid}")?,
        total_amount: "1.88".parse()?,
        send_name: config.name.clone(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天".into(),
        client_ip: "127.0.0.1".parse()?,
        extra: redpack::Extra::default(),
    };
    let sent = Client::new(&config)?.send(&packet).await?;
    println!("accepted as {}", sent.send_listid);
    Ok(())
}
`,
};

/** The line with the mistake, if there is to be one. */
function wrongKey(mistake, directory) {
  if (mistake === null) return "";
  const line = 'shop["api_key"] = ';
  return mistake ? `${line}json.load(open(${quoted(`${directory}/merchants/${mistake}/merchant.json`)}, encoding="utf-8"))["api_key"]  # the mistake\n` : `${line}"0" * 32  # the mistake\n`;
}

function rustKey(mistake, directory) {
  if (mistake === null) return "";
  if (!mistake) return '    let key = "0".repeat(32); // the mistake\n';
  return `    let other = std::fs::read(${quoted(`${directory}/merchants/${mistake}/merchant.json`)})?; // the mistake
    let key = serde_json::from_slice::<serde_json::Value>(&other)?["api_key"].as_str().unwrap_or_default().to_owned();
`;
}
