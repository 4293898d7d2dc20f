// What a person sees first: where things are, and five steps to try them.

import { get, page } from "./api.js";
import { card, calm, code, fact, memory, segments, select, tabs, touches } from "./pieces.js";
import { h, replace } from "./dom.js";
import { folder } from "./folder.js";
import { broken, LANGUAGES, MISTAKEN, receiver, snippet } from "./snippets.js";
import { t } from "./words.js";

const DAY = 86_400_000;
// A request that was made a moment before the clock was read must not undo a day.
const SLACK = 60_000;

/** What has been done already, as far as the sandbox shows it. */
async function progress(overview, before) {
  const [newest, opened, wrong] = await Promise.all([page("/packets?newest=true&limit=20"), page("/packets?status=RECEIVED&limit=1"), page("/requests?refused=true&limit=40")]);
  const sent = newest.items.find((packet) => !["SENDING", "FAILED"].includes(packet.status)) ?? newest.items[0];
  const ahead = overview.now - Date.now();
  const first = Number(memory.get(before) ?? NaN);
  if (Number.isNaN(first)) memory.set(before, String(ahead));
  const base = overview.clock === "frozen" && !Number.isNaN(first) ? first : 0;
  return {
    packet: sent,
    signature: wrong.items.find((request) => /SIGN/.test(request.code ?? "")),
    done: {
      send: newest.total > 0,
      arrive: Boolean(sent) && !["SENDING", "FAILED"].includes(sent.status),
      open: opened.total > 0,
      day: ahead - base >= DAY - SLACK,
      understand: memory.get("understood") === (overview.directory ?? ""),
    },
  };
}

