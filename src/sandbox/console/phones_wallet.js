// The user's change (零钱) and its movements.

import { page, query } from "./api.js";
import { h, list } from "./dom.js";
import { t, yuan } from "./words.js";
import { bar, stamp } from "./phones_draw.js";

const REASONS = {
  received: ["Red packet", "微信红包"],
  charged: ["From the bank", "银行卡转入"],
  paid: ["Payment", "商户消费"],
  refund_paid: ["Refund", "退款"],
  reversed: ["Payment reversed", "付款撤销"],
};

const isUser = (account, openid) => account?.user === openid;

/** The page of the balance. */
export function walletPage(phone) {
  const amount = h("p", { class: "ph-amount ph-wallet-amount", dataset: { test: "wallet-balance" } });
  const rows = h("div", { class: "ph-moves" });
  const more = h("button", { class: "ph-earlier", hidden: true, dataset: { test: "moves-more" }, on: { click: () => ((limit += 30), load()) } }, t("More", "更多"));
  const nothing = h("p", { class: "ph-nothing", hidden: true }, t("No movements yet.", "暂无零钱明细。"));
  const node = h("div", { class: "ph-page ph-white" }, bar(t("Balance", "零钱"), () => phone.back()), h("div", { class: "ph-scroll" }, h("div", { class: "ph-wallet-head" }, h("span", { class: "ph-wallet-coin", "aria-hidden": "true" }, "¥"), h("p", {}, t("My balance", "我的零钱")), amount), h("h3", { class: "ph-moves-title" }, t("Movements", "零钱明细")), nothing, rows, more));
  let limit = 30;
  let now = 0;
  let balance = null;

  async function load() {
    let found;
    try {
      found = await page(`/postings${query({ account: phone.openid, newest: true, limit })}`);
    } catch (error) {
      return phone.ctx.fail(error);
    }
    const own = found.items.filter((posting) => isUser(posting.from, phone.openid) || isUser(posting.to, phone.openid));
    nothing.hidden = own.length > 0;
    more.hidden = found.items.length >= found.total;
    list(
      rows,
      own.map((posting) => ({ ...posting, when: stamp(posting.at, now) })),
      (posting) => posting.id,
      (posting) => {
        const into = isUser(posting.to, phone.openid);
        const [en, zh] = REASONS[posting.reason] ?? [posting.reason, posting.reason];
        return h("div", { class: "ph-move", dataset: { test: "move" } }, h("div", { class: "grow" }, h("p", {}, t(en, zh)), h("p", { class: "ph-move-when" }, posting.when, posting.mch_billno ? ` · ${posting.mch_billno}` : "")), h("b", { class: into ? "ph-in" : "" }, `${into ? "+" : "-"}${yuan(posting.amount)}`));
      },
    );
  }

  function update(data) {
    const before = balance;
    now = data.now;
    balance = `${data.balance} ${data.chat.length} ${data.chat[0]?.at}`;
    amount.textContent = `¥${yuan(data.balance)}`;
    // A payment leaves the balance as it was.
    if (balance !== before) load();
  }
  return { node, update };
}
