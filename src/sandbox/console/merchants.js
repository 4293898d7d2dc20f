import { h } from "./dom.js";

export default {
  id: "merchants",
  title: { en: "Merchants", zh: "商户" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
