// The chat with the official account: packets, vouchers of payments, refunds.

import { h, list, replace } from "./dom.js";
import { lang, t, yuan } from "./words.js";
import { avatar, bar, fact, icon, methodName, packetIcon, stamp, userAvatar } from "./phones_draw.js";

/** How long between two messages until the time stands above the second. */
const PAUSE = 5 * 60_000;

/** The key of a message, the same as long as it is the same message. */
export function keyOf(message) {
  if (message.kind === "packet") return `packet:${message.packet.mch_id}/${message.packet.mch_billno}`;
  if (message.kind === "refund") return `refund:${message.refund.mch_id}/${message.refund.out_refund_no}`;
  return `payment:${message.order.mch_id}/${message.order.out_trade_no}`;
}

/** What a real phone knows nothing of: the packet is not on its way. */
export const isStuck = (message) => message.kind === "packet" && (message.packet.status === "SENDING" || message.packet.status === "FAILED");

/** What stands on the bubble of a packet that is not to be opened any more; "" if it is. */
export function ending(message, data) {
  const { packet, mine } = message;
  if (mine) return t("Opened", "已领取");
  if (packet.status === "RECEIVED") return t("All gone", "已被领完");
  if (packet.status === "REFUND" || packet.status === "RFUND_ING") return t("Expired", "已过期");
  if (data.behaviour?.opens?.kind === "refuses") return t("Refused", "已拒收");
  return "";
}

function packetBubble(message, phone) {
  const done = ending(message, phone.data);
  const { packet } = message;
  return h(
    "button",
    { class: `ph-packet ${done ? "ph-packet-done" : ""}`, dataset: { test: "packet", key: keyOf(message), state: done ? "done" : "open" }, on: { click: () => phone.openPacket(keyOf(message)) } },
    h("span", { class: "ph-packet-top" }, packetIcon(Boolean(message.mine)), h("span", { class: "ph-packet-words" }, h("span", { class: "ph-packet-wishing" }, packet.wishing), done ? h("span", { class: "ph-packet-ending" }, done) : null)),
    h("span", { class: "ph-packet-foot" }, packet.group ? t("WeChat Group Red Packet", "微信裂变红包") : t("WeChat Red Packet", "微信红包")),
  );
}

const notice = (key, act, title, label, amount, rows, foot) =>
  h("button", { class: "ph-notice", dataset: { test: key.split(":")[0], key }, on: { click: act } }, h("span", { class: "ph-notice-title" }, title), h("span", { class: "ph-notice-label" }, label), h("span", { class: "ph-notice-amount" }, `¥${yuan(amount)}`), h("dl", { class: "ph-facts" }, rows), h("span", { class: "ph-notice-foot" }, foot, icon("back", "ph-turn")));

const off = (coupons) => (coupons ?? []).reduce((sum, coupon) => sum + coupon.fee, 0);

function paymentNotice(message, phone) {
  const { order } = message;
  return notice(
    keyOf(message),
    () => phone.show("bill", keyOf(message)),
    t("WeChat Pay voucher", "微信支付凭证"),
    t("Paid", "付款金额"),
    order.total_fee - off(order.coupons),
    [
      off(order.coupons) ? fact(t("Discount", "优惠"), `-¥${yuan(off(order.coupons))}`) : null,
      fact(t("To", "收款方"), phone.nameOf(order.mch_id)),
      fact(t("From", "付款方式"), methodName(order.bank_type)),
      fact(t("State", "交易状态"), order.trade_state === "REFUND" ? t("Paid, with refunds", "已支付，有退款") : t("Paid", "支付成功，对方已收款")),
    ],
    t("Details", "账单详情"),
  );
}

