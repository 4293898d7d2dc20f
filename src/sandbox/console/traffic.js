import { h } from "./dom.js";

export default {
  id: "traffic",
  title: { en: "Traffic", zh: "流量" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
