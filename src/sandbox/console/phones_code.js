// The code that a user shows (付款码), and the scanner for those of others.

import { path, post } from "./api.js";
import { h, list, replace } from "./dom.js";
import { t, yuan } from "./words.js";
import { avatar, bar, methodName } from "./phones_draw.js";
import { barcode } from "./phones_code128.js";

/** The page with the barcode. A code is good for a minute and one payment. */
export function codePage(phone) {
  const face = h("div", { class: "ph-code-face" });
  const left = h("p", { class: "ph-code-left", "aria-live": "off", dataset: { test: "code-left" } });
  const node = h(
    "div",
    { class: "ph-page ph-code" },
    bar(t("Pay code", "付款码"), () => phone.back(), "ph-bar-green"),
    h("div", { class: "ph-scroll" }, h("div", { class: "ph-code-card" }, h("h3", {}, t("Show this to the merchant", "向商家付款")), face, left, h("p", { class: "ph-code-way" }, h("span", { class: "ph-code-coin" }, "¥"), methodName("OTHERS")))),
  );
  let code = null;
  let drawn = null;
  let asking = false;
  let payments = null;

  async function fresh() {
    if (asking) return;
    asking = true;
    try {
      await post(`/users${path(phone.openid)}/code`, {});
    } catch (error) {
      phone.ctx.fail(error);
    }
    await phone.refresh();
    asking = false;
  }

  function draw() {
    const now = phone.now();
    const over = code === null || now >= code.until;
    const text = code === null ? "" : `${code.auth_code}${over}`;
    left.textContent = over ? "" : t(`Good for ${Math.ceil((code.until - now) / 1000)} s`, `${Math.ceil((code.until - now) / 1000)} 秒后失效`);
    if (text === drawn || asking) return;
    drawn = text;
    replace(
      face,
      code ? h("div", { class: over ? "ph-code-over" : "" }, barcode(code.auth_code), h("p", { class: "ph-code-digits", dataset: { test: "auth-code", code: code.auth_code } }, code.auth_code.replace(/(\d{4})(?=\d)/g, "$1 "))) : null,
      over ? h("button", { class: "ph-code-again", dataset: { test: "code-again" }, on: { click: fresh } }, code === null ? t("Show a code", "显示付款码") : t("Expired. Show a new one", "已失效，点击刷新")) : null,
    );
  }

  function update(data) {
    const paid = data.chat.filter((message) => message.kind === "payment" && message.order.trade_type === "MICROPAY").map((message) => message.order);
    // The cashier scanned it, and that was all it took.
    const before = payments;
    payments = new Set(paid.map((order) => order.transaction_id));
    const arrived = before === null ? null : paid.find((order) => !before.has(order.transaction_id));
    if (arrived) {
      phone.show("paid", arrived);
      return;
    }
    if (data.code) code = data.code;
    else if (code === null && before === null) fresh();
    else if (code !== null && data.now < code.until) code = { ...code, until: data.now };
    draw();
  }

  return { node, update, tick: draw };
}

/** The page that scans: a code from the list, or a pasted one. */
export function scanPage(phone) {
  const beam = h("div", { class: "ph-beam" });
  const field = h("input", { class: "ph-scan-input", "aria-label": t("Text of a code", "二维码内容"), placeholder: "weixin://wxpay/bizpayurl?pr=…", autocomplete: "off", spellcheck: "false", dataset: { test: "scan-text" } });
  const codes = h("div", { class: "ph-scan-list" });
  const nothing = h("p", { class: "ph-small" }, t("No NATIVE order is open.", "没有待支付的扫码订单。"));
  const go = h("button", { class: "ph-green ph-scan-go", dataset: { test: "scan-go" } }, t("Scan", "识别"));
  const form = h("form", { class: "ph-scan-form", on: { submit: (event) => (event.preventDefault(), read(field.value.trim())) } }, field, go);
  const node = h(
    "div",
    { class: "ph-page ph-scan" },
    bar(t("Scan", "扫一扫"), () => phone.back(), "ph-bar-dark"),
    h("div", { class: "ph-frame" }, ["a", "b", "c", "d"].map((corner) => h("i", { class: `ph-corner-${corner}` })), beam),
    h("p", { class: "ph-scan-hint" }, t("Pick a code, or paste one", "选择或粘贴二维码")),
    h("div", { class: "ph-scan-tray" }, form, nothing, codes),
  );

  async function read(code) {
    if (code === "") return field.focus();
    node.classList.add("ph-busy");
    try {
      const order = await post("/scan", { code, openid: phone.openid });
      phone.openSheet(order);
    } catch (error) {
      phone.ctx.fail(error);
    }
    node.classList.remove("ph-busy");
  }

  function update(data) {
    nothing.hidden = data.native.length > 0;
    list(
      codes,
      data.native.slice(0, 20).map(({ mch_id, out_trade_no, body, total_fee, code_url }) => ({ mch_id, out_trade_no, body, total_fee, code_url })),
      (order) => `${order.mch_id}/${order.out_trade_no}`,
      (order) =>
        h("button", { class: "ph-scan-code", dataset: { test: "scan-code", key: `${order.mch_id}/${order.out_trade_no}` }, on: { click: () => read(order.code_url) } }, avatar(phone.nameOf(order.mch_id), null, "ph-avatar-small"), h("span", { class: "grow ph-cut" }, order.body || order.out_trade_no), h("b", {}, `¥${yuan(order.total_fee)}`)),
    );
  }

  return { node, update };
}
