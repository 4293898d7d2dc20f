// The cashier (收银台): the sheet from below, the password, and the page after it.

import { path, post } from "./api.js";
import { h, replace } from "./dom.js";
import { t, yuan } from "./words.js";
import { bar, fact, icon, methods, methodName } from "./phones_draw.js";

const DIGITS = 6;
// Remembered while the page is open, as a phone does.
let method = "OTHERS";

/** The key of what a sheet asks for: a payment by code may come again under its number. */
export const sheetKey = (order) => `${order.mch_id}/${order.out_trade_no}/${order.created}`;

/** A payment by code that waits for the password. */
export const wantsPassword = (order) => order.trade_state === "USERPAYING";

const orderPath = (order) => `/orders${path(order.mch_id, order.out_trade_no)}`;

/** Coupons that the sheet offers: none, or a tenth of the amount, from either purse. */
function offers(order) {
  const fee = Math.floor(order.total_fee / 10);
  if (fee === 0) return [{ name: t("None", "不使用"), coupons: [] }];
  return [
    { name: t("None", "不使用"), coupons: [] },
    { name: t(`CASH coupon -¥${yuan(fee)}`, `代金券(充值) -¥${yuan(fee)}`), coupons: [["CASH", fee]] },
    { name: t(`NO_CASH coupon -¥${yuan(fee)}`, `代金券(免充值) -¥${yuan(fee)}`), coupons: [["NO_CASH", fee]] },
  ];
}

