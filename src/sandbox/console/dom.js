// Elements are made here and nowhere else: what a user or a merchant wrote
// becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("button", { class: "btn", on: { click } }, "Open")`. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An element of a picture. */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Puts new children in the place of the old ones. */
export function replace(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

function fill(node, props, children) {
  node.append(...nodes(children));
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    } else if (name === "dataset") {
      Object.assign(node.dataset, value);
    } else if (name === "text") {
      node.textContent = value;
    } else if (name === "value") {
      node.value = value;
    } else if (name === "href" && !/^(https?:|#|\/|\.|data:image\/)/i.test(value)) {
      // An address from a message must not become a script.
      continue;
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  return node;
}

const shown = new WeakMap();

/**
 * Shows `items` as children of `node`, one each. What stays the same stays the
 * same element, so focus and scroll survive. `patch(element, item)` updates in
 * place; without it an item that changed is rendered anew.
 */
export function list(node, items, key, render, patch) {
  const before = shown.get(node) ?? new Map();
  const after = new Map();
  let place = node.firstChild;
  for (const item of items) {
    const id = String(key(item));
    if (after.has(id)) continue;
    const text = JSON.stringify(item);
    let row = before.get(id);
    if (!row) {
      row = { element: render(item), text };
    } else if (row.text !== text) {
      if (patch) {
        patch(row.element, item);
      } else {
        const fresh = exchange(row.element, render(item));
        if (place === row.element) place = fresh;
        row.element = fresh;
      }
      row.text = text;
    }
    after.set(id, row);
    if (row.element === place) place = place.nextSibling;
    else node.insertBefore(row.element, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  shown.set(node, after);
}

/** The new element has the focus if the old one had it, at the same `data-test`. */
function exchange(old, fresh) {
  const focus = old.contains(document.activeElement) ? document.activeElement.dataset?.test : null;
  old.replaceWith(fresh);
  if (focus) (fresh.dataset.test === focus ? fresh : fresh.querySelector(`[data-test="${CSS.escape(focus)}"]`))?.focus();
  return fresh;
}

/** A dialog above the page; Escape and the cross close it. Gives its closer. */
export function dialog(title, closeLabel, ...children) {
  const before = document.activeElement;
  const close = h("button", { class: "btn btn-quiet dialog-close", "aria-label": closeLabel, dataset: { test: "close" } }, "×");
  const node = h("dialog", { class: "dialog", "aria-label": title, dataset: { test: "dialog" } }, h("header", { class: "row" }, h("h2", { class: "grow" }, title), close), children);
  const end = () => {
    if (node.open) node.close();
    node.remove();
    before?.focus?.();
  };
  close.addEventListener("click", end);
  node.addEventListener("close", end);
  document.body.append(node);
  node.showModal();
  return end;
}
