// Failures on demand: a form for each of the two kinds, and the rules in force.

import { del, get, post } from "./api.js";
import { h, list, replace } from "./dom.js";
import { endpoint, ENDPOINTS, FAULTS, faultEffect, faultName, NOTICE_FAULTS, shortPath } from "./names.js";
import { calm, card, segments, select } from "./pieces.js";
import { t } from "./words.js";

/** What the user chose of a table of faults, with the field that it needs. */
function chooser(table, test) {
  let kind = table[0][0];
  const effect = h("p", { class: "muted ti-effect", "aria-live": "polite" });
  const extra = h("span", { class: "row" });
  let input = null;
  const draw = () => {
    const field = table.find(([own]) => own === kind)[3];
    effect.textContent = faultEffect({ kind }, table);
    input = field ? h("input", { class: `input ${field.name === "code" ? "ti-code" : "ti-number"}`, value: String(field.value), "aria-label": t(field), inputmode: field.name === "code" ? null : "numeric", dataset: { test: `${test}-${field.name}` } }) : null;
    replace(extra, input, input ? h("span", { class: "muted" }, t(field)) : null);
  };
  const pick = (value) => {
    kind = value;
    draw();
  };
  draw();
  return {
    select: select(table.map(([own, title]) => [own, t(title)]), kind, pick, { "data-test": `${test}-kind`, "aria-label": t("What goes wrong", "故障类型"), class: "select ti-kind" }),
    extra,
    effect,
    value() {
      const field = table.find(([own]) => own === kind)[3];
      if (!field) return { kind };
      const text = input.value.trim();
      if (field.name !== "code" && !/^\d{1,9}$/.test(text)) throw { message: t(`${t(field)}: a whole number`, `${t(field)}：请填写整数`) };
      return { kind, [field.name]: field.name === "code" ? text : Number(text) };
    },
  };
}

const words = (rule) => ("next" in rule.when ? t(`the next ${rule.when.next} calls`, `接下来 ${rule.when.next} 次`) : t(`${rule.when.per_mille.rate} of 1000, seed ${rule.when.per_mille.seed}`, `千分之 ${rule.when.per_mille.rate}，种子 ${rule.when.per_mille.seed}`));

