// The control API of the sandbox that served this page.

import { t } from "./words.js";

const BASE = "/api/v1";

/** The token comes in the address's fragment, which no server sees. */
function token() {
  const given = decoded(/(?:^#|[?&])token=([^&]+)/.exec(location.hash)?.[1]);
  try {
    if (given) {
      sessionStorage.setItem("hongbao.token", given);
      history.replaceState(null, "", location.pathname);
    }
    return sessionStorage.getItem("hongbao.token");
  } catch {
    return given;
  }
}

/** A piece of an address, which somebody may have cut in the middle of a letter. */
function decoded(text) {
  try {
    return text ? decodeURIComponent(text) : null;
  } catch {
    return text;
  }
}

const TOKEN = token();

function headers(more) {
  return TOKEN ? { ...more, Authorization: `Bearer ${TOKEN}` } : { ...more };
}

async function ask(method, path, body, signal) {
  const options = { method, headers: headers(), cache: "no-store", signal };
  if (body !== undefined) options.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch {
    throw { code: "unreachable", message: t("the sandbox does not answer", "沙箱没有应答"), next_step: t("look whether it still runs", "请检查沙箱是否仍在运行") };
  }
  if (!response.ok) {
    const failure = await response.json().catch(() => null);
    throw failure ?? { code: String(response.status), message: response.statusText, next_step: "" };
  }
  return response;
}

/** An answer's JSON. Rejects with `{code, message, next_step}`, as the others do. */
export const get = async (path) => (await ask("GET", path)).json();
export const post = async (path, body) => (await ask("POST", path, body)).json();
export const put = async (path, body) => (await ask("PUT", path, body)).json();
export const del = async (path, body) => (await ask("DELETE", path, body)).json();
/** An answer's text. */
export const text = async (path) => (await ask("GET", path)).text();

/** A part of a list, and how many there are in all. */
export async function page(path) {
  const response = await ask("GET", path);
  const items = await response.json();
  return { items, total: Number(response.headers.get("X-Total-Count") ?? items.length) };
}

/** A path from segments that may hold anything. */
export const path = (...segments) => segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");

/** A query from what is set: `query({ status: "SENT", search: "" })` is "?status=SENT". */
export function query(fields) {
  const set = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return set.length ? `?${new URLSearchParams(set)}` : "";
}

/** Saves an answer as a file. */
export async function download(path, name) {
  const blob = await (await ask("GET", path)).blob();
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Follows what changes: `changed({topics, now})`, or `changed(null)` when
 * something was missed. `state(connected)` tells whether the line stands. Read
 * by hand, because an EventSource sends no token.
 */
export async function follow(changed, state) {
  // A page that the browser keeps for the way back would keep its line, too, and
  // a browser has six for one address.
  let line = null;
  addEventListener("pagehide", () => line?.abort());
  for (let wait = 250; ; wait = Math.min(wait * 2, 5000)) {
    try {
      line = new AbortController();
      const response = await ask("GET", "/events", undefined, line.signal);
      state(true);
      changed(null);
      wait = 125;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const kind = /^event: ?(.*)$/m.exec(event)?.[1];
          const data = /^data: ?(.*)$/m.exec(event)?.[1];
          if (kind === "change" && data) changed(JSON.parse(data));
          else if (kind === "reload") changed(null);
        }
      }
    } catch {
      // Tried again below.
    }
    state(false);
    await new Promise((done) => setTimeout(done, wait));
  }
}
