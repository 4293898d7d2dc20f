import { h } from "./dom.js";

export default {
  id: "time",
  title: { en: "Time & faults", zh: "时间与故障" },
  mount(root) {
    root.append(h("p", { class: "empty" }, "…"));
    return {};
  },
};
