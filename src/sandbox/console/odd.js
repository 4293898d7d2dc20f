// Answers that are odd but legal, and the probe that is not: for clients to
// prove what they tolerate, and what they must not believe.

import { get, put } from "./api.js";
import { h, replace } from "./dom.js";
import { calm, card, segments } from "./pieces.js";
import { t } from "./words.js";

const SWITCHES = [
  ["element_order", { en: "elements in another order each time", zh: "元素顺序每次不同" }, { en: "A client must not rely on order.", zh: "客户端不应依赖顺序。" }],
  ["extra_fields", { en: "new fields", zh: "新增字段" }, { en: "Two fields that nobody knows yet, one empty; signed along.", zh: "两个未知字段，其中一个为空；参与签名。" }],
  ["err_code_on_success", { en: "err_code=SUCCESS on success", zh: "成功时也带 err_code=SUCCESS" }, { en: "Only result_code decides.", zh: "只看 result_code。" }],
  ["wrong_sign", { en: "probe: a wrong signature", zh: "探测：错误的签名" }, { en: "Not legal: a client must not believe such an answer.", zh: "不合法：客户端不得相信这样的应答。" }],
];
const CDATA = [
  ["official", { en: "as usual", zh: "照常" }],
  ["all", { en: "everything", zh: "全部" }],
  ["none", { en: "nothing", zh: "没有" }],
  ["mixed", { en: "mixed", zh: "混合" }],
];

/** The card of odd answers. */
export function oddAnswers(ctx) {
  const rows = h("div", { class: "stack" });
  const state = h("span", { class: "tag", dataset: { test: "odd-state" } });
  let print = "";

  async function change(part) {
    try {
      draw(await put("/answers", part));
    } catch (error) {
      ctx.fail(error);
      print = "";
      look();
    }
  }

  function draw(answers) {
    if (JSON.stringify(answers) === print) return;
    print = JSON.stringify(answers);
    const on = SWITCHES.filter(([name]) => answers[name]).length + (answers.cdata === "official" ? 0 : 1);
    state.textContent = on ? t(`${on} on`, `已开启 ${on} 项`) : t("all off", "全部关闭");
    state.className = `tag ${answers.wrong_sign ? "bad" : on ? "warn" : ""}`;
    const focus = document.activeElement?.dataset?.test;
    const row = ([name, title, help]) =>
      h("label", { class: "ti-odd" }, h("input", { type: "checkbox", role: "switch", class: "me-switch", checked: answers[name], on: { change: (event) => change({ [name]: event.target.checked }) }, dataset: { test: `odd-${name}` } }), h("span", {}, h("span", { class: name === "wrong_sign" ? "bad" : "" }, t(title)), h("span", { class: "muted ti-help" }, t(help))));
    replace(rows, SWITCHES.map(row), h("div", { class: "row" }, h("span", {}, t("CDATA around", "CDATA 包裹")), segments("CDATA", CDATA.map(([id, title]) => [id, t(title)]), answers.cdata, (cdata) => change({ cdata }), "odd-cdata")));
    if (focus) rows.querySelector(`[data-test="${CSS.escape(focus)}"]`)?.focus();
  }

  const look = calm(async () => {
    try {
      draw(await get("/answers"));
    } catch (error) {
      ctx.fail(error);
    }
  }, 500);
  look();
  return { node: card(t("Odd but legal answers", "奇特但合法的应答"), state, rows), look };
}
