import { h } from "./dom.js";

export default {
  id: "start",
  title: { en: "Start", zh: "开始" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