function refundNotice(message, phone) {
  const { refund } = message;
  const on = refund.status === "SUCCESS";
  return notice(
    keyOf(message),
    () => phone.show("bill", keyOf(message)),
    on ? t("Refund received", "退款到账通知") : t("Refund on its way", "退款发起通知"),
    t("Refund", "退款金额"),
    refund.refund_fee - off(refund.coupons),
    [
      fact(t("From", "商户名称"), phone.nameOf(refund.mch_id)),
      fact(t("To", "退款方式"), refund.recv_account),
      fact(t("Reason", "退款原因"), refund.refund_desc),
      fact(t("State", "退款状态"), { SUCCESS: t("Received", "已到账"), PROCESSING: t("Under way", "处理中"), REFUNDCLOSE: t("Closed", "已关闭"), CHANGE: t("Stuck", "退款异常") }[refund.status] ?? refund.status),
    ],
    t("Details", "账单详情"),
  );
}

function bubble(message, phone) {
  if (message.kind === "packet") return packetBubble(message, phone);
  return message.kind === "refund" ? refundNotice(message, phone) : paymentNotice(message, phone);
}

/** The page of the chat. */
export function chat(phone) {
  const title = h("h2", { class: "ph-bar-title", dataset: { test: "chat-title" } });
  const messages = h("div", { class: "ph-messages", role: "log", "aria-label": t("Messages", "消息") });
  const earlier = h("button", { class: "ph-earlier", hidden: true, dataset: { test: "earlier" }, on: { click: () => phone.more() } }, t("Earlier messages", "查看更早的消息"));
  const nothing = h("p", { class: "ph-nothing" }, t("Nothing yet. Send a red packet to this openid.", "暂无消息。给这个 openid 发一个红包试试。"));
  const scroll = h("div", { class: "ph-scroll", tabindex: -1 }, earlier, nothing, messages);
  const pending = h("div", { class: "ph-pending" });
  const item = (name, words, test) => h("button", { class: "ph-menu-item", dataset: { test }, on: { click: () => phone.show(name) } }, icon(name), h("span", {}, words));
  const menu = h("nav", { class: "ph-menu" }, item("scan", t("Scan", "扫一扫"), "open-scan"), item("code", t("Pay code", "付款码"), "open-code"), item("wallet", t("Balance", "零钱"), "open-wallet"));
  const node = h(
    "div",
    { class: "ph-page ph-chat" },
    h("header", { class: "ph-bar" }, h("button", { class: "ph-bar-back ph-leave", "aria-label": t("All phones", "所有手机"), dataset: { test: "leave" }, on: { click: () => phone.leave() } }, icon("back")), title, h("button", { class: "ph-bar-more ph-tools", "aria-label": t("For testers", "测试工具"), dataset: { test: "tools" }, on: { click: () => phone.tools() } }, icon("more"))),
    scroll,
    pending,
    menu,
  );
  let seen = null;
  let unfolded = false;

  function update(data) {
    const name = data.merchant?.name ?? data.app_id;
    title.textContent = name;
    const shown = data.chat.filter((message) => !isStuck(message)).reverse();
    nothing.hidden = shown.length > 0;
    earlier.hidden = data.chat.length < phone.limit;
    const first = seen === null;
    const before = seen ?? new Set();
    seen = new Set(before);
    let last = -Infinity;
    const items = shown.map((message) => {
      const key = keyOf(message);
      const when = message.at - last > PAUSE ? stamp(message.at, data.now) : null;
      last = message.at;
      seen.add(key);
      return { key, when, message, done: message.kind === "packet" ? ending(message, data) : "" };
    });
    const low = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
    const newest = items.at(-1)?.key;
    list(
      messages,
      items,
      (item) => item.key,
      (item) => {
        const fresh = !first && !before.has(item.key) && item.message.at > data.now - 60_000;
        const own = item.message.kind === "packet";
        const sender = own ? (item.message.official_account ?? name) : t("WeChat Pay", "微信支付");
        return h("div", { class: `ph-message ${fresh ? "ph-new" : ""}` }, item.when ? h("p", { class: "ph-when" }, item.when) : null, h("div", { class: own ? "ph-said" : "ph-told" }, own ? avatar(sender, null) : null, bubble(item.message, phone)));
      },
    );
    replace(pending, waiting(data));
    if (first || (low && !before.has(newest))) scroll.scrollTop = scroll.scrollHeight;
  }

  /** Orders that wait for this user lie above the menu. */
  function waiting(data) {
    const own = data.sheets.filter((order) => order.openid === phone.openid);
    const others = data.sheets.filter((order) => order.openid !== phone.openid);
    const all = [...own, ...others];
    const shown = all.length <= 2 ? all : all.slice(0, unfolded ? 6 : 1);
    const rest = all.length - shown.length;
    const fold = rest > 0 && !unfolded ? h("button", { class: "ph-due ph-due-rest", dataset: { test: "due-more" }, on: { click: () => ((unfolded = true), update(phone.data)) } }, t(`${rest} more to pay`, `还有 ${rest} 笔待支付`)) : null;
    return [...shown.map((order) =>
      h(
        "button",
        { class: "ph-due", dataset: { test: "due", key: `${order.mch_id}/${order.out_trade_no}` }, on: { click: () => phone.openSheet(order) } },
        h("span", { class: "ph-due-kind" }, { JSAPI: lang() === "zh" ? "公众号" : "JSAPI", APP: "APP", MWEB: "H5", MICROPAY: t("password", "输密码") }[order.trade_type] ?? order.trade_type),
        h("span", { class: "ph-due-body" }, order.body),
        h("b", {}, `¥${yuan(order.total_fee)}`),
        h("span", { class: "ph-due-go" }, t("Pay", "去支付")),
      ),
    ), fold];
  }

  return { node, update };
}

