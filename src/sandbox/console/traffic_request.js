// One request to the gateway: what came, what was answered, and why.

import { difference } from "./difference.js";
import { h, replace } from "./dom.js";
import { endpoint, faultEffect, faultName } from "./names.js";
import { code, copyButton, memory, segments, tabs } from "./pieces.js";
import { ago, beijing, lang, t } from "./words.js";

/** Microseconds as people read them. */
export const took = (micros) => (micros < 1000 ? `${micros} µs` : micros < 1_000_000 ? `${(micros / 1000).toFixed(1)} ms` : `${(micros / 1_000_000).toFixed(2)} s`);

/** The whole of a request, from `GET /requests/{id}`. */
export function requestView(request, ctx, tab, chosen) {
  const { explanation } = request;
  if (explanation?.kind === "signature") memory.set("understood", ctx.overview()?.directory ?? "");
  const status = request.status === null ? h("span", { class: "tag bad" }, t("no answer", "没有应答")) : h("span", { class: `tag ${request.status === 200 ? "" : "bad"}` }, `HTTP ${request.status}`);
  const items = [["fields", t("Fields", "字段")], ["raw", t("Raw", "原文")], ["headers", t("Headers", "请求头")], ["certificate", t("Certificate", "证书")], ["curl", "curl"]];
  const show = (id) => {
    chosen(id);
    return { fields, raw, headers, certificate, curl }[id](request);
  };
  return [
    h("header", { class: "tr-title" }, h("span", { class: "tr-arrow tr-in", "aria-hidden": "true" }, "→"), h("h2", { class: "mono tr-path", dataset: { test: "detail-path" } }, `${request.method || "POST"} ${request.path}`)),
    h("div", { class: "row" }, h("span", {}, endpoint(request.path)), status, request.code || (request.note && request.status === 200) ? h("span", { class: "tag bad", dataset: { test: "detail-code" } }, request.code ?? "FAIL") : null, h("span", { class: "tag", title: t("time in the sandbox", "沙箱处理时间") }, took(request.micros)), request.held_millis ? h("span", { class: "tag warn" }, t(`held back ${request.held_millis} ms`, `延迟 ${request.held_millis} 毫秒`)) : null),
    h("p", { class: "muted tr-meta" }, h("span", { class: "mono" }, `#${request.id}`), h("span", {}, beijing(request.at), ` (${ago(request.at, ctx.now())})`), h("span", {}, t("from ", "来自 "), request.ip), request.mch_id ? h("a", { href: `#merchants?mch_id=${encodeURIComponent(request.mch_id)}` }, request.mch_id) : null),
    request.fault ? h("div", { class: "tr-box tr-fault", dataset: { test: "detail-fault" } }, h("b", {}, t("A fault struck: ", "故障注入："), faultName(request.fault)), h("span", {}, faultEffect(request.fault))) : null,
    explanation && !(request.fault && explanation.kind === "other") ? explained(explanation) : null,
    !explanation && request.note ? h("div", { class: "tr-box" }, h("span", { dataset: { test: "detail-note" } }, request.note)) : null,
    tabs(items, tab, show, "detail"),
  ];
}

// The name of a field keeps its letters.
const capital = (text) => (/^[a-z]+_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));
const words = (explanation, name) => (lang() === "zh" && explanation.zh?.[name]) || explanation[name];

/** Why it was refused, and what to do. */
function explained(explanation) {
  const { mistake } = explanation;
  // The headline of a known mistake says the mistake again.
  const headline = mistake && mistake.name !== "unknown" ? t("The signature does not hold", "签名错误") : capital(words(explanation, "headline"));
  return h(
    "section",
    { class: "tr-box tr-why", dataset: { test: "explanation", kind: explanation.kind } },
    h("h3", { class: "tr-headline", dataset: { test: "headline" } }, headline),
    mistake ? h("p", { class: "tr-mistake", dataset: { test: "mistake", name: mistake.name } }, capital(t(mistake.text))) : null,
    explanation.field || explanation.rule ? rule(explanation) : null,
    explanation.certificates ? certificates(explanation.certificates) : null,
    explanation.kind === "signature" && explanation.expected ? signature(explanation) : null,
    explanation.next_step ? h("p", { class: "tr-next", dataset: { test: "next-step" } }, h("b", {}, t("What to do: ", "怎么办：")), capital(t(explanation.next_step))) : null,
  );
}

