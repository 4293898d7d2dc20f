// The clock with what each jump will trigger; failures of calls and of
// notifications on demand; answers that are odd but legal.

import { get, post, query } from "./api.js";
import { h, list, replace } from "./dom.js";
import { faultForm, noticeFaultForm } from "./faults.js";
import { coming } from "./names.js";
import { oddAnswers } from "./odd.js";
import { calm, card, touches } from "./pieces.js";
import { beijing, duration, t, time } from "./words.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
const BEIJING = 8 * HOUR * 1000;
/** Steps of a forecast that are shown one by one. */
const SHOWN = 60;

/** Seconds to the next Beijing midnight. */
const toMidnight = (now) => DAY - Math.floor(((now + BEIJING) % (DAY * 1000)) / 1000);

/** What a forecast says, in few words: `packet expires ×3`. */
function summary(forecast) {
  const counts = new Map();
  for (const { what, count } of forecast.steps) counts.set(what, (counts.get(what) ?? 0) + count);
  return [...counts].map(([what, count]) => `${coming(what)}${count > 1 && what !== "quota_turns" ? ` ×${count}` : ""}`);
}

export default {
  id: "time",
  title: { en: "Time & faults", zh: "时间与故障" },
  mount(root, ctx) {
    const state = { own: 30 * 60, chosen: "day", forecasts: {} };
    const now = h("div", { class: "ti-now mono", dataset: { test: "time-now" } });
    const kind = h("span", { class: "tag", dataset: { test: "clock-kind" } });
    const number = h("input", { class: "input ti-number", inputmode: "numeric", value: "30", "aria-label": t("How much", "数量"), dataset: { test: "own-number" }, on: { input: () => measure() } });
    const unit = h("select", { class: "select", "aria-label": t("Unit", "单位"), dataset: { test: "own-unit" }, on: { change: () => measure() } }, [[1, t("seconds", "秒")], [60, t("minutes", "分钟")], [HOUR, t("hours", "小时")], [DAY, t("days", "天")]].map(([value, title]) => h("option", { value, selected: value === 60 }, title)));
    const jumps = [
      { id: "hour", title: t("+1 h", "+1 小时"), seconds: () => HOUR, body: { seconds: HOUR } },
      { id: "day", title: t("+24 h", "+24 小时"), seconds: () => DAY, body: { seconds: DAY } },
      { id: "midnight", title: t("to Beijing midnight", "到北京零点"), seconds: toMidnight, body: { to: "midnight" } },
      { id: "own", title: t("by", "自定"), seconds: () => state.own },
    ];
    for (const jump of jumps) {
      jump.text = h("ul", { class: "ti-summary", dataset: { test: `forecast-${jump.id}` } });
      jump.until = h("span", { class: "muted mono ti-until" });
      jump.go = h("button", { class: "btn ti-go", type: "button", on: { click: () => go(jump) }, dataset: { test: `advance-${jump.id}` } }, jump.id === "own" ? t("Advance", "快进") : jump.title);
      const head = jump.id === "own" ? h("div", { class: "row" }, number, unit, jump.go) : h("div", { class: "row" }, jump.go, jump.until);
      jump.tile = h("div", { class: "ti-jump", on: { mouseenter: () => choose(jump.id), focusin: () => choose(jump.id), click: () => choose(jump.id) } }, head, jump.id === "own" ? jump.until : null, jump.text);
    }
    const steps = h("ol", { class: "ti-steps", dataset: { test: "forecast-steps" } });
    const heading = h("h3");
    const left = h("p", { class: "muted" });
    const faults = faultForm(ctx);
    const notices = noticeFaultForm(ctx);
    const odd = oddAnswers(ctx);

    root.append(
      h(
        "div",
        { class: "ti stack" },
        card(t("The clock", "时钟"), kind, h("div", { class: "ti-clock" }, now, h("span", { class: "muted" }, t("Beijing time", "北京时间"))), h("p", { class: "muted" }, t("Time only goes forward. What each jump will trigger stands below its button before you press it.", "时间只能前进。按下之前，按钮下方会写明将要发生什么。")), h("div", { class: "ti-jumps" }, jumps.map((jump) => jump.tile)), heading, steps, left),
        h("div", { class: "ti-columns" }, faults.node, h("div", { class: "stack" }, notices.node, odd.node)),
      ),
    );

    function measure() {
      const count = /^\d{1,6}$/.test(number.value.trim()) ? Number(number.value) : NaN;
      state.own = count * Number(unit.value);
      const own = jumps.at(-1);
      own.go.disabled = !(state.own > 0);
      number.toggleAttribute("aria-invalid", Number.isNaN(state.own));
      foresee();
    }

    function choose(id) {
      if (state.chosen === id) return;
      state.chosen = id;
      draw();
    }

    async function go(jump) {
      jump.go.disabled = true;
      const before = ctx.now();
      try {
        const clock = await post("/clock/advance", jump.body ?? { seconds: state.own });
        ctx.toast(t(`${duration(clock.now - before)} later: ${clock.beijing}`, `${duration(clock.now - before)}后：${clock.beijing}`));
        ctx.refresh();
        foresee();
      } catch (error) {
        ctx.fail(error);
      }
      jump.go.disabled = false;
    }

    const foresee = calm(async () => {
      try {
        // Before the first look at the sandbox only the sandbox knows the time.
        const at = ctx.overview() ? ctx.now() : (await get("/clock")).now;
        const wanted = jumps.map((jump) => [jump, jump.seconds(at)]).filter(([, seconds]) => seconds > 0);
        const found = await Promise.all(wanted.map(([, seconds]) => get(`/clock/forecast${query({ seconds })}`)));
        wanted.forEach(([jump], place) => (state.forecasts[jump.id] = found[place]));
        draw();
      } catch (error) {
        ctx.fail(error);
      }
    }, 900);

    function draw() {
      for (const jump of jumps) {
        const forecast = state.forecasts[jump.id];
        jump.tile.classList.toggle("ti-chosen", jump.id === state.chosen);
        if (!forecast) continue;
        jump.until.textContent = beijing(forecast.until).slice(5);
        const parts = summary(forecast);
        replace(jump.text, parts.length ? parts.map((part) => h("li", {}, part)) : h("li", { class: "muted" }, t("nothing is due", "没有到期的事项")));
      }
      const forecast = state.forecasts[state.chosen];
      if (!forecast) return;
      const jump = jumps.find(({ id }) => id === state.chosen);
      heading.textContent = forecast.steps.length ? t(`What “${jump.id === "own" ? duration(state.own * 1000) : jump.title}” brings`, `“${jump.id === "own" ? duration(state.own * 1000) : jump.title}”会带来`) : "";
      const today = beijing(ctx.now()).slice(0, 10);
      list(
        steps,
        forecast.steps.slice(0, SHOWN).map((step, place) => ({ ...step, place })),
        (step) => `${step.place}`,
        (step) => h("li", { class: "ti-step" }, h("span", { class: "mono muted" }, beijing(step.at).startsWith(today) ? time(step.at) : beijing(step.at).slice(5)), h("span", {}, coming(step.what)), h("span", { class: "mono muted ti-key", title: step.key }, step.key, step.count > 1 ? t(` and ${step.count - 1} more`, ` 等 ${step.count} 项`) : "")),
      );
      const more = Number(forecast.more) || 0;
      const hidden = Math.max(0, forecast.steps.length - SHOWN);
      left.textContent = more + hidden > 0 || forecast.more === true ? t("and more after these", "之后还有更多") : "";
    }

    function tick() {
      const overview = ctx.overview();
      now.textContent = beijing(ctx.now());
      if (!overview) return;
      const frozen = overview.clock === "frozen";
      kind.textContent = frozen ? t("frozen: moves only when you say so", "已冻结：只在您操作时前进") : t("running", "运行中");
      kind.className = `tag ${frozen ? "warn" : "ok"}`;
    }

    const ticking = setInterval(tick, 1000);
    // Midnight comes nearer, and what is due with it.
    const looking = setInterval(foresee, 30_000);
    tick();
    foresee();
    return {
      update(change) {
        if (touches(change, "packets", "orders", "refunds", "notices", "state", "users")) foresee();
        if (touches(change, "state")) {
          faults.look();
          odd.look();
        }
        if (touches(change, "state", "requests")) faults.look();
      },
      overview: tick,
      unmount() {
        clearInterval(ticking);
        clearInterval(looking);
      },
    };
  },
};
