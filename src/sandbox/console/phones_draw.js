// What the phones show more than once: avatars, icons, names of things.

import { h, svg } from "./dom.js";
import { beijing, t } from "./words.js";

/** A small square with the first letter of a name; the colour is the name's own. */
export function avatar(name, seed, more) {
  let sum = 0;
  for (const letter of seed ?? name) sum = (sum * 31 + letter.codePointAt(0)) % 8191;
  return h("span", { class: `ph-avatar ph-tint-${sum % 8} ${more ?? ""}`, "aria-hidden": "true" }, [...(name || "?")][0].toUpperCase());
}

/** A user has no name, only an openid, and all of them begin with the same letter. */
export const userAvatar = (openid, more) => avatar(openid.replace(/^o/, "") || openid, openid, more);

/** An openid as people tell them apart: its beginning and its end. */
export const shortId = (openid) => (openid.length > 16 ? `${openid.slice(0, 9)}…${openid.slice(-4)}` : openid);

/** The little packet of a message, closed or open. */
export function packetIcon(open) {
  const flap = open ? svg("path", { d: "M2 15 18 3l16 12v3H2z", class: "ph-pi-flap" }) : svg("path", { d: "M2 6a4 4 0 0 1 4-4h24a4 4 0 0 1 4 4v6c-9 7-23 7-32 0z", class: "ph-pi-flap" });
  return svg(
    "svg",
    { viewBox: "0 0 36 42", class: "ph-packet-icon", "aria-hidden": "true" },
    open ? flap : null,
    svg("rect", { x: 2, y: open ? 13 : 2, width: 32, height: open ? 27 : 38, rx: 4, class: "ph-pi-body" }),
    open ? svg("path", { d: "M2 16c9 8 23 8 32 0v-1H2z", class: "ph-pi-flap" }) : flap,
    svg("circle", { cx: 18, cy: open ? 24 : 17, r: 5.4, class: "ph-pi-coin" }),
    svg("path", { d: open ? "M15.800 22h4.400M15.800 25h4.400M18 22v5" : "M15.800 15h4.400M15.800 18h4.400M18 15v5", class: "ph-pi-mark" }),
  );
}

// One path each, on a square of 24.
const ICONS = {
  back: "M15 4.500 7.500 12l7.500 7.500",
  scan: "M4 8.500V5.500A1.500 1.500 0 0 1 5.500 4h3M15.500 4h3A1.500 1.500 0 0 1 20 5.500v3M20 15.500v3a1.500 1.500 0 0 1-1.500 1.500h-3M8.500 20h-3A1.500 1.500 0 0 1 4 18.500v-3M3 12h18",
  code: "M4 5v14M7.500 5v14M10 5v14M13.500 5v14M17 5v14M20 5v14",
  wallet: "M4 7.500A2.500 2.500 0 0 1 6.500 5H18v3M4 7.500V17a2.500 2.500 0 0 0 2.500 2.500H20V8.500H5M16 14h1.500",
  pin: "M9 3.500h6l-1 6.500 3 3v2H7v-2l3-3zM12 15v6",
  copy: "M9 9h10.500v10.500H9zM15 9V4.500H4.500V15H9",
  close: "M6 6l12 12M18 6 6 18",
  tick: "M5 12.500 10 17.500 19.500 7.500",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  erase: "M9 6h11v12H9l-6-6zM12 9.500l5 5M17 9.500l-5 5",
};

export const icon = (name, more) => svg("svg", { viewBox: "0 0 24 24", class: `icon ${more ?? ""}`, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

/** The bar on top of a page of the phone, with the way back. */
export function bar(title, back, more) {
  return h(
    "header",
    { class: `ph-bar ${more ?? ""}` },
    back ? h("button", { class: "ph-bar-back", "aria-label": t("Back", "返回"), dataset: { test: "phone-back" }, on: { click: back } }, icon("back")) : h("span", { class: "ph-bar-back" }),
    h("h2", { class: "ph-bar-title" }, title),
    h("span", { class: "ph-bar-more" }),
  );
}

const DAY = 86_400_000;
const WEEKDAYS = [
  ["Sunday", "星期日"],
  ["Monday", "星期一"],
  ["Tuesday", "星期二"],
  ["Wednesday", "星期三"],
  ["Thursday", "星期四"],
  ["Friday", "星期五"],
  ["Saturday", "星期六"],
];

/** The time above a message, as a chat writes it: nearer moments in fewer words. */
export function stamp(at, now) {
  const day = (ms) => Math.floor((ms + 8 * 3_600_000) / DAY);
  const [date, clock] = [beijing(at).slice(0, 10), beijing(at).slice(11, 16)];
  const age = day(now) - day(at);
  if (age === 0) return clock;
  if (age === 1) return t(`Yesterday ${clock}`, `昨天 ${clock}`);
  if (age > 1 && age < 7) {
    // The first of January 1970 was a Thursday.
    const [en, zh] = WEEKDAYS[(day(at) + 4) % 7];
    return t(`${en} ${clock}`, `${zh} ${clock}`);
  }
  const [year, month, date2] = date.split("-").map(Number);
  return t(`${date} ${clock}`, `${year}年${month}月${date2}日 ${clock}`);
}

const METHODS = [
  ["OTHERS", "Balance", "零钱"],
  ["CMB_DEBIT", "CMB debit card (8866)", "招商银行储蓄卡(8866)"],
  ["ICBC_DEBIT", "ICBC debit card (1234)", "工商银行储蓄卡(1234)"],
  ["ICBC_CREDIT", "ICBC credit card (5678)", "工商银行信用卡(5678)"],
];

/** What a user can pay with: `{bank_type, name}`. */
export const methods = () => METHODS.map(([bank_type, en, zh]) => ({ bank_type, name: t(en, zh) }));

/** A bank_type in words. */
export function methodName(bank_type) {
  const known = METHODS.find(([own]) => own === bank_type);
  return known ? t(known[1], known[2]) : (bank_type ?? "");
}

/** A row of a bill: what, and how much. */
export const fact = (name, value, more) => (value === null || value === undefined || value === "" ? null : h("div", { class: `ph-fact ${more ?? ""}` }, h("dt", {}, name), h("dd", {}, value)));
