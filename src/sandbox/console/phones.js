import { h } from "./dom.js";

export default {
  id: "phones",
  title: { en: "Phones", zh: "手机" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
