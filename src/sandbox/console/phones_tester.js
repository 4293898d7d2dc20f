// Beside the phone, for the tester: who it is, how the user behaves, what may
// be let expire, and what a real phone would not show.

import { path, post, put } from "./api.js";
import { h, replace } from "./dom.js";
import { ago, duration, t, yuan } from "./words.js";
import { icon, userAvatar } from "./phones_draw.js";
import { isStuck, keyOf } from "./phones_chat.js";

const HOUR = 3600;
const WAITING = 6;

/** The strip of a phone. Gives `{node, update, tick, redraw}`. */
export function tester(phone, hooks) {
  const { openid, ctx } = phone;
  const pin = h("button", { class: "btn btn-quiet ph-tool", dataset: { test: "pin" }, on: { click: () => hooks.pin() } }, icon("pin"));
  const close = h("button", { class: "btn btn-quiet ph-tool ph-tool-close", "aria-label": t("Put this phone away", "收起这部手机"), title: t("Put this phone away", "收起这部手机"), dataset: { test: "close-phone" }, on: { click: () => hooks.close() } }, icon("close"));
  const copy = h("button", { class: "btn btn-quiet ph-tool", "aria-label": t("Copy the openid", "复制 openid"), title: t("Copy the openid", "复制 openid"), dataset: { test: "copy-openid" }, on: { click: copyId } }, icon("copy"));
  const kind = h(
    "select",
    { class: "select", dataset: { test: "opens" }, on: { change: save } },
    [
      ["by_hand", t("when you open them", "由你手动拆开")],
      ["after", t("by itself, after a while", "过一段时间自动拆开")],
      ["never", t("never", "从不拆开")],
      ["refuses", t("are refused", "拒收")],
    ].map(([value, words]) => h("option", { value }, words)),
  );
  const hours = h("input", { class: "input ph-hours", type: "number", min: 0, step: "any", dataset: { test: "opens-hours" }, on: { change: save } });
  const hoursField = h("label", { class: "ph-after" }, t("hours later: ", "小时数："), hours);
  const box = (test, words) => {
    const input = h("input", { type: "checkbox", dataset: { test }, on: { change: save } });
    return { input, node: h("label", { class: "ph-check" }, input, h("span", {}, words)) };
  };
  const blocked = box("risk-blocked", t("risk-blocked: packets are held back", "命中风控：红包发不出"));
  const asks = box("asks-password", t("payments by code ask for the password", "付款码支付要输密码"));
  const anonymous = box("no-real-name", t("has no real name", "未实名"));
  const waiting = h("div", { class: "ph-waiting" });
  const notes = h("div", { class: "ph-notes" });
  const node = h(
    "aside",
    { class: "ph-strip", "aria-label": t("For testers", "测试工具"), dataset: { test: "strip" } },
    h("header", { class: "ph-strip-head" }, userAvatar(openid, "ph-avatar-small"), h("span", { class: "grow muted" }, t("For testers", "测试工具")), copy, pin, close, h("button", { class: "btn btn-quiet ph-tool ph-tools-close", "aria-label": t("Close", "关闭"), on: { click: () => phone.tools() } }, icon("close"))),
    h("p", { class: "mono ph-openid", dataset: { test: "openid" } }, openid),
    h("p", { class: "muted mono ph-appid" }),
    h("label", { class: "field" }, t("Red packets open", "红包"), kind),
    hoursField,
    blocked.node,
    asks.node,
    anonymous.node,
    notes,
    waiting,
  );
  let drawn = "";

  async function copyId() {
    try {
      await navigator.clipboard.writeText(openid);
      ctx.toast(t("Copied", "已复制"));
    } catch {
      // A page that may not write to the clipboard selects the text instead.
      getSelection().selectAllChildren(node.querySelector(".ph-openid"));
    }
  }

  async function save() {
    if (phone.data === null) return;
    hoursField.hidden = kind.value !== "after";
    const seconds = Math.round(Math.max(0, Number(hours.value || 2)) * HOUR);
    const opens = kind.value === "after" ? { kind: "after", seconds } : { kind: kind.value };
    try {
      await put(`/users${path(openid)}`, { app_id: phone.data.app_id, risk_blocked: blocked.input.checked, asks_password: asks.input.checked, real_name: !anonymous.input.checked, opens });
    } catch (error) {
      ctx.fail(error);
    }
    await phone.refresh();
  }

  const set = (input, name, value) => {
    if (document.activeElement !== input || name === "checked") input[name] = value;
  };

  function update(data) {
    const { opens, risk_blocked, asks_password, real_name } = data.behaviour ?? {};
    node.querySelector(".ph-appid").textContent = data.app_id;
    set(kind, "value", opens?.kind ?? "by_hand");
    set(hours, "value", String((opens?.seconds ?? 2 * HOUR) / HOUR));
    hoursField.hidden = kind.value !== "after";
    set(blocked.input, "checked", Boolean(risk_blocked));
    set(asks.input, "checked", Boolean(asks_password));
    set(anonymous.input, "checked", real_name === false);
    replace(
      notes,
      data.chat.filter(isStuck).slice(0, WAITING).map(({ packet }) =>
        h("p", { class: `ph-note ${packet.status === "FAILED" ? "ph-note-bad" : ""}`, dataset: { test: "stuck" } }, packet.status === "FAILED" ? t(`Packet ${packet.mch_billno} failed: `, `红包 ${packet.mch_billno} 发放失败：`) : t(`Packet ${packet.mch_billno} is stuck in SENDING: `, `红包 ${packet.mch_billno} 卡在 SENDING：`), packet.reason ?? t("no reason given", "未说明原因"), packet.status === "SENDING" ? h("span", { class: "ph-note-more" }, t("A real phone shows nothing of it.", "真实手机上看不到它。")) : null),
      ),
    );
    wait(data);
  }

  /** What can be let expire: unopened packets and unpaid orders. */
  function wait(data) {
    const now = ctx.now();
    const packets = data.chat.filter((message) => message.kind === "packet" && message.packet.status === "SENT");
    const rows = [
      ...packets.map((message) => ({ key: keyOf(message), what: t("packet", "红包"), number: message.packet.mch_billno, sum: message.packet.total_amount, until: message.expires, expire: `/packets${path(message.packet.mch_id, message.packet.mch_billno)}/expire` })),
      ...data.sheets.map((order) => ({ key: `${order.mch_id}/${order.out_trade_no}`, what: t("order", "订单"), number: order.out_trade_no, sum: order.total_fee, until: Math.min(order.time_expire ?? Infinity, order.prepay_until), expire: `/orders${path(order.mch_id, order.out_trade_no)}/expire` })),
    ].slice(0, WAITING);
    const text = JSON.stringify(rows.map((row) => [row.key, Math.floor((row.until - now) / 60_000)]));
    if (text === drawn) return;
    drawn = text;
    const focus = document.activeElement?.dataset?.expire;
    replace(
      waiting,
      rows.length ? h("h3", {}, t("Still open", "未完成")) : null,
      rows.map((row) =>
        h(
          "div",
          { class: "ph-wait", title: row.what },
          h("span", { class: "grow ph-cut" }, h("span", { class: "mono" }, row.number)),
          h("span", { class: "ph-wait-sum" }, yuan(row.sum)),
          h("span", { class: "muted ph-wait-left", title: duration(row.until - now) }, ago(row.until, now)),
          h("button", { class: "btn ph-expire", title: t("Its time is over now", "让它立即过期"), dataset: { test: "expire", expire: row.key }, on: { click: () => expire(row.expire) } }, t("expire", "过期")),
        ),
      ),
    );
    if (focus) waiting.querySelector(`[data-expire="${CSS.escape(focus)}"]`)?.focus();
  }

  async function expire(route) {
    try {
      await post(route, {});
    } catch (error) {
      ctx.fail(error);
    }
    await phone.refresh();
  }

  function redraw() {
    const pinned = hooks.pinned();
    pin.setAttribute("aria-pressed", String(pinned));
    const words = pinned ? t("Unpin", "取消并排") : t("Pin beside others", "并排固定");
    pin.setAttribute("aria-label", words);
    pin.title = words;
  }

  redraw();
  return { node, update, redraw, tick: () => phone.data && wait(phone.data) };
}