function rule(explanation) {
  const line = (label, value, test) => (value ? [h("dt", {}, label), h("dd", { class: "mono", dataset: { test } }, value)] : null);
  return h("dl", { class: "tr-facts" }, line(t("field", "字段"), explanation.field, "why-field"), line(t("rule", "规则"), words(explanation, "rule"), "why-rule"), line(t("found", "实际"), words(explanation, "found"), "why-found"));
}

/** What was signed on both sides; one field a line, though the string has no line breaks. */
function signature({ expected, received }) {
  const mine = received?.string_to_sign ?? null;
  const otherKey = mine !== null && received.key_of !== null && received.key_of !== expected.key_of;
  // Keys are masked, so that two of them look alike: their owners tell them apart.
  const owned = (text, of) => (otherKey ? `${text} (${of})` : text);
  const [here, there] = mine === null ? [[[expected.string_to_sign, true]], null] : difference(owned(expected.string_to_sign, expected.key_of), owned(mine, received.key_of));
  const same = mine === expected.string_to_sign && !otherKey;
  const key = (of) => (of ? h("span", { class: `tag ${otherKey ? "bad" : ""}` }, t(`key of ${of}`, `密钥属于 ${of}`)) : null);
  return h(
    "div",
    { class: "tr-sides" },
    h("div", { class: "tr-side" }, h("div", { class: "row" }, h("b", { class: "grow" }, t("The sandbox signed", "沙箱签名的字符串")), h("span", { class: "tag" }, expected.digest), key(expected.key_of), copyButton(expected.string_to_sign, "copy-expected")), h("pre", { class: "mono tr-string", tabindex: "0", dataset: { test: "expected-string" } }, broken(here, "tr-missing"))),
    h(
      "div",
      { class: "tr-side" },
      h("div", { class: "row" }, h("b", { class: "grow" }, t("You must have signed", "您签名的字符串应是")), key(received?.key_of), mine === null ? null : copyButton(mine, "copy-received")),
      mine === null
        ? h("p", { class: "muted", dataset: { test: "received-unknown" } }, t(`Not found: none of ${received?.tried ?? "the"} likely strings leads to the signature that came.`, `未找到：尝试了 ${received?.tried ?? "若干"} 种常见错误，都得不到收到的签名。`))
        : h("pre", { class: "mono tr-string", tabindex: "0", dataset: { test: "received-string" } }, broken(there, "tr-extra")),
      same ? h("p", { class: "muted" }, t("The strings are the same; what differs is the digest or how it was written.", "两个字符串相同；不同的是摘要算法或写法。")) : null,
      received?.sign ? h("p", { class: "muted tr-sign" }, t("sign that came: ", "收到的 sign："), h("span", { class: "mono" }, received.sign)) : null,
    ),
  );
}

/** Runs of text, cut before each `&`. */
function broken(parts, mark) {
  const lines = [[]];
  for (const [text, same] of parts) {
    text.split(/(?=&)/).forEach((piece, place) => {
      if (place > 0 || (piece.startsWith("&") && lines.at(-1).length)) lines.push([]);
      lines.at(-1).push(same ? piece : h("mark", { class: mark }, piece));
    });
  }
  return lines.map((line) => h("span", { class: "tr-line" }, line));
}

function certificates({ presented, expected }) {
  const row = (label, name, show = (value) => value) => {
    const [left, right] = [presented, expected].map((facts) => (facts ? show(facts[name]) : "—"));
    const wrong = presented && expected && left !== right;
    return h("tr", {}, h("th", { scope: "row" }, label), h("td", { class: `mono ${wrong ? "bad" : ""}` }, left), h("td", { class: "mono" }, right));
  };
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "table tr-certificates", dataset: { test: "certificates" } },
      h("thead", {}, h("tr", {}, h("td"), h("th", {}, presented ? t("presented", "出示的") : t("presented: none", "出示的：无")), h("th", {}, t("expected", "应出示的")))),
      h("tbody", {}, row(t("merchant", "商户号"), "mch_id"), row(t("serial", "序列号"), "serial"), row(t("issuer", "签发者"), "issuer"), row(t("valid until", "有效期至"), "not_after", beijing)),
    ),
  );
}

