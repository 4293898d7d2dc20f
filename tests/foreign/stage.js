"use strict";

// What every SDK's driver needs around it: the sandbox's files, a listener for
// notifications, and a loop that takes one call a line and answers with one line.
// tests/it/foreign/driver.rs is the other end of it.

const fs = require("fs");
const http = require("http");
const path = require("path");
const readline = require("readline");
const tls = require("tls");

const directory = process.argv[2];
const sandbox = JSON.parse(fs.readFileSync(path.join(directory, "sandbox.json"), "utf8"));
const merchants = path.join(directory, "merchants");
const folder = path.join(merchants, fs.readdirSync(merchants).sort()[0]);
const file = (name) => fs.readFileSync(path.join(folder, name));
const merchant = JSON.parse(file("merchant.json"));
const gateway = sandbox.gateway;

// What an entry in /etc/hosts and a forwarded port would do: WeChat Pay's name
// leads to the sandbox. The name stays what the server's certificate is checked for.
function nameLeadsToTheSandbox() {
  const { hostname, port } = new URL(gateway);
  const connect = tls.connect;
  tls.connect = (options, ...rest) => {
    if (options.host !== "api.mch.weixin.qq.com") throw new Error(`a connection to ${options.host}`);
    return connect({ ...options, servername: options.host, host: hostname, port }, ...rest);
  };
}

// How long a call may take, in milliseconds; the sandbox answers in a few, on a
// busy machine in some hundred.
const PATIENCE = 10_000;

let unhandled = 0;
process.on("unhandledRejection", () => (unhandled += 1));

// All that a caller can see of an error.
function told(error) {
  if (!(error instanceof Error)) return { text: JSON.stringify(error) ?? String(error) };
  const own = { ...error, config: undefined, request: undefined, response: error.response?.data };
  let rest = "";
  try {
    rest = JSON.stringify(own);
  } catch {
    rest = Object.keys(own).join(" ");
  }
  return { text: `${error.name}: ${error.message} ${rest}` };
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// Drives an SDK: `make(merchant)` gives its calls, of which any may be missing;
// `paid(body)` and `refunded(body)` among them give `{accepted, message, reply}`.
async function drive(name, make) {
  const wrong = { ...merchant, api_key: "0".repeat(32) };
  const clients = { right: make(merchant), wrong_key: make(wrong) };
  const arrived = [];
  let waiting = null;

  async function receive(kind, body) {
    const handler = clients.right[kind];
    if (!handler) return { offered: false };
    try {
      return { answer: await handler(body) };
    } catch (error) {
      return { answer: { accepted: false, error: told(error), reply: null } };
    }
  }

  const listener = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const kind = request.url.slice(1);
      const result = await receive(kind, Buffer.concat(chunks).toString("utf8"));
      // Who has no handler of the SDK's for it answers by hand.
      response.end(result.answer ? (result.answer.reply ?? "") : "<xml><return_code>SUCCESS</return_code></xml>");
      arrived.push({ kind, result });
      waiting?.();
    });
  });
  await new Promise((done) => listener.listen(0, "127.0.0.1", done));
  const here = `http://127.0.0.1:${listener.address().port}`;

  // What the SDK made of the next notification of a kind: others may be repeated
  // meanwhile.
  async function notice(kind) {
    for (;;) {
      while (arrived.length === 0) await new Promise((done) => (waiting = done));
      const next = arrived.shift();
      if (next.kind === kind) return next.result;
    }
  }

  async function call({ call, as, fields }) {
    if (call === "notice") return notice(fields.kind);
    if (call === "paid" || call === "refunded") return receive(call, fields.body);
    if (call === "unhandled") return { answer: { count: unhandled } };
    const calls = clients[as ?? "right"];
    if (!calls[call]) return { offered: false };
    const never = new Promise((done) => setTimeout(done, PATIENCE, { error: { text: "the call never ends" } }));
    const ends = async () => {
      try {
        return { answer: (await calls[call](fields)) ?? null };
      } catch (error) {
        return { error: told(error) };
      }
    };
    return Promise.race([ends(), never]);
  }

  const { version } = require(`${name}/package.json`);
  say({ sdk: name, version, here });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    say(await call(JSON.parse(line)));
  }
  process.exit(0);
}

module.exports = { drive, file, folder, gateway, nameLeadsToTheSandbox };
