// The merchant entities: their money, what of their limits is used, their
// certificates and files, and how their products are set up.

import { get, path, post } from "./api.js";
import { dialog, h, list, replace } from "./dom.js";
import { fileButton, FILES } from "./folder.js";
import { calm, card, copyButton, fact, meter, select, touches } from "./pieces.js";
import { fenOf, settingsForm } from "./settings.js";
import { beijing, t, yuan } from "./words.js";

export default {
  id: "merchants",
  title: { en: "Merchants", zh: "商户" },
  mount(root, ctx) {
    const state = { all: [], chosen: ctx.params.mch_id ?? ctx.selection.get("mch_id"), form: null, formOf: null, openForm: "" };
    const names = h("div", { class: "me-names", role: "listbox", "aria-label": t("Merchants", "商户") });
    const search = h("input", { class: "input", type: "search", placeholder: t("name or number", "名称或商户号"), "aria-label": t("Filter", "筛选"), hidden: true, "data-filter": "", dataset: { test: "merchant-filter" }, on: { input: () => drawNames() } });
    const add = h("button", { class: "btn", type: "button", on: { click: () => create() }, dataset: { test: "add-merchant" } }, t("+ Add a merchant", "＋ 新增商户"));
    const title = h("div", { class: "row" });
    const accounts = h("div", { class: "me-accounts" });
    const money = h("div", { class: "stack" });
    const usage = h("div", { class: "stack" });
    const certificate = h("div", { class: "stack" });
    const settings = h("div");
    root.append(
      h(
        "div",
        { class: "me" },
        h("aside", { class: "me-side" }, search, names, add),
        h("div", { class: "me-main" }, title, h("div", { class: "me-cards" }, card(t("Accounts", "账户"), null, accounts, money), card(t("Used today", "今日用量"), null, usage), card(t("Certificate and files", "证书与文件"), null, certificate)), card(t("Product settings", "产品设置"), h("span", { class: "muted" }, t("saved as you go, in force at once", "即改即存，立即生效")), settings)),
      ),
    );

    function drawNames() {
      const wanted = search.value.trim().toLowerCase();
      search.hidden = state.all.length < 8;
      const shown = state.all.filter((merchant) => !wanted || `${merchant.name} ${merchant.mch_id} ${merchant.app_id}`.toLowerCase().includes(wanted)).slice(0, 200);
      list(
        names,
        shown.map(({ mch_id, name, balance }) => ({ mch_id, name, balance, here: mch_id === state.chosen })),
        (merchant) => merchant.mch_id,
        (merchant) => h("button", { class: "me-name", type: "button", role: "option", "aria-selected": String(merchant.here), on: { click: () => choose(merchant.mch_id) }, dataset: { test: `merchant-${merchant.mch_id}` } }, h("b", {}, merchant.name), h("span", { class: "mono muted" }, merchant.mch_id), h("span", { class: "me-name-money" }, yuan(merchant.balance))),
      );
    }

    function choose(mch_id) {
      state.chosen = mch_id;
      ctx.selection.set("mch_id", mch_id);
      history.replaceState(null, "", `#merchants?mch_id=${encodeURIComponent(mch_id)}`);
      drawNames();
      look();
    }

    function draw(view) {
      const now = ctx.now();
      replace(title, h("h2", { class: "me-heading" }, view.name), h("span", { class: "mono muted" }, view.mch_id), copyButton(view.mch_id, "copy-mch"), h("span", { class: "mono muted" }, view.app_id), copyButton(view.app_id, "copy-appid"));
      const row = (label, fen, test, help) => h("div", { class: "me-account" }, h("span", { class: "me-account-label", title: help }, label), h("b", { class: "me-account-money", dataset: { test } }, fen === null ? "—" : yuan(fen)));
      replace(accounts, row(t("basic account", "基本账户"), view.accounts.basic, "basic", ""), row(t("operating account", "运营账户"), view.accounts.operating, "operating", t("If it is open, packets are paid from it.", "开通后红包从运营账户支出。")), row(t("unopened packets", "未领红包"), view.in_transit, "in-transit", ""), row(t("refunds under way", "退款在途"), view.refunds_in_transit, "refunds-in-transit", ""));
      drawMoney(view);
      drawUsage(view);
      drawCertificate(view, now);
      if (state.formOf !== view.mch_id) {
        state.form = settingsForm(view.mch_id, look);
        state.formOf = view.mch_id;
        replace(settings, state.form.node);
      }
      state.form.show(view.settings);
    }

    function drawMoney(view) {
      // Only anew when what it offers changes, so that nobody's typing is lost.
      const print = `${view.mch_id} ${view.accounts.operating !== null}`;
      if (state.openForm === print) return;
      state.openForm = print;
      const two = view.accounts.operating !== null;
      let account = "basic";
      const amount = h("input", { class: "input me-number", inputmode: "decimal", value: "1000.00", "aria-label": t("Amount in yuan", "金额（元）"), dataset: { test: "top-up-amount" } });
      const error = h("span", { class: "pa-error", role: "alert", dataset: { test: "top-up-error" } });
      const act = (what) => async (event) => {
        event?.preventDefault();
        const fen = fenOf(amount.value);
        if (fen === null) return void (error.textContent = t("an amount in yuan, as in 1000.00", "请填写以元为单位的金额，如 1000.00"));
        try {
          await what(fen);
          error.textContent = "";
          look();
        } catch (failure) {
          error.textContent = [failure.message, failure.next_step].filter(Boolean).join(". ");
        }
      };
      const topUp = act((fen) => post(`/merchants${path(view.mch_id)}/top_up`, two ? { amount: fen, account } : { amount: fen }));
      const move = act((fen) => post(`/merchants${path(view.mch_id)}/operating`, { amount: fen }));
      const options = [["basic", t("basic", "基本账户")], ["operating", t("operating", "运营账户")]];
      replace(
        money,
        h("form", { class: "row", on: { submit: topUp } }, amount, h("span", { class: "muted" }, t("yuan", "元")), two ? select(options, account, (value) => (account = value), { "data-test": "top-up-account", "aria-label": t("Account", "账户") }) : null, h("button", { class: "btn btn-primary", dataset: { test: "top-up" } }, t("Top up", "充值"))),
        h("div", { class: "row" }, h("button", { class: "btn pa-small", type: "button", on: { click: move }, dataset: { test: "operating-move" } }, two ? t("Move it from basic to operating", "从基本账户划入运营账户") : t("Open the operating account with it", "以此金额开通运营账户"))),
        error,
      );
    }

    function drawUsage(view) {
      const { usage: used, settings: set } = view;
      const busiest = used.busiest_user;
      replace(
        usage,
        meter(t("paid out", "已发放"), used.paid_today, used.merchant_day_amount, `${yuan(used.paid_today)} / ${yuan(used.merchant_day_amount)}`, "usage-day"),
        busiest ? meter(t("busiest user, packets", "最多的用户：个数"), busiest.count, set.user_day_count, `${busiest.count} / ${set.user_day_count}`, "usage-user-count") : null,
        busiest ? meter(t("busiest user, money", "最多的用户：金额"), busiest.amount, set.user_day_amount, `${yuan(busiest.amount)} / ${yuan(set.user_day_amount)}`, "usage-user-amount") : null,
        meter(t("calls this second", "本秒调用"), used.calls_this_second, set.calls_per_second, `${used.calls_this_second} / ${set.calls_per_second}`, "usage-second"),
        h("p", { class: "muted" }, t(`${used.users_today} users got packets in this Beijing day.`, `今天（北京时间）有 ${used.users_today} 位用户收到红包。`), busiest ? [" ", h("a", { class: "mono", href: `#phones?openid=${encodeURIComponent(busiest.openid)}`, title: busiest.openid }, `${busiest.openid.slice(0, 16)}…`)] : null),
      );
    }

    function drawCertificate(view, now) {
      const facts = view.certificate;
      const files = FILES.filter(([name]) => view.files.includes(name));
      const left = facts ? facts.days_left : 0;
      const [kind, words] = !facts ? ["", ""] : facts.expired || now > facts.not_after ? ["bad", t("expired", "已过期")] : left <= 30 ? ["warn", t(`${left} days left`, `剩余 ${left} 天`)] : ["ok", t(`${left} days left`, `剩余 ${left} 天`)];
      replace(
        certificate,
        facts
          ? h("div", { class: "st-facts" }, h("div", { class: "row" }, h("span", { class: "grow", title: beijing(facts.not_after) }, t(`until ${beijing(facts.not_after).slice(0, 10)}`, `有效期至 ${beijing(facts.not_after).slice(0, 10)}`)), h("span", { class: `tag ${kind}`, dataset: { test: "certificate-left" } }, words)), fact(t("serial", "序列号"), facts.serial, "serial"), fact(t("subject", "主题"), facts.subject, "subject"), fact(t("issuer", "签发者"), facts.issuer, "issuer"))
          : h("p", { class: "muted" }, t("The sandbox knows no certificate of this merchant.", "沙箱没有该商户的证书。")),
        files.length ? h("ul", { class: "me-files" }, files.map(([name, what]) => h("li", {}, fileButton(view.mch_id, name, ctx), h("span", { class: "muted" }, t(what))))) : null,
      );
    }

    function create() {
      const input = (name, label, hint) => h("label", { class: "field" }, label, h("input", { class: "input", name, placeholder: hint, dataset: { test: `new-${name}` } }));
      const error = h("p", { class: "pa-error", role: "alert", dataset: { test: "new-error" } });
      const form = h("form", { class: "stack" }, input("name", t("name", "名称"), t("as users see it", "用户看到的名称")), input("mch_id", t("merchant number", "商户号"), t("ten digits; made up if empty", "十位数字；留空则自动生成")), input("app_id", "appid", t("wx and 16 characters; made up if empty", "wx 加 16 个字符；留空则自动生成")), error, h("div", { class: "row" }, h("button", { class: "btn btn-primary", dataset: { test: "new-create" } }, t("Create, with certificate and key", "新增，并签发证书与密钥"))));
      const close = dialog(t("A new merchant", "新增商户"), t("Close", "关闭"), form);
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
        try {
          const made = await post("/merchants", given);
          close();
          ctx.toast(t(`${made.name} is ready`, `${made.name} 已就绪`));
          await everyone();
          choose(made.mch_id);
        } catch (failure) {
          error.textContent = [failure.message, failure.next_step].filter(Boolean).join(". ");
        }
      });
    }

    async function everyone() {
      try {
        state.all = await get("/merchants");
        if (!state.all.some((merchant) => merchant.mch_id === state.chosen)) state.chosen = state.all[0]?.mch_id;
        drawNames();
      } catch (error) {
        ctx.fail(error);
      }
    }

    const look = calm(async () => {
      if (!state.chosen) return;
      const mch_id = state.chosen;
      try {
        const view = await get(`/merchants${path(mch_id)}`);
        if (mch_id === state.chosen) draw(view);
      } catch (error) {
        ctx.fail(error);
      }
    }, 500);
    const both = calm(async () => {
      await everyone();
      look();
    }, 700);
    both();
    return {
      update(change) {
        if (touches(change, "settings", "packets", "postings", "orders", "refunds", "state")) both();
      },
      params(params) {
        if (params.mch_id && params.mch_id !== state.chosen) choose(params.mch_id);
        return true;
      },
    };
  },
};