function fieldTable(title, fields, wrong, test) {
  return h(
    "div",
    { class: "tr-half" },
    h("h3", {}, title),
    fields.length
      ? h("div", { class: "scroll" }, h("table", { class: "table tr-table", dataset: { test } }, h("tbody", {}, fields.map(([name, value]) => h("tr", { class: name === wrong ? "tr-wrong" : null }, h("th", { scope: "row", class: "mono" }, name), h("td", { class: "mono" }, value))))))
      : h("p", { class: "muted" }, t("no fields", "没有字段")),
  );
}

const fields = (request) => h("div", { class: "tr-halves" }, fieldTable(t("request", "请求"), request.fields, request.explanation?.field, "request-fields"), fieldTable(t("answer", "应答"), request.answer_fields, null, "answer-fields"));

/** XML with one element a line; anything else as it is. */
export function pretty(text) {
  if (!text.trimStart().startsWith("<xml")) return text;
  let depth = 0;
  const parts = text.match(/<!\[CDATA\[[\s\S]*?\]\]>|<[^>]*>|[^<]+/g) ?? [];
  let out = "";
  let fresh = true;
  for (const part of parts) {
    if (!part.trim()) continue;
    if (part.startsWith("</")) {
      depth -= 1;
      if (fresh) out += `\n${"  ".repeat(Math.max(0, depth))}`;
      out += part;
      fresh = true;
    } else if (part.startsWith("<") && !part.startsWith("<!")) {
      out += `${out ? "\n" : ""}${"  ".repeat(depth)}${part}`;
      if (!part.endsWith("/>") && !part.startsWith("<?")) depth += 1;
      fresh = part.endsWith("/>");
    } else {
      out += part.startsWith("<!") ? part : part.trim();
      fresh = false;
    }
  }
  return out;
}

function raw(request) {
  const below = h("div", { class: "tr-halves" });
  const bodies = [[t("request", "请求"), request.request, "raw-request"], [t("answer", "应答"), request.answer, "raw-answer"]];
  const draw = (how) => replace(below, bodies.map(([title, text, test]) => h("div", { class: "tr-half" }, h("h3", {}, title), text ? code(how === "pretty" ? pretty(text) : text, test) : h("p", { class: "muted" }, t("empty", "空")))), request.request_hex ? h("div", { class: "tr-half" }, h("h3", {}, t("request in hex, since it is not UTF-8", "请求的十六进制（不是 UTF-8）")), code(request.request_hex.replace(/(..)/g, "$1 "), "raw-hex")) : null);
  draw("raw");
  return [segments(t("How", "方式"), [["raw", t("as it came", "原样")], ["pretty", t("one element a line", "逐行")]], "raw", draw, "raw"), below];
}

function headers(request) {
  const all = request.headers ?? [];
  return all.length ? h("div", { class: "scroll" }, h("table", { class: "table tr-table", dataset: { test: "headers" } }, h("tbody", {}, all.map(([name, value]) => h("tr", {}, h("th", { scope: "row", class: "mono" }, name), h("td", { class: "mono" }, value)))))) : h("p", { class: "muted" }, t("None: the request came without sockets.", "没有：请求不是经套接字来的。"));
}

function certificate(request) {
  const facts = request.certificate_facts;
  if (!facts) return h("p", { class: "muted" }, request.certificate === "none" ? t("No client certificate was shown.", "没有出示客户端证书。") : request.certificate);
  const line = (label, value) => [h("dt", {}, label), h("dd", { class: "mono" }, value)];
  return h("dl", { class: "tr-facts", dataset: { test: "certificate" } }, line(t("merchant", "商户号"), facts.mch_id), line(t("serial", "序列号"), facts.serial), line(t("issuer", "签发者"), facts.issuer), line(t("valid from", "生效于"), beijing(facts.not_before)), line(t("valid until", "有效期至"), beijing(facts.not_after)), facts.known === false ? line(t("known here", "本沙箱签发"), t("no", "否")) : null);
}

function curl(request) {
  return request.curl ? [h("p", { class: "muted" }, t("The same bytes again, with the certificate of the merchant's folder.", "用商户目录里的证书再次发送同样的字节。")), code(request.curl, "curl")] : h("p", { class: "muted" }, t("There is no address or no directory to name, or the body was too long to be kept.", "沙箱没有地址或目录，或者请求体过长而未保留。"));
}