export default {
  id: "start",
  title: { en: "Start", zh: "开始" },
  mount(root, ctx) {
    const state = { merchants: [], chosen: null, language: memory.get("snippets") ?? "hongbao", number: null, overview: ctx.overview(), drawn: null };
    const ticks = {};
    const step = (id, title, ...children) => {
      ticks[id] = h("span", { class: "st-tick", "aria-hidden": "true" });
      return h("li", { class: "st-step", dataset: { test: `step-${id}` } }, ticks[id], h("div", { class: "stack grow" }, h("h3", { class: "st-title" }, title), children));
    };
    const program = h("div");
    const wrong = h("div");
    const whose = h("div", { class: "row" });
    const phone = h("a", { class: "btn btn-primary st-go", href: "#phones", dataset: { test: "see-phone" } }, t("See it arrive on the phone", "去手机上看红包到达"));
    const why = h("a", { class: "btn", hidden: true, dataset: { test: "see-signature" } }, t("Read why it was refused", "看看为什么被拒绝"));
    const done = h("span", { class: "tag", dataset: { test: "steps-done" } });
    const places = h("div", { class: "st-facts" });
    const folders = h("div", { class: "stack" });

    root.append(
      h(
        "div",
        { class: "st" },
        h("div", { class: "st-hero" }, h("h2", { class: "st-hello" }, t("This is a WeChat Pay of your own.", "这是一个属于您自己的微信支付。")), h("p", { class: "muted" }, t("Same paths, same XML, real signatures, real client certificates. No money is real, and the clock obeys you.", "路径相同，XML 相同，签名和证书都是真的；钱不是真的，时间听您的。"))),
        h(
          "div",
          { class: "st-grid" },
          card(
            t("Five steps", "五步上手"),
            done,
            h(
              "ol",
              { class: "st-steps" },
              step("send", t("Send a packet from your own program", "从您自己的程序发一个红包"), whose, program, h("p", { class: "muted" }, t("Sent again, the same number pays nothing twice; another packet wants another number.", "用同一单号再发一次不会重复付款；要发另一个红包，请换一个单号。"))),
              step("arrive", t("See it arrive", "看它到达"), h("p", { class: "muted" }, t("The user's phone shows it as WeChat does.", "用户的手机会像微信一样显示它。")), h("div", { class: "row" }, phone)),
              step("open", t("Open it", "拆开它"), h("p", { class: "muted" }, t("Tap the packet on the phone; the money is in the user's balance then, and a query answers RECEIVED.", "在手机上点击红包；钱进入用户零钱，查询结果变为 RECEIVED。"))),
              step("day", t("Let a day pass", "让一天过去"), h("p", { class: "muted" }, t("What nobody opened within 24 hours goes back to the merchant. Nobody has to wait for it here.", "24 小时内未领取的红包会退回商户。在这里不必等待。")), h("div", { class: "row" }, h("a", { class: "btn", href: "#time", dataset: { test: "go-time" } }, t("Turn the clock", "去拨动时钟")))),
              step("understand", t("Break a signature and understand it", "故意弄错签名，再看懂原因"), h("p", { class: "muted" }, t("The same program with one mistake in it: the key of another merchant.", "同一段程序，只有一处错误：用了别的密钥。")), wrong, h("div", { class: "row" }, why)),
            ),
          ),
          h("div", { class: "stack st-side" }, card(t("Where it is", "地址与目录"), null, places), folders),
        ),
      ),
    );

    function remember(language) {
      state.language = language;
      memory.set("snippets", language);
    }

    function draw() {
      const { overview, merchants } = state;
      if (!overview || merchants.length === 0) return;
      const chosen = merchants.find((merchant) => merchant.mch_id === state.chosen) ?? merchants[0];
      const other = merchants.find((merchant) => merchant.mch_id !== chosen.mch_id);
      state.number ??= `A${overview.counts.packets + 1}`;
      const facts = { directory: overview.directory ?? "DIR", gateway: overview.gateway, mch_id: chosen.mch_id, app_id: chosen.app_id, openid: receiver(merchants, chosen), number: state.number, other: other?.mch_id };
      const print = JSON.stringify([facts, merchants]);
      if (print === state.drawn) return;
      state.drawn = print;
      const options = merchants.map((merchant) => [merchant.mch_id, `${merchant.name} ${merchant.mch_id}`]);
      const pick = (mch_id) => {
        state.chosen = mch_id;
        ctx.selection.set("mch_id", mch_id);
        draw();
      };
      replace(whose, h("span", { class: "muted" }, t("as", "以")), merchants.length <= 3 && innerWidth > 500 ? segments(t("Merchant", "商户"), options, chosen.mch_id, pick, "as") : select(options, chosen.mch_id, pick, { "data-test": "as", "aria-label": t("Merchant", "商户") }));
      const sending = (language) => {
        remember(language);
        return code(snippet(language, facts), "snippet");
      };
      replace(program, tabs(LANGUAGES, state.language, sending, "snippet"));
      replace(wrong, tabs(MISTAKEN, state.language, (language) => code(broken(language, facts), "broken"), "broken"));
      replace(
        places,
        fact(t("gateway", "网关"), overview.gateway ?? t("not served", "未对外服务"), "gateway"),
        fact(t("console", "控制台"), overview.console ?? location.origin, "console"),
        overview.directory ? fact(t("directory", "目录"), overview.directory, "directory") : null,
        overview.directory ? fact(t("its CA", "根证书"), `${overview.directory}/ca.pem`, "ca") : null,
        overview.directory ? null : h("p", { class: "muted st-note" }, t("This sandbox has no directory. For DIR, save the files below as DIR/ca.pem and DIR/merchants/<mch_id>/….", "此沙箱没有目录。请把下面的文件存为 DIR/ca.pem 和 DIR/merchants/<mch_id>/…，代替程序中的 DIR。")),
        h("p", { class: "muted st-note" }, t("Point your SDK at the gateway instead of api.mch.weixin.qq.com and let it trust this CA. Everything else stays as it is.", "把 SDK 的 api.mch.weixin.qq.com 换成上面的网关，并信任这个根证书，其余都不用改。")),
      );
      replace(folders, merchants.slice(0, 4).map((merchant) => folder(merchant, overview.directory, ctx)), merchants.length > 4 ? h("a", { href: "#merchants" }, t(`All ${merchants.length} merchants`, `全部 ${merchants.length} 个商户`)) : null);
    }

    async function look() {
      try {
        state.overview = ctx.overview() ?? (await get("/overview"));
        const now = await progress(state.overview, `first.${state.overview.directory ?? state.overview.console}`);
        let count = 0;
        for (const [id, is] of Object.entries(now.done)) {
          const row = ticks[id].parentElement;
          if (is && row.dataset.done === "no") row.classList.add("st-just");
          row.dataset.done = is ? "yes" : "no";
          ticks[id].setAttribute("aria-label", is ? t("done", "已完成") : "");
          count += is ? 1 : 0;
        }
        done.textContent = count === 5 ? t("all done", "全部完成") : t(`${count} of 5`, `${count} / 5`);
        done.className = `tag ${count === 5 ? "ok" : ""}`;
        phone.href = now.packet ? `#phones?openid=${encodeURIComponent(now.packet.re_openid)}` : "#phones";
        why.hidden = !now.signature;
        if (now.signature) why.href = `#traffic?request=${now.signature.id}`;
        draw();
      } catch (error) {
        ctx.fail(error);
      }
    }

    async function people() {
      try {
        state.merchants = await get("/merchants");
        state.chosen ??= ctx.selection.get("mch_id");
        draw();
      } catch (error) {
        ctx.fail(error);
      }
    }

    const again = calm(look, 400);
    const named = calm(people, 1000);
    named();
    again();
    return {
      update(change) {
        if (touches(change, "packets", "requests", "state")) again();
        if (change === null) named();
      },
      overview(fresh) {
        state.overview = fresh;
        draw();
      },
    };
  },
};
