// Requests and callbacks in one list, newest first, and one of them in full.
// The page holds one part of the list at a time; the sandbox keeps the rest.

import { get, page, path, query } from "./api.js";
import { h, list, replace } from "./dom.js";
import { endpoint, ENDPOINTS, faultName, shortPath } from "./names.js";
import { calm, segments, select, touches } from "./pieces.js";
import { noticeKind, noticeState, noticeView } from "./traffic_notice.js";
import { requestView, took } from "./traffic_request.js";
import { t, time } from "./words.js";

/** Rows in the page. */
const ROWS = 60;
const FIRST = { before: null, offset: 0, from: 0 };
const NUMBER = /<(?:mch_billno|out_trade_no|out_refund_no|transaction_id|refund_id|bill_date)>(?:<!\[CDATA\[)?([^<\]]{1,64})/;

// Survive a change of language.
let filters = { kind: "", mch_id: "", path: "", refused: false, search: "" };

/** The newest of both lists from a place on, and the place of the next part. */
async function part(place) {
  const { kind, mch_id, path: at, refused, search } = filters;
  const nothing = { items: [], total: 0 };
  const [requests, notices] = await Promise.all([
    kind === "notices" ? nothing : page(`/requests${query({ limit: ROWS, before: place.before, mch_id, path: at, refused, search })}`),
    kind === "requests" || at ? nothing : page(`/notices${query({ newest: true, limit: ROWS, offset: place.offset, mch_id, delivered: refused ? "false" : null, search })}`),
  ]);
  const rows = [...notices.items.map((notice) => noticeRow(notice)), ...requests.items.map((request) => requestRow(request))];
  // At the same moment a callback follows the request that caused it.
  rows.sort((a, b) => b.at - a.at || (a.out === b.out ? b.id - a.id : a.out ? -1 : 1));
  const shown = rows.slice(0, ROWS);
  const asked = shown.filter((row) => !row.out);
  const told = shown.length - asked.length;
  return { rows: shown, more: rows.length > shown.length || requests.items.length < requests.total || notices.items.length + place.offset < notices.total, next: { before: asked.at(-1)?.id ?? place.before, offset: place.offset + told, from: place.from + shown.length } };
}

function requestRow({ id, at, path: whole, mch_id, request, status, code, note, fault, micros }) {
  const [kind, words] = fault ? ["warn", faultName(fault)] : code ? ["bad", code] : status === 200 ? (note ? ["bad", "FAIL"] : ["ok", "OK"]) : ["bad", status === null ? t("no answer", "没有应答") : `HTTP ${status}`];
  return { key: `request-${id}`, id, out: false, at, name: shortPath(whole), title: endpoint(whole), number: NUMBER.exec(request)?.[1] ?? "", mch_id: mch_id ?? "", kind, words, took: took(micros) };
}

function noticeRow(notice) {
  const [kind, words] = noticeState(notice);
  return { key: `notice-${notice.id}`, id: notice.id, out: true, at: notice.created, name: noticeKind(notice.kind), title: notice.url, number: notice.number, mch_id: notice.mch_id, kind, words, took: notice.attempts.length ? `×${notice.attempts.length}` : "" };
}

function rowView(row) {
  return h(
    "button",
    { class: "tr-row", type: "button", role: "option", "aria-selected": "false", dataset: { test: row.key, key: row.key } },
    h("span", { class: `tr-arrow ${row.out ? "tr-out" : "tr-in"}`, "aria-label": row.out ? t("callback", "回调") : t("request", "请求") }, row.out ? "←" : "→"),
    h("span", { class: "mono tr-time" }, time(row.at)),
    h("span", { class: "tr-name", title: row.title }, row.name),
    h("span", { class: "mono tr-number muted" }, row.number),
    h("span", { class: "mono tr-mch muted" }, row.mch_id),
    h("span", { class: `tag ${row.kind} tr-state` }, row.words),
    h("span", { class: "mono tr-took muted" }, row.took),
  );
}

export default {
  id: "traffic",
  title: { en: "Traffic", zh: "流量" },
  mount(root, ctx) {
    const state = { place: FIRST, before: [], next: null, paused: false, waiting: new Set(), chosen: null, tab: "fields", print: "" };
    const rows = h("div", { class: "tr-rows", role: "listbox", "aria-label": t("Requests and callbacks", "请求与回调"), dataset: { test: "traffic" } });
    const none = h("p", { class: "empty", hidden: true, dataset: { test: "traffic-empty" } });
    const detail = h("section", { class: "tr-detail card stack", tabindex: "-1", "aria-label": t("In full", "详情"), dataset: { test: "detail" } });
    const older = h("button", { class: "btn pa-small", type: "button", on: { click: () => turn(state.next) }, dataset: { test: "older" } }, t("older ›", "更早 ›"));
    const newer = h("button", { class: "btn pa-small", type: "button", on: { click: () => back() }, dataset: { test: "newer" } }, t("‹ newer", "‹ 更新"));
    const where = h("span", { class: "muted grow", dataset: { test: "traffic-place" } });
    const pause = h("button", { class: "btn pa-small", type: "button", on: { click: () => hold(!state.paused) }, dataset: { test: "pause" } });
    const search = h("input", { class: "input tr-search", type: "search", value: filters.search, placeholder: t("Search text, number, openid", "搜索文本、单号、openid"), "aria-label": t("Search", "搜索"), "data-filter": "", dataset: { test: "traffic-search" }, on: { input: () => narrow({ search: search.value.trim() }) } });
    const merchants = h("span");
    const shell = h(
      "div",
      { class: "tr" },
      h(
        "div",
        { class: "tr-list" },
        h(
          "div",
          { class: "tr-filters" },
          search,
          segments(t("Kind", "类型"), [["", t("all", "全部")], ["requests", t("→ requests", "→ 请求")], ["notices", t("← callbacks", "← 回调")]], filters.kind, (kind) => narrow({ kind }), "kind"),
          merchants,
          select([["", t("every endpoint", "全部接口")], ...ENDPOINTS.map(([whole, words]) => [whole, `${shortPath(whole)} · ${t(words)}`])], filters.path, (at) => narrow({ path: at }), { class: "select tr-select", "aria-label": t("Endpoint", "接口"), "data-test": "traffic-endpoint" }),
          h("label", { class: "tr-check" }, h("input", { type: "checkbox", checked: filters.refused, on: { change: (event) => narrow({ refused: event.target.checked }) }, dataset: { test: "refused-only" } }), t("refused only", "只看失败")),
        ),
        h("div", { class: "row tr-bar" }, where, newer, older, pause),
        rows,
        none,
      ),
      detail,
    );
    root.append(shell);

    function narrow(change) {
      filters = { ...filters, ...change };
      state.before = [];
      state.place = FIRST;
      look();
    }

    function turn(place) {
      if (!place) return;
      state.before.push(state.place);
      state.place = place;
      rows.scrollTop = 0;
      look();
    }

    function back() {
      state.place = state.before.pop() ?? FIRST;
      look();
    }

    function hold(paused) {
      state.paused = paused;
      state.waiting.clear();
      tell();
      if (!paused) look();
    }

    function tell() {
      pause.textContent = state.paused ? t(`▶ resume${state.waiting.size ? ` · ${state.waiting.size} new` : ""}`, `▶ 继续${state.waiting.size ? ` · ${state.waiting.size} 条新` : ""}`) : t("❚❚ pause", "❚❚ 暂停");
      pause.setAttribute("aria-pressed", String(state.paused));
    }

    const look = calm(async () => {
      const wanted = JSON.stringify([state.place, filters]);
      try {
        const found = await part(state.place);
        if (wanted !== JSON.stringify([state.place, filters])) return void look();
        state.next = found.more && found.rows.length ? found.next : null;
        list(rows, found.rows, (row) => row.key, rowView);
        mark();
        older.disabled = !state.next;
        newer.hidden = state.place.from === 0;
        where.textContent = found.rows.length ? t(`${state.place.from + 1}–${state.place.from + found.rows.length}, newest first`, `第 ${state.place.from + 1}–${state.place.from + found.rows.length} 条，最新在前`) : "";
        const any = Object.values(filters).some(Boolean);
        none.hidden = found.rows.length > 0;
        none.textContent = any ? t("Nothing fits these filters.", "没有符合筛选条件的记录。") : t("Nothing yet. Point a program at the gateway, and it appears here.", "还没有流量。让程序访问网关，记录会出现在这里。");
      } catch (error) {
        ctx.fail(error);
      }
    }, 350);

    function mark() {
      for (const row of rows.children) {
        const here = row.dataset.key === state.chosen;
        row.setAttribute("aria-selected", String(here));
        row.tabIndex = here ? 0 : -1;
      }
      if (!rows.querySelector('[aria-selected="true"]') && rows.firstChild) rows.firstChild.tabIndex = 0;
    }

    function choose(key) {
      if (state.chosen !== key) state.print = "";
      state.chosen = key;
      const [kind, id] = key.split("-");
      history.replaceState(null, "", `#traffic?${kind}=${id}`);
      mark();
      rows.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
      inFull();
    }

    const inFull = calm(async () => {
      const key = state.chosen;
      if (!key) return;
      const [kind, id] = key.split("-");
      try {
        const found = await get(`/${kind}s${path(id)}`);
        if (state.chosen !== key) return void inFull();
        const print = JSON.stringify([key, found]);
        if (print === state.print) return;
        state.print = print;
        const view = kind === "request" ? requestView(found, ctx, state.tab, (tab) => (state.tab = tab)) : noticeView(found, ctx, inFull);
        replace(detail, leave(), view);
      } catch (error) {
        if (state.chosen === key) replace(detail, leave(), h("p", { class: "empty" }, error.code === "not_found" ? t("The sandbox has forgotten it: it keeps the last ten thousand requests.", "沙箱已不再保留它：只保留最近一万个请求。") : error.message));
      }
      shell.classList.add("tr-open");
    }, 150);

    /** On a small screen the detail covers the list. */
    function leave() {
      return h("button", { class: "btn pa-small tr-back", type: "button", on: { click: close }, dataset: { test: "detail-back" } }, t("‹ list", "‹ 列表"));
    }

    function close() {
      shell.classList.remove("tr-open");
      rows.querySelector('[aria-selected="true"]')?.focus();
    }

    rows.addEventListener("click", (event) => {
      const row = event.target.closest(".tr-row");
      if (row) choose(row.dataset.key);
    });
    rows.addEventListener("keydown", (event) => {
      const all = [...rows.children];
      const place = all.indexOf(document.activeElement);
      const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1, PageDown: place + 12, PageUp: place - 12 }[event.key];
      if (target === undefined || place < 0) return;
      event.preventDefault();
      const row = all[Math.max(0, Math.min(all.length - 1, target))];
      // Where the detail covers the list, moving must not open it.
      if (matchMedia("(min-width: 1001px)").matches) choose(row.dataset.key);
      row.tabIndex = 0;
      row.focus();
    });
    shell.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && shell.classList.contains("tr-open") && !event.target.closest("input, select")) close();
    });

    async function people() {
      try {
        const all = await get("/merchants");
        replace(merchants, select([["", t("every merchant", "全部商户")], ...all.map((merchant) => [merchant.mch_id, `${merchant.name} ${merchant.mch_id}`])], filters.mch_id, (mch_id) => narrow({ mch_id }), { class: "select tr-select", "aria-label": t("Merchant", "商户"), "data-test": "traffic-merchant" }));
      } catch (error) {
        ctx.fail(error);
      }
    }

    function follow(params) {
      const key = params.request ? `request-${params.request}` : params.notice ? `notice-${params.notice}` : null;
      if (key && /^(request|notice)-\d+$/.test(key)) choose(key);
    }

    replace(detail, h("p", { class: "empty" }, t("Choose one on the left: fields, bytes, certificate, and why it was refused.", "请在左侧选择一条：可看字段、原文、证书以及失败原因。"), h("br"), h("br"), h("kbd", {}, "↑"), " ", h("kbd", {}, "↓")));
    tell();
    people();
    look();
    follow(ctx.params);
    return {
      update(change) {
        const news = touches(change, "requests", "notices");
        if (news && state.paused) {
          for (const kind of ["requests", "notices"]) for (const id of change?.topics[kind] ?? []) state.waiting.add(`${kind}-${id}`);
          tell();
        } else if (news && state.place.from === 0) look();
        const [kind, id] = (state.chosen ?? "").split("-");
        if (id && (change === null || change.topics[`${kind}s`]?.includes(id))) inFull();
      },
      params(params) {
        follow(params);
        return true;
      },
    };
  },
};
