// Names of what the sandbox knows by codes, in both languages.

import { t } from "./words.js";

/** The paths of the gateway, those of payouts first. */
export const ENDPOINTS = [
  ["/mmpaymkttransfers/sendredpack", { en: "send a red packet", zh: "发放红包" }],
  ["/mmpaymkttransfers/sendgroupredpack", { en: "send a group packet", zh: "发放裂变红包" }],
  ["/mmpaymkttransfers/gethbinfo", { en: "query a packet", zh: "查询红包" }],
  ["/pay/unifiedorder", { en: "place an order", zh: "统一下单" }],
  ["/pay/micropay", { en: "payment by code", zh: "付款码支付" }],
  ["/pay/orderquery", { en: "query an order", zh: "查询订单" }],
  ["/pay/closeorder", { en: "close an order", zh: "关闭订单" }],
  ["/secapi/pay/reverse", { en: "reverse a payment", zh: "撤销订单" }],
  ["/secapi/pay/refund", { en: "refund", zh: "申请退款" }],
  ["/pay/refundquery", { en: "query refunds", zh: "查询退款" }],
  ["/pay/downloadbill", { en: "trade bill", zh: "下载交易账单" }],
  ["/pay/downloadfundflow", { en: "fund bill", zh: "下载资金账单" }],
  ["/billcommentsp/batchquerycomment", { en: "comments", zh: "拉取评价" }],
  ["/tools/shorturl", { en: "shorten a link", zh: "转换短链接" }],
  ["/tools/authcodetoopenid", { en: "openid of a code", zh: "付款码查询 openid" }],
  ["/payitil/report", { en: "report", zh: "交易保障上报" }],
];

/** What a path does, if the page knows it; below an official sandbox's prefix too. */
export function endpoint(path) {
  const plain = path.replace(/^\/sandboxnew|^\/xdc\/apiv2sandbox/, "");
  const found = ENDPOINTS.find(([own]) => own === plain || own.replace(/^\/secapi/, "") === plain);
  return found ? t(found[1]) : "";
}

/** The last word of a path. */
export const shortPath = (path) => path.split("/").pop() || path;

/** Failures on demand: kind, name, what happens, and the field that it needs. */
export const FAULTS = [
  ["hang_up_after", { en: "answer lost", zh: "应答丢失" }, { en: "The money moves, the connection ends without an answer.", zh: "资金已变动，连接断开，没有应答。" }],
  ["hang_up_before", { en: "request lost", zh: "请求丢失" }, { en: "The connection ends, nothing has happened.", zh: "连接断开，什么也没有发生。" }],
  ["system_error_after", { en: "SYSTEMERROR, done", zh: "SYSTEMERROR（已执行）" }, { en: "The money moves, then SYSTEMERROR.", zh: "资金已变动，但应答 SYSTEMERROR。" }],
  ["system_error_before", { en: "SYSTEMERROR, not done", zh: "SYSTEMERROR（未执行）" }, { en: "SYSTEMERROR, nothing has happened.", zh: "应答 SYSTEMERROR，什么也没有发生。" }],
  ["processing", { en: "PROCESSING", zh: "PROCESSING" }, { en: "A packet stays in SENDING and the answer is PROCESSING; any other call goes through.", zh: "红包停留在 SENDING，应答 PROCESSING；其他接口照常。" }],
  ["delay", { en: "late answer", zh: "应答延迟" }, { en: "Everything is done, the answer comes late.", zh: "全部执行，但应答来得很晚。" }, { name: "millis", value: 3000, en: "milliseconds", zh: "毫秒" }],
  ["garbage", { en: "garbage", zh: "乱码应答" }, { en: "Everything is done, the answer is no XML.", zh: "全部执行，但应答不是 XML。" }],
  ["truncated_body", { en: "answer cut off", zh: "应答截断" }, { en: "Everything is done, the answer breaks off half way.", zh: "全部执行，但应答中途断开。" }],
  ["bad_gateway", { en: "502", zh: "502 网关错误" }, { en: "HTTP status 502, nothing has happened.", zh: "HTTP 502，什么也没有发生。" }],
  ["refuse", { en: "refused with a code", zh: "按错误码拒绝" }, { en: "This error code with its official text, nothing has happened.", zh: "以官方文案返回此错误码，什么也没有发生。" }, { name: "code", value: "NOTENOUGH", en: "error code", zh: "错误码" }],
];

