// Double entry: where all money is, how it flows, and each movement of it.

import { get, page, query } from "./api.js";
import { h, list, replace } from "./dom.js";
import { flow } from "./flow.js";
import { account, accountParts, reason } from "./names.js";
import { calm, card, touches } from "./pieces.js";
import { beijing, t, yuan } from "./words.js";

const ROWS = 50;
const ACCOUNTS = 20;

export default {
  id: "books",
  title: { en: "Books", zh: "账本" },
  mount(root, ctx) {
    const state = { offset: 0, total: 0, account: ctx.params.account ?? "", number: ctx.params.number ?? "", accounts: 0, search: "" };
    const verdict = h("div", { class: "bo-verdict", role: "status", dataset: { test: "verdict-books" } });
    const sum = h("div", { class: "bo-sum", dataset: { test: "books-sum" } });
    const drawing = h("div", { class: "scroll", dataset: { test: "flow" } });
    const field = (name, label, hint) => h("label", { class: "field" }, label, h("input", { class: "input", type: "search", value: state[name], placeholder: hint, "data-filter": name === "account" ? "" : null, dataset: { test: `ledger-${name}` }, on: { input: (event) => narrow({ [name]: event.target.value.trim() }) } }));
    const inputs = { account: field("account", t("account of", "账户"), t("mch_id or openid", "商户号或 openid")), number: field("number", t("number", "单号"), t("bill, order or refund", "红包、订单或退款单号")) };
    const where = h("span", { class: "muted grow", dataset: { test: "ledger-place" } });
    const newer = h("button", { class: "btn pa-small", type: "button", on: { click: () => move(-ROWS) }, dataset: { test: "ledger-newer" } }, t("‹ newer", "‹ 更新"));
    const older = h("button", { class: "btn pa-small", type: "button", on: { click: () => move(ROWS) }, dataset: { test: "ledger-older" } }, t("older ›", "更早 ›"));
    const rows = h("tbody", { dataset: { test: "ledger" } });
    const none = h("p", { class: "empty", hidden: true }, t("No movement of money fits.", "没有符合的资金变动。"));
    const accounts = h("tbody", { dataset: { test: "accounts" } });
    const accountsWhere = h("span", { class: "muted grow" });
    const fewer = h("button", { class: "btn pa-small", type: "button", on: { click: () => browse(-ACCOUNTS) }, "aria-label": t("Back", "上一页") }, "‹");
    const further = h("button", { class: "btn pa-small", type: "button", on: { click: () => browse(ACCOUNTS) }, "aria-label": t("On", "下一页"), dataset: { test: "accounts-next" } }, "›");
    const find = h("input", { class: "input", type: "search", placeholder: t("filter accounts", "筛选账户"), "aria-label": t("Filter accounts", "筛选账户"), dataset: { test: "accounts-search" }, on: { input: () => ((state.search = find.value.trim()), (state.accounts = 0), people()) } });

    root.append(
      h(
        "div",
        { class: "bo stack" },
        h("section", { class: "card stack" }, verdict, sum),
        card(t("From merchant to user and back", "从商户到用户，再回来"), null, drawing),
        h(
          "div",
          { class: "bo-columns" },
          card(t("Ledger", "分录"), null, h("div", { class: "row bo-filters" }, inputs.account, inputs.number), h("div", { class: "row" }, where, newer, older), h("div", { class: "scroll" }, h("table", { class: "table bo-ledger" }, h("thead", {}, h("tr", {}, [t("no.", "序号"), t("when", "时间"), t("debit (to)", "借（转入）"), t("credit (from)", "贷（转出）"), t("why", "事由"), t("number", "单号")].map((title) => h("th", {}, title)), h("th", { class: "num" }, t("yuan", "金额（元）")))), rows)), none),
          card(t("Accounts", "账户"), null, find, h("div", { class: "scroll" }, h("table", { class: "table" }, accounts)), h("div", { class: "row" }, accountsWhere, fewer, further)),
        ),
      ),
    );

    function narrow(change) {
      Object.assign(state, change, { offset: 0 });
      ledger();
    }

    function move(step) {
      state.offset = Math.max(0, Math.min(state.offset + step, Math.max(0, state.total - 1)));
      ledger();
    }

    function browse(step) {
      state.accounts = Math.max(0, state.accounts + step);
      people();
    }

    /** Shows what belongs to an account or a number. */
    function only(name, value) {
      inputs[name].querySelector("input").value = value;
      narrow({ [name]: value });
    }

    const balance = calm(async () => {
      try {
        const books = await get("/books?accounts=false");
        const fine = books.balanced;
        verdict.className = `bo-verdict ${fine ? "ok" : "bad"}`;
        replace(verdict, h("b", {}, fine ? t("Balanced to the fen.", "账目平衡，分文不差。") : t("NOT BALANCED.", "账目不平！")), " ", h("span", { class: "muted" }, fine ? t("All that came in is somewhere, and packets and refunds agree with their accounts.", "进来的每一分钱都在，红包与退款也与账户相符。") : t("This is a mistake in the sandbox. Please report it with the ledger below.", "这是沙箱的错误，请附上下面的分录报告。")));
        const part = (label, fen) => h("span", { class: "bo-part" }, h("b", {}, yuan(fen)), h("span", { class: "muted" }, label));
        const sign = (text) => h("span", { class: "bo-sign", "aria-hidden": "true" }, text);
        const all = books.with_merchants + books.in_transit + books.refunds_in_transit + books.with_users + books.with_platform;
        replace(
          sum,
          h("div", { class: "bo-line" }, part(t("came in", "流入"), books.topped_up), sign("="), part(t("merchants", "商户"), books.with_merchants), sign("+"), part(t("unopened packets", "未领红包"), books.in_transit), sign("+"), part(t("refunds under way", "退款在途"), books.refunds_in_transit), sign("+"), part(t("users", "用户"), books.with_users), sign("+"), part(t("platform", "平台"), books.with_platform), sign(all === books.topped_up ? "✓" : "≠")),
          h("p", { class: "muted bo-cross" }, t(`Counted from the packets themselves: ${yuan(books.owed_to_packets)} unopened; from the refunds: ${yuan(books.owed_to_refunds)} under way.`, `按红包逐个清点：未领 ${yuan(books.owed_to_packets)}；按退款逐笔清点：在途 ${yuan(books.owed_to_refunds)}。`)),
        );
        replace(drawing, flow(books));
      } catch (error) {
        ctx.fail(error);
      }
    }, 700);

    const link = (value) => {
      const [, whose] = accountParts(value);
      return whose ? h("button", { class: "bo-link", type: "button", title: whose, on: { click: () => only("account", whose) } }, account(value)) : account(value);
    };

    const ledger = calm(async () => {
      const wanted = JSON.stringify([state.offset, state.account, state.number]);
      try {
        const { items, total } = await page(`/postings${query({ newest: true, limit: ROWS, offset: state.offset, account: state.account, number: state.number })}`);
        if (wanted !== JSON.stringify([state.offset, state.account, state.number])) return void ledger();
        state.total = total;
        list(
          rows,
          items,
          (posting) => posting.id,
          (posting) =>
            h(
              "tr",
              { dataset: { test: `posting-${posting.id}` } },
              h("td", { class: "mono muted" }, posting.id),
              h("td", { class: "mono bo-when" }, beijing(posting.at).slice(5)),
              h("td", {}, link(posting.to)),
              h("td", {}, link(posting.from)),
              h("td", {}, reason(posting.reason)),
              h("td", { class: "mono" }, posting.mch_billno ? h("button", { class: "bo-link", type: "button", on: { click: () => only("number", posting.mch_billno) } }, posting.mch_billno) : ""),
              h("td", { class: "num" }, yuan(posting.amount)),
            ),
        );
        none.hidden = items.length > 0;
        where.textContent = total ? t(`${(state.offset + 1).toLocaleString()}–${(state.offset + items.length).toLocaleString()} of ${total.toLocaleString()}, newest first`, `第 ${state.offset + 1}–${state.offset + items.length} 条，共 ${total.toLocaleString()} 条，最新在前`) : "";
        newer.disabled = state.offset === 0;
        older.disabled = state.offset + items.length >= total;
      } catch (error) {
        ctx.fail(error);
      }
    }, 500);

    const people = calm(async () => {
      const wanted = JSON.stringify([state.accounts, state.search]);
      try {
        const { items, total } = await page(`/accounts${query({ offset: state.accounts, limit: ACCOUNTS, search: state.search })}`);
        if (wanted !== JSON.stringify([state.accounts, state.search])) return void people();
        list(accounts, items, (row) => JSON.stringify(row.account), (row) => h("tr", {}, h("td", { class: "bo-account" }, link(row.account)), h("td", { class: "num" }, yuan(row.balance))));
        accountsWhere.textContent = t(`${items.length ? state.accounts + 1 : 0}–${state.accounts + items.length} of ${total.toLocaleString()}`, `第 ${items.length ? state.accounts + 1 : 0}–${state.accounts + items.length} 个，共 ${total.toLocaleString()} 个`);
        fewer.disabled = state.accounts === 0;
        further.disabled = state.accounts + items.length >= total;
      } catch (error) {
        ctx.fail(error);
      }
    }, 500);

    balance();
    ledger();
    people();
    return {
      update(change) {
        if (!touches(change, "postings", "state")) return;
        balance();
        people();
        if (state.offset === 0) ledger();
      },
    };
  },
};