/** The card of faults of calls. */
export function faultForm(ctx) {
  let path = "";
  let when = "next";
  const what = chooser(FAULTS, "fault");
  const number = (test, value, label) => h("input", { class: "input ti-number", inputmode: "numeric", value, "aria-label": label, dataset: { test } });
  const count = number("fault-next", "1", t("How many calls", "次数"));
  const rate = number("fault-rate", "50", t("Per mille", "千分比"));
  const seed = number("fault-seed", "7", t("Seed", "种子"));
  const detail = h("span", { class: "row" });
  const error = h("p", { class: "pa-error", role: "alert", dataset: { test: "fault-error" } });
  const rows = h("ul", { class: "ti-rules", dataset: { test: "fault-rules" } });
  const none = h("p", { class: "muted", dataset: { test: "fault-none" } }, t("No fault is set: every call is answered as it deserves.", "未设置故障：每次调用都得到应有的应答。"));
  const all = h("button", { class: "btn pa-small", type: "button", hidden: true, on: { click: () => clear() }, dataset: { test: "fault-clear" } }, t("Remove all", "全部移除"));
  const drawWhen = () => replace(detail, when === "next" ? [count, h("span", { class: "muted" }, t("calls", "次调用"))] : [rate, h("span", { class: "muted" }, t("of 1000 calls, seed", "‰ 的调用，种子")), seed]);
  drawWhen();

  async function add(event) {
    event.preventDefault();
    const whole = (input, most) => {
      const value = Number(input.value.trim());
      if (!/^\d+$/.test(input.value.trim()) || value > most) throw { message: t(`${input.getAttribute("aria-label")}: a whole number up to ${most}`, `${input.getAttribute("aria-label")}：不超过 ${most} 的整数`) };
      return value;
    };
    try {
      const rule = { path: path || null, fault: what.value(), when: when === "next" ? { next: whole(count, 1_000_000) } : { per_mille: { rate: whole(rate, 1000), seed: whole(seed, 2 ** 32) } } };
      draw(await post("/faults", rule));
      error.textContent = "";
    } catch (failure) {
      error.textContent = [failure.message, failure.next_step].filter(Boolean).join(". ");
    }
  }

  async function remove(position, rule) {
    try {
      draw(await del(`/faults/${position}`, rule));
    } catch (failure) {
      ctx.fail(failure);
      look();
    }
  }

  async function clear() {
    try {
      draw(await del("/faults"));
    } catch (failure) {
      ctx.fail(failure);
    }
  }

  function draw(rules) {
    none.hidden = rules.length > 0;
    all.hidden = rules.length < 1;
    list(
      rows,
      rules.map((rule, position) => ({ rule, position })),
      ({ position }) => position,
      ({ rule, position }) =>
        h(
          "li",
          { class: "ti-rule", dataset: { test: `fault-rule-${position}` } },
          h("div", { class: "grow" }, h("b", {}, faultName(rule.fault)), h("div", { class: "muted", title: rule.path ?? "" }, rule.path ? `${shortPath(rule.path)} · ${endpoint(rule.path)}` : t("every endpoint", "全部接口"), " · ", words(rule))),
          h("span", { class: `tag ${rule.hit ? "warn" : ""}`, title: t("struck, of calls seen", "命中 / 经过的调用"), dataset: { test: `fault-hits-${position}` } }, t(`${rule.hit} of ${rule.seen} struck`, `命中 ${rule.hit} / ${rule.seen}`)),
          h("button", { class: "btn pa-small", type: "button", "aria-label": t("Remove this fault", "移除此故障"), on: { click: () => remove(position, rule) }, dataset: { test: `fault-remove-${position}` } }, t("Remove", "移除")),
        ),
    );
  }

  const look = calm(async () => {
    try {
      draw(await get("/faults"));
    } catch (failure) {
      ctx.fail(failure);
    }
  }, 500);
  look();

  const form = h(
    "form",
    { class: "ti-form", on: { submit: add } },
    h("div", { class: "ti-pair" }, h("label", { class: "field" }, t("where", "接口"), select([["", t("every endpoint", "全部接口")], ...ENDPOINTS.map(([own, title]) => [own, `${shortPath(own)} · ${t(title)}`])], path, (value) => (path = value), { "data-test": "fault-path", class: "select ti-kind" })), h("div", { class: "field" }, t("what", "故障"), h("span", { class: "row" }, what.select, what.extra))),
    what.effect,
    h("div", { class: "field" }, t("when", "何时"), h("span", { class: "row" }, segments(t("When", "何时"), [["next", t("the next", "接下来")], ["rate", t("at random", "随机")]], when, (value) => ((when = value), drawWhen()), "fault-when"), detail)),
    h("p", { class: "muted ti-effect" }, t("The same seed and the same calls fail in the same places.", "相同的种子和相同的调用，会在相同的位置失败。")),
    error,
    h("div", { class: "row" }, h("button", { class: "btn btn-primary", dataset: { test: "fault-add" } }, t("Set this fault", "设置故障"))),
  );
  return { node: card(t("Faults of calls", "接口故障"), all, form, h("h3", {}, t("In force", "生效中")), none, rows), look };
}

/** The card of faults of notifications. */
export function noticeFaultForm(ctx) {
  const what = chooser(NOTICE_FAULTS, "notice-fault");
  const error = h("p", { class: "pa-error", role: "alert" });
  async function set(event) {
    event.preventDefault();
    try {
      const fault = what.value();
      await post("/notices/faults", fault);
      error.textContent = "";
      ctx.toast(t(`The next notification: ${faultName(fault, NOTICE_FAULTS)}`, `下一条通知：${faultName(fault, NOTICE_FAULTS)}`));
    } catch (failure) {
      error.textContent = [failure.message, failure.next_step].filter(Boolean).join(". ");
    }
  }
  const form = h("form", { class: "ti-form", on: { submit: set } }, h("span", { class: "row" }, what.select, what.extra), what.effect, error, h("div", { class: "row" }, h("button", { class: "btn", dataset: { test: "notice-fault-set" } }, t("Spoil the next notification", "作用于下一条通知"))));
  return { node: card(t("Faults of notifications", "通知故障"), null, form) };
}
