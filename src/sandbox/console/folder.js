// What a merchant would get from WeChat, as files: to copy or to download.

import { download, path } from "./api.js";
import { h } from "./dom.js";
import { fact } from "./pieces.js";
import { t } from "./words.js";

/** Name, and what it is. The files of the directory have the same names. */
export const FILES = [
  ["apiclient_cert.pem", { en: "certificate", zh: "商户证书" }],
  ["apiclient_key.pem", { en: "its private key", zh: "证书私钥" }],
  ["apiclient_cert.p12", { en: "both in one, modern encryption", zh: "证书与私钥，新式加密" }],
  ["apiclient_cert.legacy.p12", { en: "as WeChat's older files: RC2 and 3DES", zh: "与微信旧文件相同：RC2 与 3DES" }],
  ["merchant.json", { en: "numbers and API key", zh: "商户号、appid 与 API 密钥" }],
  ["ca.pem", { en: "the sandbox's CA, to trust", zh: "沙箱根证书，用于信任" }],
];

/** A link that downloads one of a merchant's files. */
export function fileButton(mch_id, name, ctx, words) {
  const act = () => download(`/merchants${path(mch_id)}/files${path(name)}`, name === "ca.pem" ? name : `${mch_id}.${name}`).catch(ctx.fail);
  return h("button", { class: "btn pa-small", type: "button", title: name, on: { click: act }, dataset: { test: `file-${mch_id}-${name}` } }, words ?? name);
}

/** A merchant with its numbers and where its files are. */
export function folder(merchant, directory, ctx) {
  const { mch_id, app_id, name } = merchant;
  const at = directory ? `${directory}/merchants/${mch_id}/` : "";
  return h(
    "section",
    { class: "card stack", dataset: { test: `entity-${mch_id}` } },
    h("header", { class: "row" }, h("h2", { class: "grow" }, name), h("a", { href: `#merchants?mch_id=${mch_id}` }, t("settings", "设置"))),
    h(
      "div",
      { class: "st-facts" },
      fact(t("merchant", "商户号"), mch_id, `mch-${mch_id}`),
      fact("appid", app_id, `appid-${mch_id}`),
      at ? fact(t("API key", "API 密钥"), `${at}merchant.json`, `key-${mch_id}`, "merchant.json") : null,
      at ? fact(t("certificate", "证书"), `${at}apiclient_cert.pem`, `cert-${mch_id}`, "apiclient_cert.pem") : null,
    ),
    h("div", { class: "row" }, h("span", { class: "muted" }, t("download", "下载")), fileButton(mch_id, "merchant.json", ctx), fileButton(mch_id, "apiclient_cert.pem", ctx, "cert.pem"), fileButton(mch_id, "apiclient_key.pem", ctx, "key.pem"), fileButton(mch_id, "apiclient_cert.p12", ctx, ".p12"), directory ? null : fileButton(mch_id, "ca.pem", ctx)),
  );
}
