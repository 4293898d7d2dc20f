// The frame of the page: rail, clock, books, languages, themes, keys; and the
// panel that is open.

import { follow, get } from "./api.js";
import { dialog, h, replace, svg } from "./dom.js";
import { beijing, choose, lang, t } from "./words.js";
import start from "./start.js";
import phones from "./phones.js";
import merchants from "./merchants.js";
import traffic from "./traffic.js";
import time from "./time.js";
import books from "./books.js";

const PANELS = [start, phones, merchants, traffic, time, books];

// Drawn here: one path each, on a square of 24.
const ICONS = {
  start: "M4 11 12 4l8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z",
  phones: "M8 2.5h8a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5H8A1.5 1.5 0 0 1 6.5 20V4A1.5 1.5 0 0 1 8 2.5zM10.5 18.5h3",
  merchants: "M4 10h16v10H4zM3 10l2-6h14l2 6M9 20v-6h6v6",
  traffic: "M7 4v14m0 0-3.5-3.5M7 18l3.5-3.5M17 20V6m0 0-3.5 3.5M17 6l3.5 3.5",
  time: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2.5",
  books: "M4 5.5c3-1.2 5.500-1.200 8 .5 2.500-1.700 5-1.700 8-.5v13c-3-1.200-5.500-1.200-8 .5-2.500-1.700-5-1.700-8-.5zM12 6v13",
};

const icon = (name) => svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

let overview = null;
// Of the sandbox's clock against this machine's, while it runs.
let offset = 0;
let open = null;
let connected = false;
// Why the sandbox has stopped, if it has.
let stopped = null;
const selected = {};

const ctx = {
  params: {},
  go(panel, params) {
    const query = new URLSearchParams(params ?? {}).toString();
    location.hash = query ? `${panel}?${query}` : panel;
  },
  overview: () => overview,
  now: () => (overview === null ? Date.now() : overview.clock === "frozen" ? overview.now : Date.now() + offset),
  selection: { get: (name) => selected[name], set: (name, value) => (selected[name] = value) },
  refresh: () => look(),
  toast: (text, kind) => toast(text, kind),
  fail(error) {
    const what = error?.message ?? String(error);
    toast(error?.next_step ? `${what}. ${error.next_step}` : what, "bad");
  },
};

function toast(text, kind) {
  const note = h("div", { class: `toast ${kind ?? ""}`, dataset: { test: "toast" } }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 8000 : 3500);
}

// The rail.

function rail() {
  const current = open?.panel.id;
  document.querySelector(".skip").textContent = t("Skip to the content", "跳到内容");
  replace(
    document.getElementById("rail"),
    h("div", { class: "rail-brand", "aria-hidden": "true" }, svg("svg", { viewBox: "0 0 32 32" }, svg("rect", { x: 5, y: 2, width: 22, height: 28, rx: 4, fill: "#e64340" }), svg("path", { d: "M5 9q11 9 22 0V6a4 4 0 0 0-4-4H9a4 4 0 0 0-4 4z", fill: "#d63a36" }), svg("circle", { cx: 16, cy: 15, r: 5, fill: "#f6d9a3" }))),
    PANELS.map((panel, position) =>
      h("a", { class: "rail-item", href: `#${panel.id}`, "aria-current": panel.id === current ? "page" : null, title: `${t(panel.title)} (${position + 1})`, dataset: { test: `nav-${panel.id}` } }, icon(panel.id), h("span", {}, t(panel.title))),
    ),
  );
}

// The head: where the clock stands, whether the books are balanced, and switches.

const head = { clock: null, books: null, line: null };

function drawHead() {
  head.clock = h("button", { class: "head-clock mono btn-quiet", title: t("Beijing time of the sandbox; opens Time & faults", "沙箱的北京时间；点击打开“时间与故障”"), on: { click: () => ctx.go("time") }, dataset: { test: "clock" } });
  head.books = h("button", { class: "tag", on: { click: () => ctx.go("books") }, dataset: { test: "books-state" } });
  head.line = h("span", { class: "tag head-line", dataset: { test: "line" } });
  const language = h("button", { class: "btn btn-quiet", on: { click: () => speak(lang() === "zh" ? "en" : "zh") }, dataset: { test: "language" }, "aria-label": t("切换到中文", "Switch to English") }, t("中文", "EN"));
  const theme = h("button", { class: "btn btn-quiet", on: { click: turn }, dataset: { test: "theme" }, "aria-label": t("Light or dark", "浅色或深色") }, svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: "M12 3.500a8.500 8.500 0 1 0 8.500 8.500 6.500 6.500 0 0 1-8.500-8.500z" })));
  const keys = h("button", { class: "btn btn-quiet head-keys", on: { click: help }, "aria-label": t("Keys", "快捷键"), dataset: { test: "keys" } }, "?");
  replace(document.getElementById("head"), h("h1", { class: "grow head-title" }, open ? t(open.panel.title) : ""), head.line, head.books, head.clock, language, theme, keys);
  tick();
  tell();
}

function tick() {
  if (!head.clock || overview === null) return;
  replace(head.clock, beijing(ctx.now()), overview.clock === "frozen" ? h("span", { class: "muted" }, t(" frozen", " 已冻结")) : null);
}

