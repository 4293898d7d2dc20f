// One callback: what is told, each time it was posted with the answer and what
// became of it, and ways to post it again.

import { page, path, post } from "./api.js";
import { dialog, h, list, replace } from "./dom.js";
import { code, segments } from "./pieces.js";
import { pretty } from "./traffic_request.js";
import { ago, beijing, t, time } from "./words.js";

const KINDS = {
  paid: { en: "payment told", zh: "支付结果通知" },
  refunded: { en: "refund told", zh: "退款结果通知" },
};

/** What a callback tells, in words. */
export const noticeKind = (kind) => (KINDS[kind] ? t(KINDS[kind]) : kind);

const received = (attempt) => attempt.verdict.verdict === "success";

/** How it stands: the tag's class and its words. */
export function noticeState(notice) {
  if (notice.delivered) return ["ok", t("received", "已接收")];
  if (notice.attempts.length === 0) return ["", notice.next === null ? t("never sent", "未发送") : t("waiting", "待发送")];
  return notice.next === null ? ["bad", t("given up", "已放弃")] : ["warn", t("will be repeated", "将重试")];
}

/** The whole of a callback, from `GET /notices/{id}`. */
export function noticeView(notice, ctx, again) {
  const [kind, words] = noticeState(notice);
  const act = (label, test, options) => h("button", { class: "btn pa-small", type: "button", dataset: { test }, on: { click: (event) => resend(event.currentTarget, notice, options, ctx, again) } }, label);
  const below = h("div");
  const draw = (how) => replace(below, code(how === "pretty" ? pretty(notice.body) : notice.body, "notice-body"));
  draw("raw");
  return [
    h("header", { class: "tr-title" }, h("span", { class: "tr-arrow tr-out", "aria-hidden": "true" }, "←"), h("h2", { class: "mono tr-path", dataset: { test: "detail-path" } }, `POST ${notice.url}`)),
    h("div", { class: "row" }, h("span", {}, noticeKind(notice.kind)), h("span", { class: `tag ${kind}`, dataset: { test: "notice-state" } }, words), notice.next !== null ? h("span", { class: "muted" }, t("next ", "下次 "), ago(notice.next, ctx.now())) : null),
    h("p", { class: "muted tr-meta" }, h("span", { class: "mono" }, `#${notice.id}`), h("span", {}, beijing(notice.created)), h("span", { class: "mono" }, notice.number), h("a", { href: `#merchants?mch_id=${encodeURIComponent(notice.mch_id)}` }, notice.mch_id)),
    h("section", { class: "tr-box" }, h("h3", {}, t("Post it again", "再次发送")), h("div", { class: "row" }, act(t("once", "一次"), "resend-once", {}), act(t("five times", "五次"), "resend-five", { times: 5 }), act(t("with a flipped byte", "翻转一个字节"), "resend-flip", { flip: true }), h("button", { class: "btn pa-small", type: "button", dataset: { test: "resend-order" }, on: { click: () => disorder(ctx, again) } }, t("several, out of order…", "多条乱序…"))), h("p", { class: "muted" }, t("A handler must survive all of these: the same twice, the later before the earlier, and never believe a changed byte.", "处理程序必须经得起这些：重复、乱序，并且绝不相信被改动的字节。"))),
    h("section", { class: "stack" }, h("h3", {}, t(`Attempts (${notice.attempts.length})`, `发送记录（${notice.attempts.length}）`)), notice.attempts.length ? attempts(notice) : h("p", { class: "muted" }, t("It was not posted yet.", "尚未发送。"))),
    h("section", { class: "stack" }, h("div", { class: "row" }, h("h3", { class: "grow" }, t("What is posted", "发送的内容")), segments(t("How", "方式"), [["raw", t("as posted", "原样")], ["pretty", t("one element a line", "逐行")]], "raw", draw, "notice")), below),
  ];
}