/** The sheet for an order, above whatever the phone shows. */
export function paySheet(phone, order) {
  const state = { coupon: 0, busy: false };
  const coupons = offers(order);
  const sheet = h("div", { class: "ph-sheet", role: "dialog", "aria-label": t("Payment", "支付"), dataset: { test: "sheet", key: `${order.mch_id}/${order.out_trade_no}` } });
  const node = h("div", { class: "ph-veil ph-veil-low" }, sheet);
  const view = { node, focus: null, key: sheetKey(order), close: cancel };

  const head = (title) =>
    h("header", { class: "ph-sheet-head" }, h("button", { class: "ph-sheet-close", "aria-label": t("Cancel", "取消"), dataset: { test: "sheet-cancel" }, on: { click: cancel } }, icon("close")), h("h3", {}, title), h("span", {}));

  const due = () => order.total_fee - coupons[state.coupon].coupons.reduce((sum, [, fee]) => sum + fee, 0);
  const sums = () => [
    h("p", { class: "ph-sheet-to" }, phone.nameOf(order.mch_id)),
    h("p", { class: "ph-amount", dataset: { test: "sheet-amount" } }, `¥${yuan(due())}`),
    state.coupon ? h("p", { class: "ph-was" }, `¥${yuan(order.total_fee)}`) : null,
  ];

  function choose(title, items, current, take) {
    replace(
      sheet,
      h("header", { class: "ph-sheet-head" }, h("button", { class: "ph-sheet-close", "aria-label": t("Back", "返回"), on: { click: ask } }, icon("back")), h("h3", {}, title), h("span", {})),
      items.map((item, position) =>
        h("button", { class: "ph-choice", "aria-pressed": String(position === current), dataset: { test: "choice" }, on: { click: () => (take(position), ask()) } }, h("span", {}, item.name), position === current ? icon("tick") : null),
      ),
    );
    sheet.querySelector(".ph-choice")?.focus({ preventScroll: true });
  }

  function ask() {
    const ways = methods();
    const way = ways.findIndex((way) => way.bank_type === method);
    const pay = h("button", { class: "ph-green", dataset: { test: "confirm-pay" }, on: { click: () => send(pay) } }, t("Confirm payment", "确认支付"));
    replace(
      sheet,
      head(t("Confirm payment", "确认付款")),
      sums(),
      h(
        "div",
        { class: "ph-rows" },
        h("p", { class: "ph-row-fixed" }, h("span", {}, t("Goods", "商品")), h("span", { class: "ph-cut" }, order.body)),
        h("button", { class: "ph-row-choice", dataset: { test: "pay-coupon" }, on: { click: () => choose(t("Discounts", "选择优惠"), coupons, state.coupon, (position) => (state.coupon = position)) } }, h("span", {}, t("Discount", "优惠")), h("span", { class: "ph-cut" }, coupons[state.coupon].name), icon("back", "ph-turn")),
        h("button", { class: "ph-row-choice", dataset: { test: "pay-method" }, on: { click: () => choose(t("Payment method", "选择付款方式"), ways, way, (position) => (method = ways[position].bank_type)) } }, h("span", {}, t("Payment method", "付款方式")), h("span", { class: "ph-cut" }, methodName(method)), icon("back", "ph-turn")),
      ),
      pay,
    );
    view.focus = pay;
    if (node.isConnected) pay.focus({ preventScroll: true });
  }

  function password() {
    let entered = 0;
    const dots = h("div", { class: "ph-dots", "aria-label": t("Password", "密码"), dataset: { test: "dots" } });
    const draw = () => replace(dots, Array.from({ length: DIGITS }, (_, position) => h("span", { class: position < entered ? "ph-dot" : "" })));
    const press = (key) => {
      if (state.busy) return;
      entered = key === "erase" ? Math.max(0, entered - 1) : Math.min(DIGITS, entered + 1);
      draw();
      if (entered === DIGITS) send(null).then(() => ((entered = 0), draw()));
    };
    const pad = h(
      "div",
      { class: "ph-pad" },
      ["1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "erase"].map((key) => (key === "" ? h("span", {}) : h("button", { class: "ph-key", "aria-label": key === "erase" ? t("Delete", "删除") : key, dataset: { test: `key-${key}` }, on: { click: () => press(key) } }, key === "erase" ? icon("erase") : key))),
    );
    replace(sheet, head(t("Enter the payment password", "请输入支付密码")), sums(), h("p", { class: "ph-small" }, methodName(method), " · ", t("any six digits will do", "任意六位数字即可")), dots, pad);
    sheet.tabIndex = -1;
    sheet.classList.add("ph-sheet-pad");
    // The page's own keys are digits too.
    sheet.addEventListener("keydown", (event) => {
      if (/^\d$/.test(event.key)) press(event.key);
      else if (event.key === "Backspace") press("erase");
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    draw();
    view.focus = sheet;
  }

  async function send(button) {
    if (state.busy) return;
    state.busy = true;
    if (button) button.disabled = true;
    sheet.classList.add("ph-busy");
    try {
      const paid = await post(`${orderPath(order)}/pay`, { openid: phone.openid, bank_type: method, coupons: coupons[state.coupon].coupons });
      phone.uncover();
      phone.show("paid", paid);
      await phone.refresh();
    } catch (error) {
      phone.ctx.fail(error);
      await phone.refresh();
    } finally {
      state.busy = false;
      if (button) button.disabled = false;
      sheet.classList.remove("ph-busy");
    }
  }

  /** Turning away fails a payment by code; any other order stays open. */
  async function cancel() {
    if (state.busy) return;
    phone.uncover();
    try {
      await post(`${orderPath(order)}/cancel`, {});
    } catch (error) {
      phone.ctx.fail(error);
    }
    await phone.refresh();
  }

  if (wantsPassword(order)) password();
  else ask();
  return view;
}

/** The page with the green tick. */
export function paidPage(phone, order) {
  const off = (order.coupons ?? []).reduce((sum, coupon) => sum + coupon.fee, 0);
  const done = h("button", { class: "ph-done", dataset: { test: "paid-done" }, on: { click: () => phone.home() } }, t("Done", "完成"));
  const node = h(
    "div",
    { class: "ph-page ph-white ph-paid", dataset: { test: "paid" } },
    bar("", null),
    h("div", { class: "ph-paid-tick" }, icon("tick")),
    h("p", { class: "ph-paid-words" }, t("Payment successful", "支付成功")),
    h("p", { class: "ph-paid-to" }, phone.nameOf(order.mch_id)),
    h("p", { class: "ph-amount", dataset: { test: "paid-amount" } }, `¥${yuan(order.total_fee - off)}`),
    h("dl", { class: "ph-facts" }, off ? [fact(t("Ordered", "订单金额"), `¥${yuan(order.total_fee)}`), fact(t("Discount", "优惠"), `-¥${yuan(off)}`)] : null, fact(t("From", "付款方式"), methodName(order.bank_type))),
    done,
  );
  return { node, focus: done };
}
