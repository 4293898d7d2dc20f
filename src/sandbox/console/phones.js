// The phones of the users: a list, and one to three of them side by side.

import { get, page, path, put, query } from "./api.js";
import { dialog, h, list, replace } from "./dom.js";
import { ago, t, yuan } from "./words.js";
import { icon, shortId, userAvatar } from "./phones_draw.js";
import { openPhone } from "./phones_phone.js";

const PAGE = 50;
const MOST = 3;
/** At most one look at the sandbox in so many milliseconds. */
const PACE = 300;
const TOPICS = ["users", "packets", "postings", "orders", "refunds", "codes", "settings", "state"];

// Survive a change of language.
let pinned = [];
let search = "";

/** An openid as WeChat makes them: 28 characters, the first an o. */
function someOpenid() {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const random = crypto.getRandomValues(new Uint8Array(27));
  return `o${[...random].map((byte) => letters[byte % letters.length]).join("")}`;
}

export default {
  id: "phones",
  title: { en: "Phones", zh: "手机" },
  mount(root, ctx) {
    let limit = PAGE;
    let total = 0;
    let users = [];
    let merchants = [];
    let ended = false;
    const phones = new Map();
    const activity = new Map();
    const apps = new Set();

    const field = h("input", { class: "input ph-search", type: "search", value: search, placeholder: t("Search openid", "搜索 openid"), "aria-label": t("Search openid", "搜索 openid"), dataset: { filter: "", test: "user-search" }, on: { input: () => ((search = field.value.trim()), (limit = PAGE), soon(look)) } });
    const rows = h("div", { class: "ph-rows-of-users", dataset: { test: "users" } });
    const more = h("button", { class: "btn ph-more", hidden: true, dataset: { test: "users-more" }, on: { click: () => ((limit += PAGE), look()) } });
    const count = h("span", { class: "muted ph-count", dataset: { test: "users-count" } });
    const nobody = h("p", { class: "empty", hidden: true }, t("Nobody yet. Send a red packet to any openid, or make a user.", "还没有用户。给任意 openid 发一个红包，或新建用户。"));
    const aside = h("aside", { class: "ph-list", "aria-label": t("Users", "用户") }, h("div", { class: "ph-list-head" }, field, h("button", { class: "btn ph-new-user", "aria-label": t("New user", "新建用户"), title: t("New user", "新建用户"), dataset: { test: "new-user" }, on: { click: makeUser } }, "+")), h("div", { class: "ph-list-scroll" }, nobody, rows, more, count));
    const stage = h("div", { class: "ph-stage", dataset: { test: "stage" } });
    const panel = h("div", { class: "ph-panel" }, aside, stage);
    root.append(panel);

    // A look is made at most once in a while, and never two at a time.
    const paces = new Map();
    function soon(act) {
      const pace = paces.get(act) ?? { busy: false, again: false };
      paces.set(act, pace);
      if (pace.busy) {
        pace.again = true;
        return;
      }
      pace.busy = true;
      Promise.allSettled([act(), new Promise((done) => setTimeout(done, PACE))]).then(() => {
        pace.busy = false;
        if (pace.again && !ended) {
          pace.again = false;
          soon(act);
        }
      });
    }

    async function look() {
      let found;
      try {
        found = await page(`/users${query({ offset: 0, limit, search })}`);
      } catch (error) {
        if (!ended) ctx.fail(error);
        return;
      }
      if (ended) return;
      // A merchant may have come since.
      if (found.items.some((user) => !apps.has(user.app_id))) {
        for (const user of found.items) apps.add(user.app_id);
        learn();
      }
      users = found.items;
      total = found.total;
      draw();
      if (shown().length === 0 && !narrow() && users.length > 0) choose(users[0].openid);
    }

    const narrow = () => matchMedia("(max-width: 720px)").matches;
    const current = () => ctx.selection.get("openid") ?? null;

    /** Who is on the stage: those pinned, and the chosen one. */
    function shown() {
      const own = current();
      if (narrow()) return own ? [own] : [];
      return own && !pinned.includes(own) ? [...pinned, own] : [...pinned];
    }

    function choose(openid) {
      if (!pinned.includes(openid) && pinned.length >= MOST) pinned = pinned.slice(1);
      ctx.selection.set("openid", openid);
      stand();
      draw();
    }

    function pin(openid) {
      if (pinned.includes(openid)) {
        pinned = pinned.filter((own) => own !== openid);
      } else {
        // Beside what lies there.
        pinned = [...new Set([...shown(), openid])].slice(-MOST);
        ctx.selection.set("openid", openid);
      }
      stand();
      draw();
    }

    function putAway(openid) {
      pinned = pinned.filter((own) => own !== openid);
      if (current() === openid) ctx.selection.set("openid", pinned.at(-1) ?? null);
      stand();
      draw();
    }

    /** Puts the phones on the stage that belong there. */
    function stand() {
      const wanted = shown();
      for (const [openid, phone] of phones) {
        if (wanted.includes(openid)) continue;
        phone.end();
        phones.delete(openid);
      }
      for (const openid of wanted) {
        if (phones.has(openid)) continue;
        phones.set(openid, openPhone(openid, ctx, { leave: () => putAway(openid), pin: () => pin(openid), close: () => putAway(openid), pinned: () => pinned.includes(openid), nameOf }));
      }
      list(stage, wanted, (openid) => openid, (openid) => phones.get(openid).node);
      panel.dataset.view = wanted.length ? "phone" : "list";
      stage.dataset.phones = String(wanted.length);
      for (const phone of phones.values()) phone.redraw();
      if (wanted.length === 0) replace(stage, h("p", { class: "empty" }, t("Choose a user to see the phone.", "选择一位用户，查看其手机。")));
    }

    const nameOf = (mch_id) => merchants.find((merchant) => merchant.mch_id === mch_id)?.name;

    function draw() {
      const now = ctx.now();
      const on = shown();
      const items = users.map((user) => {
        const before = activity.get(user.openid);
        const fresh = before !== undefined && user.last_activity > before;
        activity.set(user.openid, user.last_activity ?? 0);
        return { ...user, on: on.includes(user.openid), pinned: pinned.includes(user.openid), when: user.last_activity ? ago(user.last_activity, now) : "", fresh: fresh ? user.last_activity : 0 };
      });
      list(rows, items, (user) => user.openid, row);
      nobody.hidden = total > 0 || search !== "";
      count.textContent = total === 0 && search !== "" ? t("No such user.", "没有匹配的用户。") : total > 0 ? t(`${users.length} of ${total.toLocaleString("en-US")}`, `${users.length} / ${total.toLocaleString("en-US")}`) : "";
      more.hidden = users.length >= total;
      more.textContent = t("More", "更多");
    }

    function row(user) {
      const name = merchants.find((merchant) => merchant.app_id === user.app_id)?.name ?? user.app_id;
      const marks = [user.risk_blocked ? t("blocked", "风控") : null, user.opens?.kind === "never" ? t("never opens", "不拆") : null, user.opens?.kind === "refuses" ? t("refuses", "拒收") : null, user.opens?.kind === "after" ? t("opens by itself", "自动拆") : null, user.real_name === false ? t("no name", "未实名") : null].filter(Boolean);
      return h(
        "div",
        { class: `ph-user ${user.on ? "ph-user-on" : ""} ${user.fresh ? "ph-user-fresh" : ""}`, dataset: { test: "user", openid: user.openid } },
        h(
          "button",
          { class: "ph-user-open", "aria-current": user.on ? "true" : null, dataset: { test: `user-${user.openid}` }, on: { click: (event) => (event.shiftKey && !pinned.includes(user.openid) ? pin(user.openid) : choose(user.openid)) } },
          h("span", { class: "ph-user-face" }, userAvatar(user.openid), user.unopened ? h("span", { class: "ph-badge", "aria-label": t(`${user.unopened} unopened`, `${user.unopened} 个未拆`), dataset: { test: "badge" } }, user.unopened > 99 ? "99+" : user.unopened) : null),
          h("span", { class: "ph-user-text" }, h("span", { class: "ph-user-name", title: user.openid }, shortId(user.openid)), h("span", { class: "ph-user-line" }, `¥${yuan(user.balance ?? 0)} · ${name}`), marks.length ? h("span", { class: "ph-user-marks" }, marks.map((mark) => h("span", { class: "ph-mark" }, mark))) : null),
          h("span", { class: "ph-user-when" }, user.when),
        ),
        h("button", { class: "ph-user-pin", "aria-pressed": String(user.pinned), "aria-label": user.pinned ? t("Unpin", "取消并排") : t("Pin beside others", "并排固定"), title: user.pinned ? t("Unpin", "取消并排") : t("Pin beside others", "并排固定"), dataset: { test: `pin-${user.openid}` }, on: { click: () => pin(user.openid) } }, icon("pin")),
      );
    }

    function makeUser() {
      const openid = h("input", { class: "input mono", value: someOpenid(), maxlength: 128, spellcheck: "false", autocomplete: "off", dataset: { test: "new-openid" } });
      const apps = h("select", { class: "select", dataset: { test: "new-appid" } }, merchants.map((merchant) => h("option", { value: merchant.app_id }, `${merchant.name} · ${merchant.app_id}`)));
      const again = h("button", { class: "btn", type: "button", on: { click: () => (openid.value = someOpenid()) } }, t("another", "换一个"));
      const form = h("form", { class: "stack ph-form", on: { submit: make } }, h("label", { class: "field" }, t("openid", "openid"), h("span", { class: "row ph-form-row" }, openid, again)), h("label", { class: "field" }, t("of the appid", "所属 appid"), apps), h("div", { class: "row" }, h("button", { class: "btn btn-primary", dataset: { test: "new-user-make" } }, t("Make the user", "新建"))));
      const end = dialog(t("New user", "新建用户"), t("Close", "关闭"), form);
      openid.select();
      async function make(event) {
        event.preventDefault();
        const id = openid.value.trim();
        if (id === "") return openid.focus();
        try {
          await put(`/users${path(id)}`, { app_id: apps.value });
        } catch (error) {
          return ctx.fail(error);
        }
        end();
        choose(id);
        look();
      }
    }

    const wide = matchMedia("(max-width: 720px)");
    const turned = () => (stand(), draw());
    wide.addEventListener("change", turned);
    const tick = () => {
      for (const phone of phones.values()) phone.tick();
    };
    const beat = setInterval(tick, 1000);
    const ageing = setInterval(draw, 30_000);

    function learn() {
      return get("/merchants").then((found) => {
        merchants = found;
        if (!ended) draw();
      }, ctx.fail);
    }

    if (ctx.params.openid) ctx.selection.set("openid", ctx.params.openid);
    stand();
    look();
    learn();

    return {
      params(params) {
        if (params.openid) choose(params.openid);
        return true;
      },
      update(change) {
        if (change !== null && !TOPICS.some((topic) => change.topics[topic])) return;
        if (change === null) learn();
        soon(look);
        for (const phone of phones.values()) soon(phone.refresh);
      },
      overview() {
        draw();
        tick();
      },
      unmount() {
        ended = true;
        clearInterval(beat);
        clearInterval(ageing);
        wide.removeEventListener("change", turned);
        for (const phone of phones.values()) phone.end();
      },
    };
  },
};