/** The page of one payment or refund. */
export function bill(phone, key) {
  const body = h("div", { class: "ph-scroll" });
  const node = h("div", { class: "ph-page ph-white" }, bar(t("Details", "账单详情"), () => phone.back()), body);
  function update(data) {
    const message = data.chat.find((message) => keyOf(message) === key);
    if (!message) return phone.back();
    const { order, refund } = message;
    const record = order ?? refund;
    const coupons = off(record.coupons);
    replace(
      body,
      h("div", { class: "ph-bill-head" }, avatar(phone.nameOf(record.mch_id)), h("p", {}, phone.nameOf(record.mch_id)), h("p", { class: "ph-amount" }, `${order ? "-" : "+"}${yuan((order ? order.total_fee : refund.refund_fee) - coupons)}`)),
      h(
        "dl",
        { class: "ph-facts ph-bill" },
        order
          ? [
              fact(t("State", "当前状态"), order.trade_state === "REFUND" ? t("Paid, with refunds", "已支付，有退款") : t("Paid", "支付成功")),
              fact(t("Goods", "商品"), order.body),
              fact(t("Attached", "附加数据"), order.attach),
              fact(t("Ordered", "订单金额"), coupons ? `¥${yuan(order.total_fee)}` : null),
              order.coupons.map((coupon) => fact(coupon.kind === "NO_CASH" ? t("Coupon (NO_CASH)", "代金券(免充值)") : t("Coupon (CASH)", "代金券(充值)"), `-¥${yuan(coupon.fee)}`)),
              fact(t("Paid at", "支付时间"), stamp(order.time_end ?? message.at, data.now)),
              fact(t("From", "支付方式"), methodName(order.bank_type)),
              fact(t("Way", "交易类型"), order.trade_type),
              fact(t("Payment no.", "交易单号"), order.transaction_id, "ph-long"),
              fact(t("Merchant's no.", "商户单号"), order.out_trade_no, "ph-long"),
            ]
          : [
              fact(t("State", "当前状态"), refund.status),
              fact(t("To", "退款方式"), refund.recv_account),
              fact(t("Reason", "退款原因"), refund.refund_desc),
              fact(t("Back to coupons", "退回代金券"), coupons ? `¥${yuan(coupons)}` : null),
              fact(t("Received at", "到账时间"), refund.success_time ? stamp(refund.success_time, data.now) : null),
              fact(t("Refund no.", "退款单号"), refund.refund_id, "ph-long"),
              fact(t("Merchant's no.", "商户退款单号"), refund.out_refund_no, "ph-long"),
              fact(t("Of order", "原商户单号"), refund.out_trade_no, "ph-long"),
            ],
      ),
      h("p", { class: "ph-small" }, userAvatar(phone.openid, "ph-avatar-tiny"), phone.openid),
    );
  }
  return { node, update };
}
