import { h } from "./dom.js";

export default {
  id: "books",
  title: { en: "Books", zh: "账本" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
