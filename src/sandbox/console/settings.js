// A merchant's product settings, each with a word of help and its unit; a field
// is saved when it is left, and the server's error stands beside it.

import { path, put } from "./api.js";
import { h, replace } from "./dom.js";
import { t } from "./words.js";

const yuan = { en: "yuan", zh: "元" };

/** What can be set: name, kind, title, help, unit. */
const GROUPS = [
  [
    { en: "Red packets", zh: "现金红包" },
    [
      ["api_open", "switch", { en: "issuing through the API", zh: "API 发放已开通" }, { en: "Off: API_METHOD_CLOSED for every packet.", zh: "关闭后每个红包都返回 API_METHOD_CLOSED。" }],
      ["allowed_ips", "lines", { en: "addresses that may call", zh: "调用 IP 白名单" }, { en: "One address a line; others get NO_AUTH.", zh: "每行一个 IP；其他地址会被拒绝。" }],
      ["min_amount", "fen", { en: "least amount", zh: "单个最小金额" }, { en: "Of one packet, without a scene.", zh: "未传场景时单个红包的下限。" }, yuan],
      ["max_amount", "fen", { en: "greatest amount", zh: "单个最大金额" }, { en: "Of one packet, without a scene.", zh: "未传场景时单个红包的上限。" }, yuan],
      ["calls_per_second", "count", { en: "calls in a second", zh: "每秒调用次数" }, { en: "More: FREQ_LIMIT.", zh: "超过返回 FREQ_LIMIT。" }, { en: "a second", zh: "次/秒" }],
      ["user_day_count", "count", { en: "packets for one user", zh: "单用户日红包数" }, { en: "In a Beijing day.", zh: "按北京时间自然日计。" }, { en: "a day", zh: "个/日" }],
      ["user_day_amount", "fen", { en: "money for one user", zh: "单用户日金额" }, { en: "In a Beijing day.", zh: "按北京时间自然日计。" }, { en: "yuan a day", zh: "元/日" }],
      ["merchant_day_amount", "fen", { en: "money of the merchant", zh: "商户日发放额度" }, { en: "All packets of a Beijing day.", zh: "北京时间自然日内的全部红包。" }, { en: "yuan a day", zh: "元/日" }],
      ["operating_account", "switch", { en: "operating account", zh: "运营账户" }, { en: "On: packets are paid from it and from nothing else.", zh: "开启后红包只从运营账户支出。" }],
      ["not_found_as_system_error", "switch", { en: "unknown numbers as SYSTEMERROR", zh: "查无此单返回 SYSTEMERROR" }, { en: "As gethbinfo once answered, instead of NOT_FOUND.", zh: "gethbinfo 的旧行为，现为 NOT_FOUND。" }],
      ["sub_merchants", "lines", { en: "sub-merchants", zh: "子商户号" }, { en: "One number a line: whom this provider may act for.", zh: "每行一个：服务商可代其发起调用。" }],
    ],
  ],
  [
    { en: "Payments", zh: "支付" },
    [
      ["fee_rate", "count", { en: "fee", zh: "手续费率" }, { en: "60 is 0.60 %.", zh: "60 即 0.60%。" }, { en: "of 10,000", zh: "万分之" }],
      ["password_above", "fen", { en: "password above", zh: "免密上限" }, { en: "A payment by code above it asks for the password: USERPAYING.", zh: "付款码支付超过此额需输密码：USERPAYING。" }, yuan],
      ["paid_code_is_refused", "switch", { en: "a paid code comes again: ORDERPAID", zh: "已支付的付款码单再来返回 ORDERPAID" }, { en: "Off: it is answered with the payment.", zh: "关闭时返回原支付结果。" }],
      ["native_needs_product_id", "switch", { en: "NATIVE needs product_id", zh: "NATIVE 必须带 product_id" }, { en: "Off: it may be left out.", zh: "关闭时可以不传。" }],
      ["native_callback_url", "text", { en: "callback for static codes", zh: "扫码支付回调 URL" }, { en: "Asked when somebody scans a static code.", zh: "用户扫描静态码时调用。" }],
      ["h5_granted", "switch", { en: "product H5", zh: "H5 支付已开通" }, { en: "Off: no mweb_url.", zh: "关闭时没有 mweb_url。" }],
      ["h5_referer", "text", { en: "H5 page begins with", zh: "H5 来源页前缀" }, { en: "The browser's Referer; any if empty.", zh: "浏览器 Referer 的开头；留空不限。" }],
      ["refund_notify_url", "text", { en: "refunds are told to", zh: "退款通知 URL" }, { en: "For refunds that name no address.", zh: "退款请求未带地址时使用。" }],
      ["close_after_seconds", "count", { en: "an order can be closed after", zh: "下单后多久可关单" }, { en: "WeChat asks for five minutes.", zh: "微信要求五分钟后。" }, { en: "seconds", zh: "秒" }],
      ["close_unknown_succeeds", "switch", { en: "closing an unknown order succeeds", zh: "关闭不存在的订单也成功" }, { en: "Off: ORDERNOTEXIST.", zh: "关闭时返回 ORDERNOTEXIST。" }],
    ],
  ],
];

