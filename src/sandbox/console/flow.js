// Where money is and which ways it takes, as a drawing.

import { svg } from "./dom.js";
import { reason } from "./names.js";
import { t, yuan } from "./words.js";

const WIDE = 168;
const HIGH = 58;
/** Place of the upper left corner, and the sum of the statement that it shows. */
const BOXES = {
  world: { x: 8, y: 96, title: { en: "outside world", zh: "外部资金" }, sum: "topped_up" },
  merchants: { x: 268, y: 96, title: { en: "merchants", zh: "商户" }, sum: "with_merchants" },
  packets: { x: 528, y: 16, title: { en: "unopened packets", zh: "未领红包" }, sum: "in_transit" },
  refunds: { x: 528, y: 176, title: { en: "refunds under way", zh: "退款在途" }, sum: "refunds_in_transit" },
  users: { x: 788, y: 96, title: { en: "users", zh: "用户" }, sum: "with_users" },
  platform: { x: 268, y: 236, title: { en: "platform", zh: "平台" }, sum: "with_platform" },
};
/** A way of money: its curve, its reasons, and where the words stand. */
const WAYS = [
  ["M176 125H262", ["top_up"], 219, 117],
  ["M436 110C480 110 480 45 522 45", ["sent"], 462, 74],
  ["M528 62C494 66 490 124 442 122", ["refunded"], 508, 102],
  ["M696 45C744 45 744 108 782 110", ["received"], 754, 72],
  ["M436 138C480 138 480 205 522 205", ["refund_taken"], 480, 176],
  ["M696 205C744 205 744 142 782 140", ["refund_paid"], 756, 186],
  ["M788 125H442", ["paid"], 630, 117],
  ["M352 154V230", ["fee"], 352, 190],
  ["M92 96C92 -46 872 -46 872 90", ["charged"], 482, -10],
];

/** The drawing of a statement of the books. */
export function flow(books) {
  const moved = new Map((books.flows ?? []).map((row) => [row.reason, row.amount]));
  const box = ([id, { x, y, title, sum }]) =>
    svg(
      "g",
      { class: `bo-box bo-${id}` },
      svg("rect", { x, y, width: WIDE, height: HIGH, rx: 10 }),
      svg("text", { x: x + WIDE / 2, y: y + 23, "text-anchor": "middle", class: "bo-title" }, t(title)),
      svg("text", { x: x + WIDE / 2, y: y + 43, "text-anchor": "middle", class: "bo-amount", "data-test": `flow-${id}` }, yuan(id === "world" ? -books[sum] : books[sum])),
    );
  const way = ([curve, reasons, x, y]) => {
    const amount = reasons.reduce((sum, name) => sum + (moved.get(name) ?? 0), 0);
    return svg("g", { class: `bo-way ${moved.size && amount === 0 ? "bo-idle" : ""}` }, svg("path", { d: curve, "marker-end": "url(#bo-tip)" }), svg("text", { x, y, "text-anchor": "middle", class: "bo-why" }, reasons.map(reason).join(", "), amount ? svg("tspan", { x, dy: 13, class: "bo-moved" }, yuan(amount)) : null));
  };
  const said = t("Money flows from outside to merchants, from them through packets to users, and back.", "资金从外部流向商户，经红包流向用户，再流回来。");
  return svg("svg", { viewBox: "0 -28 964 326", class: "bo-flow", role: "img", "aria-label": said }, svg("defs", {}, svg("marker", { id: "bo-tip", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, svg("path", { d: "M0 0 8 4 0 8z", class: "bo-tip" }))), WAYS.map(way), Object.entries(BOXES).map(box));
}
