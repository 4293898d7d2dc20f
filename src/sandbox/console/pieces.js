// What several panels are made of.

import { h } from "./dom.js";
import { t } from "./words.js";

/** Puts a text on the clipboard, also where the browser grants no clipboard. */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return;
  } catch {
    // Without a secure origin or a permission the old way remains.
  }
  const area = h("textarea", { class: "pa-off", readonly: true });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A button that copies what `text()` gives, and says so. */
export function copyButton(text, test, label) {
  const words = label ?? t("Copy", "复制");
  const button = h("button", { class: "btn pa-small pa-copy", type: "button", dataset: { test } }, words);
  button.addEventListener("click", async () => {
    const before = document.activeElement;
    await toClipboard(typeof text === "function" ? text() : text);
    before?.focus?.();
    button.textContent = t("Copied", "已复制");
    button.classList.add("pa-done");
    setTimeout(() => {
      button.textContent = words;
      button.classList.remove("pa-done");
    }, 1500);
  });
  return button;
}

/** A text to copy, with its button in the corner. */
export function code(text, test) {
  return h("div", { class: "pa-code" }, h("pre", { class: "mono", tabindex: "0", dataset: { test } }, text), copyButton(text, `${test}-copy`));
}

/** A label and a value with a button that copies it; `shown` stands for a long value. */
export function fact(label, value, test, shown) {
  return h("div", { class: "pa-fact" }, h("span", { class: "pa-fact-label" }, label), h("span", { class: "mono pa-fact-value", title: value, dataset: { test } }, shown ?? value), copyButton(value, `${test}-copy`));
}

/**
 * Tabs over one place. `items` are `[id, title]`; `show(id)` gives what stands
 * below. Left and right move between them.
 */
export function tabs(items, chosen, show, test) {
  const below = h("div", { class: "pa-below", role: "tabpanel" });
  const buttons = items.map(([id, title]) => h("button", { type: "button", role: "tab", dataset: { test: `${test}-${id}`, id }, on: { click: () => choose(id) } }, title));
  const bar = h("div", { class: "tabs", role: "tablist" }, buttons);
  function choose(id) {
    for (const button of buttons) {
      const here = button.dataset.id === id;
      button.setAttribute("aria-selected", String(here));
      button.tabIndex = here ? 0 : -1;
    }
    below.replaceChildren(...[show(id)].flat().filter(Boolean));
  }
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const place = buttons.indexOf(document.activeElement);
    if (!step || place < 0) return;
    event.preventDefault();
    const next = buttons[(place + step + buttons.length) % buttons.length];
    choose(next.dataset.id);
    next.focus();
  });
  choose(items.some(([id]) => id === chosen) ? chosen : items[0][0]);
  return h("div", { class: "pa-tabs" }, bar, below);
}

/** A choice of a few, all of them seen: `options` are `[value, title]`. */
export function segments(label, options, chosen, picked, test) {
  const buttons = options.map(([value, title]) => h("button", { type: "button", "aria-pressed": String(value === chosen), dataset: { test: `${test}-${value || "all"}` }, on: { click: () => pick(value) } }, title));
  function pick(value) {
    options.forEach(([own], place) => buttons[place].setAttribute("aria-pressed", String(own === value)));
    picked(value);
  }
  return h("div", { class: "pa-segments", role: "group", "aria-label": label }, buttons);
}

/** A select of `[value, title]`. */
export function select(options, chosen, picked, props) {
  const node = h("select", { class: "select", ...props, on: { change: () => picked(node.value) } }, options.map(([value, title]) => h("option", { value, selected: value === chosen }, title)));
  return node;
}

/** How much of a whole is used, as a bar: amber near the end, red at it. */
export function meter(label, part, whole, text, test) {
  const share = whole > 0 ? Math.min(1, part / whole) : part > 0 ? 1 : 0;
  const fill = h("div", { class: `pa-fill ${share >= 1 ? "pa-full" : share >= 0.8 ? "pa-near" : ""}` });
  fill.style.width = `${share === 0 ? 0 : Math.max(1, share * 100)}%`;
  const value = h("span", { class: "pa-meter-value" }, text);
  return h("div", { class: "pa-meter", dataset: { test } }, h("div", { class: "row" }, h("span", { class: "grow" }, label), value), h("div", { class: "pa-track", role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) }, fill));
}

/** A card with a heading, and what belongs beside the heading. */
export function card(title, beside, ...children) {
  return h("section", { class: "card stack" }, h("header", { class: "row pa-head" }, h("h2", { class: "grow" }, title), beside), children);
}

/** At most one call in `pause` milliseconds; the last wish is not lost. */
export function calm(act, pause) {
  let busy = false;
  let again = false;
  return function ask() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    Promise.resolve(act()).finally(() =>
      setTimeout(() => {
        busy = false;
        if (again) {
          again = false;
          ask();
        }
      }, pause),
    );
  };
}

/** Whether a change touches one of the topics; after a reload anything may have changed. */
export const touches = (change, ...topics) => change === null || topics.some((topic) => topic in change.topics);

/** Remembered on this browser, or not, where it forbids that. */
export const memory = {
  get(name) {
    try {
      return localStorage.getItem(`hongbao.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`hongbao.${name}`, value);
    } catch {
      // Then it is asked again next time.
    }
  },
};
