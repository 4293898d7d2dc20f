// One phone: its glass, what lies on it, and what is known of its user.

import { get, path, query } from "./api.js";
import { h, replace, svg } from "./dom.js";
import { t, time } from "./words.js";
import { bill, chat, keyOf } from "./phones_chat.js";
import { card, packetPage } from "./phones_packet.js";
import { paidPage, paySheet, sheetKey, wantsPassword } from "./phones_pay.js";
import { codePage, scanPage } from "./phones_code.js";
import { walletPage } from "./phones_wallet.js";
import { tester } from "./phones_tester.js";

const PAGES = { chat, bill, packet: packetPage, paid: paidPage, code: codePage, scan: scanPage, wallet: walletPage };
const MESSAGES = 30;

// Where each phone was left, so that a change of language does not lose it.
const places = new Map();

function statusBar() {
  const clock = h("span", { class: "ph-clock", dataset: { test: "phone-clock" } });
  const signs = svg("svg", { viewBox: "0 0 64 16", class: "ph-signs", "aria-hidden": "true" }, svg("path", { d: "M2 14v-4M7 14V8M12 14V5.500M17 14V3", class: "ph-signs-line" }), svg("path", { d: "M25 7.500a8 8 0 0 1 11 0M28 10.500a4 4 0 0 1 5 0", class: "ph-signs-line" }), svg("circle", { cx: 30.500, cy: 13, r: 1.300 }), svg("rect", { x: 43.500, y: 3.500, width: 16, height: 10, rx: 3, class: "ph-signs-thin" }), svg("rect", { x: 45, y: 5, width: 11, height: 7, rx: 1.800 }), svg("path", { d: "M62 7v3.500", class: "ph-signs-thin" }));
  return { node: h("div", { class: "ph-status", "aria-hidden": "true" }, clock, h("span", { class: "ph-island" }), signs), clock };
}

/**
 * The phone of a user. `hooks`: `leave()`, `pin()`, `close()`, `pinned()`.
 * Gives `{node, refresh, tick, end}`.
 */
export function openPhone(openid, ctx, hooks) {
  const status = statusBar();
  const floor = h("div", { class: "ph-floor" });
  const layer = h("div", { class: "ph-layer", hidden: true });
  const glass = h("div", { class: "ph-glass" }, status.node, floor, layer);
  const body = h("section", { class: "ph-phone", "aria-label": t(`Phone of ${openid}`, `${openid} 的手机`), dataset: { test: "phone", openid } }, glass);
  const stack = places.get(openid) ?? [{ name: "chat" }];
  places.set(openid, stack);
  let page = null;
  let over = null;
  let known = null;
  let ended = false;
  let asked = 0;
  let told = 0;

  const phone = {
    openid,
    ctx,
    data: null,
    limit: MESSAGES,
    now: () => ctx.now(),
    nameOf: (mch_id) => (phone.data?.merchant?.mch_id === mch_id ? phone.data.merchant.name : (hooks.nameOf(mch_id) ?? mch_id)),
    refresh,
    show,
    back,
    uncover,
    home() {
      stack.length = 1;
      paint();
    },
    leave: () => hooks.leave(),
    tools: () => node.classList.toggle("ph-unit-tools"),
    more() {
      phone.limit += MESSAGES;
      refresh();
    },
    openPacket(key) {
      const message = phone.data.chat.find((message) => keyOf(message) === key);
      if (!message) return;
      if (message.mine) show("packet", key);
      else cover(card(phone, message));
    },
    openSheet: (order) => cover(paySheet(phone, order)),
  };

  const strip = tester(phone, hooks);
  const node = h("div", { class: "ph-unit", dataset: { test: "unit", openid } }, body, strip.node);

  /** An answer that a later one has overtaken is not shown. */
  async function refresh() {
    const ticket = ++asked;
    let data;
    try {
      data = await get(`/phones${path(openid)}${query({ limit: phone.limit })}`);
    } catch (error) {
      if (!ended && phone.data === null) replace(floor, h("p", { class: "ph-nothing" }, error.message));
      return;
    }
    if (ended || ticket < told) return;
    told = ticket;
    const first = phone.data === null;
    phone.data = data;
    if (first) paint();
    else page?.update?.(data);
    strip.update(data);
    attend(data.sheets);
  }

  /** Brings a sheet up that has just come, and takes one away that is over. */
  function attend(sheets) {
    const before = known;
    known = new Set(sheets.map(sheetKey));
    if (over?.key && before?.has(over.key) && !known.has(over.key)) uncover();
    if (over !== null) return;
    const fresh = sheets.filter((order) => !before?.has(sheetKey(order)));
    // What lay there before this phone was looked at waits above the menu,
    // but a password has only a minute.
    const wanted = fresh.find(wantsPassword) ?? (before === null ? null : fresh.find((order) => order.openid === openid));
    if (wanted) phone.openSheet(wanted);
  }

  function paint(how) {
    uncover();
    if (phone.data === null) return;
    const { name, arg } = stack.at(-1);
    const moved = page !== null;
    page = PAGES[name](phone, arg);
    page.node.classList.add(moved ? (how ?? (stack.length > 1 ? "ph-comes" : "ph-returns")) : "ph-lies");
    glass.dataset.page = name;
    replace(floor, page.node);
    page.update?.(phone.data);
    tick();
    if (moved) (page.focus ?? page.node.querySelector("button:not([hidden])"))?.focus({ preventScroll: true });
  }

  function show(name, arg, how) {
    // The page after a payment takes the place of the way there.
    if (name === "paid") stack.length = 1;
    stack.push({ name, arg });
    paint(how);
  }

  function back() {
    const left = stack.length > 1 ? stack.pop() : null;
    paint();
    if (left?.arg && typeof left.arg === "string") floor.querySelector(`[data-key="${CSS.escape(left.arg)}"]`)?.focus({ preventScroll: true });
  }

  function cover(view) {
    const from = over?.from ?? document.activeElement;
    over = { ...view, from };
    floor.inert = true;
    layer.hidden = false;
    replace(layer, view.node);
    // Whoever types elsewhere goes on typing.
    const elsewhere = document.activeElement;
    const free = elsewhere === null || elsewhere === document.body || body.contains(elsewhere) || !elsewhere.matches("input, select, textarea");
    if (free) (view.focus ?? view.node.querySelector("button"))?.focus({ preventScroll: true });
  }

  function uncover() {
    if (over === null) return;
    const { from } = over;
    const held = layer.contains(document.activeElement);
    over = null;
    floor.inert = false;
    layer.hidden = true;
    replace(layer);
    if (!held) return;
    if (from?.isConnected && body.contains(from)) from.focus({ preventScroll: true });
    else floor.querySelector("button:not([hidden])")?.focus({ preventScroll: true });
  }

  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (over !== null) (over.close ?? uncover)();
    else if (stack.length > 1) back();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && node.classList.contains("ph-unit-tools")) {
      phone.tools();
      event.stopPropagation();
    }
  });

  function tick() {
    status.clock.textContent = time(ctx.now()).slice(0, 5);
    page?.tick?.();
    strip.tick();
  }

  tick();
  refresh();
  return {
    node,
    refresh,
    tick,
    redraw: () => strip.redraw(),
    end: () => (ended = true),
  };
}