/** Fen of a text in yuan, `null` if it is none. */
export function fenOf(text) {
  const found = /^\s*([\d,]{1,13})(?:\.(\d{1,2}))?\s*$/.exec(text);
  return found ? Number(found[1].replaceAll(",", "")) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

const KINDS = {
  fen: {
    show: (value) => `${Math.trunc(value / 100)}.${String(value % 100).padStart(2, "0")}`,
    read(text) {
      const fen = fenOf(text);
      if (fen === null) throw { message: t("an amount in yuan, as in 1.88", "请填写以元为单位的金额，如 1.88") };
      return fen;
    },
  },
  count: {
    show: String,
    read(text) {
      if (!/^\s*\d{1,15}\s*$/.test(text)) throw { message: t("a whole number, not below zero", "请填写不小于零的整数") };
      return Number(text);
    },
  },
  lines: { show: (value) => value.join("\n"), read: (text) => text.split(/[\s,]+/).filter(Boolean) },
  text: { show: String, read: (text) => text.trim() },
};

/** What a setting is that this page does not know yet. */
function kindOf(value) {
  if (typeof value === "boolean") return "switch";
  if (typeof value === "number") return "count";
  return Array.isArray(value) ? "lines" : typeof value === "string" ? "text" : null;
}

/** The form of one merchant: `show(settings)` brings it up to date. */
export function settingsForm(mch_id, changed) {
  const fields = new Map();
  const rest = h("div", { class: "me-fields" });

  function field([name, kind, title, help, unit]) {
    const error = h("span", { class: "pa-error", role: "alert", hidden: true, dataset: { test: `error-${name}` } });
    const note = h("span", { class: "me-saved ok", "aria-live": "polite" });
    const input = kind === "switch" ? h("input", { type: "checkbox", role: "switch", class: "me-switch", dataset: { test: `set-${name}` } }) : h(kind === "lines" ? "textarea" : "input", { class: `input ${kind === "text" || kind === "lines" ? "grow" : "me-number"}`, rows: kind === "lines" ? 2 : null, spellcheck: "false", inputmode: kind === "fen" ? "decimal" : kind === "count" ? "numeric" : null, dataset: { test: `set-${name}` } });
    const own = { input, kind, value: undefined };
    const node = h("div", { class: `me-field ${kind === "switch" ? "me-field-switch" : ""}` }, h("label", { class: "me-label" }, h("span", { class: "me-title" }, t(title), note), h("span", { class: "me-input" }, input, unit ? h("span", { class: "muted" }, t(unit)) : null)), h("span", { class: "me-help muted" }, t(help)), error);
    input.setAttribute("aria-description", t(help));
    async function save() {
      try {
        const value = kind === "switch" ? input.checked : KINDS[kind].read(input.value);
        if (JSON.stringify(value) !== JSON.stringify(own.value)) {
          const settings = await put(`/merchants${path(mch_id)}/settings`, { [name]: value });
          note.textContent = t(" saved", " 已保存");
          setTimeout(() => (note.textContent = ""), 2000);
          own.value = settings[name];
          changed(settings);
        }
        fill(own, own.value);
        input.removeAttribute("aria-invalid");
        error.hidden = true;
      } catch (failure) {
        error.textContent = [failure.message, failure.next_step].filter(Boolean).join(". ");
        error.hidden = false;
        input.setAttribute("aria-invalid", "true");
        if (kind === "switch") input.checked = own.value;
      }
    }
    input.addEventListener("change", save);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && kind !== "lines" && kind !== "switch") save();
      if (event.key === "Escape") {
        fill(own, own.value);
        error.hidden = true;
        input.removeAttribute("aria-invalid");
      }
    });
    fields.set(name, own);
    return node;
  }

  function fill({ input, kind }, value) {
    if (kind === "switch") input.checked = value;
    else input.value = KINDS[kind].show(value);
  }

  const node = h("div", { class: "stack" }, GROUPS.map(([title, rows]) => h("fieldset", { class: "me-group" }, h("legend", {}, t(title)), h("div", { class: "me-fields" }, rows.map(field)))), rest);
  return {
    node,
    show(settings) {
      const unknown = Object.keys(settings).filter((name) => !fields.has(name) && kindOf(settings[name]));
      if (unknown.length) replace(rest, [...rest.childNodes], unknown.map((name) => field([name, kindOf(settings[name]), { en: name }, { en: "" }])));
      for (const [name, own] of fields) {
        if (!(name in settings)) continue;
        const same = JSON.stringify(own.value) === JSON.stringify(settings[name]);
        own.value = settings[name];
        // What somebody is typing stays.
        if (!same && document.activeElement !== own.input && !own.input.hasAttribute("aria-invalid")) fill(own, own.value);
      }
    },
  };
}