/** What goes wrong with the next notification, as `FAULTS`. */
export const NOTICE_FAULTS = [
  ["missing", { en: "never sent", zh: "不发送" }, { en: "Your backend must find out by a query.", zh: "商户只能靠主动查询得知结果。" }],
  ["delayed", { en: "late", zh: "延迟发送" }, { en: "It is sent late, on the sandbox's clock.", zh: "按沙箱时钟延迟发送。" }, { name: "seconds", value: 600, en: "seconds", zh: "秒" }],
  ["duplicate", { en: "more than once", zh: "重复发送" }, { en: "It is sent so often besides, whatever the answers.", zh: "无论应答如何，都会额外重复发送。" }, { name: "times", value: 3, en: "times more", zh: "额外次数" }],
  ["wrong_sign", { en: "wrong signature", zh: "签名错误" }, { en: "Signed or encrypted with a wrong key: it must not be believed.", zh: "用错误的密钥签名或加密：不得相信。" }],
  ["lower_case_sign", { en: "lower-case signature", zh: "小写签名" }, { en: "The signature is in lower-case hex, which is legal.", zh: "签名是小写十六进制，这是合法的。" }],
  ["wrong_amount", { en: "another amount", zh: "金额不符" }, { en: "It tells one fen more, well signed: compare it with your order.", zh: "多报一分，签名正确：请与订单核对。" }],
  ["unknown_field", { en: "a new field", zh: "新增字段" }, { en: "It has a field that nobody knows yet, signed along: legal.", zh: "带有未知的新字段并参与签名，这是合法的。" }],
  ["foreign_merchant", { en: "another merchant", zh: "商户不符" }, { en: "It names another merchant, well signed.", zh: "写着别的商户号，签名正确。" }],
  ["xxe", { en: "XXE attack", zh: "XXE 攻击" }, { en: "It begins with a DOCTYPE that asks for a local file.", zh: "开头的 DOCTYPE 试图读取本地文件。" }],
];

const byKind = (table, fault) => table.find(([kind]) => kind === fault.kind);

/** A fault in words, with what was set for it. */
export function faultName(fault, table = FAULTS) {
  const row = byKind(table, fault);
  if (!row) return fault.kind;
  const field = row[3];
  return field ? `${t(row[1])} · ${fault[field.name]} ${field.name === "code" ? "" : t(field)}`.trim() : t(row[1]);
}

/** What a fault does. */
export const faultEffect = (fault, table = FAULTS) => t(byKind(table, fault)?.[2] ?? { en: "", zh: "" });

const REASONS = {
  top_up: { en: "top-up", zh: "充值" },
  sent: { en: "packet sent", zh: "红包发出" },
  received: { en: "packet opened", zh: "红包领取" },
  refunded: { en: "packet came back", zh: "红包退回" },
  charged: { en: "from the user's bank", zh: "银行扣款" },
  paid: { en: "order paid", zh: "订单支付" },
  coupon: { en: "coupon", zh: "代金券" },
  fee: { en: "fee", zh: "手续费" },
  fee_returned: { en: "fee returned", zh: "手续费退回" },
  fee_taken_again: { en: "fee taken again", zh: "手续费重新收取" },
  fee_reversed: { en: "fee reversed", zh: "手续费撤销" },
  refund_taken: { en: "refund taken", zh: "退款扣款" },
  refund_paid: { en: "refund paid", zh: "退款到账" },
  refund_closed: { en: "refund closed", zh: "退款关闭" },
  reversed: { en: "payment reversed", zh: "支付撤销" },
  moved: { en: "moved between own accounts", zh: "账户间划转" },
};

/** Why money moved. */
export const reason = (code) => (REASONS[code] ? t(REASONS[code]) : code);

/** An account as the API writes it: its kind, and whose it is. */
export function accountParts(account) {
  if (typeof account === "string") return [account, ""];
  return Object.entries(account)[0] ?? ["", ""];
}

const ACCOUNTS = {
  world: { en: "outside world", zh: "外部资金" },
  platform: { en: "platform", zh: "平台" },
  merchant: { en: "merchant", zh: "商户" },
  operating: { en: "operating account", zh: "运营账户" },
  transit: { en: "unopened packets", zh: "未领红包" },
  refunds: { en: "refunds under way", zh: "退款在途" },
  user: { en: "user", zh: "用户" },
};

/** The kind of an account, in words. */
const accountKind = (kind) => (ACCOUNTS[kind] ? t(ACCOUNTS[kind]) : kind);

/** An account in words. */
export function account(value) {
  const [kind, whose] = accountParts(value);
  return whose ? `${accountKind(kind)} ${whose}` : accountKind(kind);
}

const COMING = {
  packet_expires: { en: "packet expires", zh: "红包过期" },
  packet_back: { en: "packet back with its merchant", zh: "红包退回商户" },
  packet_opened: { en: "packet opened by its user", zh: "用户领取红包" },
  packet_closed: { en: "stuck packet closed", zh: "滞留红包关闭" },
  refund_ends: { en: "refund arrives", zh: "退款到账" },
  notice: { en: "notification posted", zh: "发送通知" },
  password_over: { en: "password wait over", zh: "密码输入超时" },
  order_expires: { en: "order expires", zh: "订单过期" },
  quota_turns: { en: "day limits begin anew", zh: "日限额重新计算" },
  certificate_expires: { en: "certificate expires", zh: "证书过期" },
};

/** What the clock will trigger. */
export const coming = (code) => (COMING[code] ? t(COMING[code]) : code);