function tell() {
  if (!head.books) return;
  head.line.hidden = connected && stopped === null;
  head.line.className = "tag bad head-line";
  head.line.textContent = stopped === null ? t("reconnecting…", "重新连接…") : t("stopped: its state cannot be stored", "已停止：状态无法保存");
  head.line.title = stopped?.next_step ?? "";
  if (overview === null) return;
  const fine = overview.books.balanced;
  head.books.className = `tag ${fine ? "ok" : "bad"}`;
  head.books.textContent = fine ? t("balanced", "账目平衡") : t("NOT BALANCED", "账目不平");
}

// What the sandbox says of itself, asked for once a second at most.

let looking = false;
let again = false;

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const fresh = await get("/overview");
    overview = fresh;
    stopped = null;
    offset = fresh.now - Date.now();
    tick();
    tell();
    open?.live?.overview?.(overview);
  } catch (error) {
    if (error.code === "stopped") {
      stopped = error;
      tell();
    }
    if (error.code === "unauthorized") locked(error);
  }
  setTimeout(() => {
    looking = false;
    if (again) {
      again = false;
      look();
    }
  }, 500);
}

let shut = false;

/** Nothing but a field for the token, which the next load takes from the address. */
function locked(error) {
  if (shut) return;
  shut = true;
  open?.live?.unmount?.();
  const given = h("input", { class: "input grow", type: "password", autocomplete: "off", "aria-label": t("Token", "令牌"), dataset: { test: "token" } });
  const enter = (event) => {
    event.preventDefault();
    location.hash = `token=${encodeURIComponent(given.value)}`;
  };
  replace(
    document.getElementById("main"),
    h("form", { class: "card stack", on: { submit: enter } }, h("h2", {}, t("This console asks for a token", "此控制台需要令牌")), h("p", {}, error.message), h("div", { class: "row" }, given, h("button", { class: "btn btn-primary", type: "submit" }, t("Enter", "进入"))), h("p", { class: "muted" }, t("It is the one that the sandbox was started with; it lies in console.token in its directory.", "即启动沙箱时指定的令牌，保存在沙箱目录的 console.token 中。"))),
  );
  given.focus();
}

// Panels.

function route() {
  if (shut) return;
  const [id, query] = location.hash.replace(/^#/, "").split("?");
  const fallback = overview && overview.counts.packets + overview.counts.orders > 0 ? phones : start;
  const panel = PANELS.find((panel) => panel.id === id) ?? fallback;
  ctx.params = Object.fromEntries(new URLSearchParams(query ?? ""));
  if (open?.panel === panel && open.live?.params?.(ctx.params)) {
    return;
  }
  show(panel);
}

function show(panel) {
  open?.live?.unmount?.();
  const main = document.getElementById("main");
  replace(main);
  main.dataset.panel = panel.id;
  open = { panel, live: null };
  open.live = panel.mount(main, ctx) ?? {};
  document.title = `${t(panel.title)} · hongbao sandbox`;
  rail();
  drawHead();
}

function speak(language) {
  choose(language);
  const had = document.activeElement?.dataset?.test;
  show(open.panel);
  if (had === "language") document.querySelector('[data-test="language"]').focus();
}

function turn() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  paint(dark ? "light" : "dark");
}

function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  try {
    if (theme) localStorage.setItem("hongbao.theme", theme);
  } catch {
    // As with the language.
  }
}

function help() {
  const keys = [
    ["1 … 6", t("open a panel", "打开面板")],
    ["/", t("go to the filter", "转到筛选框")],
    ["Tab", t("next element", "下一个元素")],
    ["Enter", t("act", "执行")],
    ["Esc", t("close", "关闭")],
    ["L", t("language", "切换语言")],
    ["D", t("light or dark", "浅色或深色")],
    ["?", t("this list", "显示此列表")],
  ];
  dialog(t("Keys", "快捷键"), t("Close", "关闭"), h("table", { class: "table" }, h("tbody", {}, keys.map(([key, what]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, what))))));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const panel = PANELS[Number(event.key) - 1];
  if (panel && event.key.length === 1) ctx.go(panel.id);
  else if (event.key === "/") document.querySelector("[data-filter]")?.focus();
  else if (event.key === "?") help();
  else if (event.key.toLowerCase() === "l") speak(lang() === "zh" ? "en" : "zh");
  else if (event.key.toLowerCase() === "d") turn();
  else return;
  event.preventDefault();
});

addEventListener("hashchange", () => {
  // The address was given a token by hand: it is read when the page loads.
  if (location.hash.startsWith("#token=")) {
    location.reload();
    return;
  }
  const before = open;
  route();
  // From one panel to another, the next Tab is to be in the panel.
  if (open !== before) document.getElementById("main").focus({ preventScroll: true });
});
setInterval(tick, 1000);

choose(lang());
try {
  paint(localStorage.getItem("hongbao.theme"));
} catch {
  // As with the language.
}
if (location.hash.length > 1) {
  route();
  look();
} else {
  await look();
  route();
}
// Without its token it would be turned away again and again.
if (!shut) listen();

function listen() {
  follow(heard, (state) => {
    connected = state;
    tell();
  });
}

function heard(change) {
  look();
  open?.live?.update?.(change);
}