/** The last ones of many; a duplicate may have been sent a hundred times. */
function attempts(notice) {
  const shown = notice.attempts.slice(-30).reverse();
  const row = (attempt, place) =>
    h(
      "li",
      { class: "tr-attempt", dataset: { test: "attempt" } },
      h("span", { class: "mono muted" }, `${notice.attempts.length - place}`),
      h("div", { class: "grow" }, h("div", { class: "row" }, h("span", { class: "mono" }, time(attempt.at)), h("span", { class: `tag ${received(attempt) ? "ok" : "warn"}` }, received(attempt) ? t("received", "已接收") : t("again", "将重试")), attempt.status === null ? null : h("span", { class: "tag" }, `HTTP ${attempt.status}`), h("span", { class: "muted" }, `${attempt.millis} ms`)), received(attempt) ? null : h("p", { class: "warn", dataset: { test: "verdict" } }, attempt.verdict.why), attempt.answer ? h("pre", { class: "mono tr-answer" }, attempt.answer) : null),
    );
  return h("ol", { class: "tr-attempts" }, shown.map(row));
}

async function resend(button, notice, options, ctx, again) {
  button.disabled = true;
  const before = notice.attempts.length;
  try {
    const after = await post(`/notices${path(notice.id)}/resend`, options);
    const fresh = after.attempts.slice(before);
    const fine = fresh.filter(received).length;
    const refused = options.flip && fresh.length && fine === 0;
    ctx.toast(options.flip ? (refused ? t("Your backend did not take it. Good.", "商户没有接受，很好。") : t("Your backend took a changed notification!", "商户接受了被改动的通知！")) : t(`posted ${fresh.length} times, received ${fine} times`, `已发送 ${fresh.length} 次，接收 ${fine} 次`), options.flip && !refused ? "bad" : "");
    again();
  } catch (error) {
    ctx.fail(error);
  }
  button.disabled = false;
}

/** Chooses several and posts them in the order of choosing. */
async function disorder(ctx, again) {
  const chosen = [];
  let items;
  try {
    ({ items } = await page("/notices?newest=true&limit=50"));
  } catch (error) {
    ctx.fail(error);
    return;
  }
  const rows = h("div", { class: "tr-choose" });
  const go = h("button", { class: "btn btn-primary", type: "button", disabled: true, dataset: { test: "order-post" } });
  const draw = () => {
    list(
      rows,
      items.map((notice) => ({ id: notice.id, kind: notice.kind, number: notice.number, at: notice.created, place: chosen.indexOf(notice.id) + 1 })),
      (item) => item.id,
      (item) => h("button", { class: "tr-choice", type: "button", "aria-pressed": String(item.place > 0), dataset: { test: `choose-${item.id}` }, on: { click: () => choose(item.id) } }, h("span", { class: "tr-place" }, item.place || ""), h("span", { class: "mono muted" }, `#${item.id}`), h("span", {}, noticeKind(item.kind)), h("span", { class: "mono grow" }, item.number), h("span", { class: "mono muted" }, time(item.at))),
    );
    go.disabled = chosen.length < 1;
    go.textContent = chosen.length ? t(`Post ${chosen.length} in this order`, `按此顺序发送 ${chosen.length} 条`) : t("Choose first", "请先选择");
  };
  const choose = (id) => {
    const place = chosen.indexOf(id);
    if (place < 0) chosen.push(id);
    else chosen.splice(place, 1);
    draw();
  };
  draw();
  const close = dialog(t("Out of order", "乱序发送"), t("Close", "关闭"), h("div", { class: "stack" }, h("p", { class: "muted" }, t("They are posted in the order in which you choose them.", "按选择的先后顺序发送。")), rows, h("div", { class: "row" }, go)));
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      const done = await post("/notices/resend", { ids: chosen });
      close();
      ctx.toast(t(`posted ${done.length}, received ${done.filter((notice) => notice.attempts.length && received(notice.attempts.at(-1))).length}`, `已发送 ${done.length} 条`));
      again();
    } catch (error) {
      ctx.fail(error);
      go.disabled = false;
    }
  });
}
