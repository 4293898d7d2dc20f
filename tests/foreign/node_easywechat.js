"use strict";

const https = require("https");
const path = require("path");
const { Pay, ServerRequest } = require("node-easywechat");
const { drive, file, folder, gateway } = require("./stage");

drive("node-easywechat", (merchant) => {
  const application = () => new Pay({
    mch_id: merchant.mch_id,
    v2_secret_key: merchant.api_key,
    certificate: path.join(folder, "apiclient_cert.pem"),
    private_key: path.join(folder, "apiclient_key.pem"),
    http: {
      baseURL: gateway,
      // Buffers would not survive its copying of options.
      httpsAgent: new https.Agent({ cert: `${file("apiclient_cert.pem")}`, key: `${file("apiclient_key.pem")}` }),
    },
  });
  const client = application().getClient();
  const own = { appid: merchant.app_id, mch_id: merchant.mch_id };
  const nonce = () => `${Date.now()}${Math.random()}`.replace(/\D/g, "").slice(0, 32);
  const post = async (path, fields) => {
    const response = await client.post(path, { xml: { nonce_str: nonce(), ...fields } });
    return response.toObject();
  };

  const handle = (kind) => async (body) => {
    const app = application();
    app.setRequest(new ServerRequest("POST", "/", {}, body));
    const server = app.getServer();
    let message = null;
    server[kind]((told, next) => {
      message = told.attributes;
      return next(told);
    });
    const response = await server.serve();
    return { accepted: message !== null, message, reply: response.getBody().toString() };
  };

  return {
    send: (packet) =>
      post("/mmpaymkttransfers/sendredpack", { ...packet, wxappid: own.appid, mch_id: own.mch_id }),
    packet: (query) => post("/mmpaymkttransfers/gethbinfo", { ...query, ...own, bill_type: "MCHT" }),
    place: (order) => post("/pay/unifiedorder", { ...order, ...own }),
    query: (query) => post("/pay/orderquery", { ...query, ...own }),
    nonceless: async (query) => {
      const response = await client.post("/pay/orderquery", { xml: { ...query, ...own } });
      return response.toObject();
    },
    refund: (refund) => post("/secapi/pay/refund", { ...refund, ...own }),
    refunds: (query) => post("/pay/refundquery", { ...query, ...own }),
    async bill(query) {
      const fields = { ...query, ...own, nonce_str: nonce(), bill_type: "ALL" };
      const response = await client.post("/pay/downloadbill", { xml: fields });
      return response.toString();
    },
    paid: handle("handlePaid"),
    refunded: handle("handleRefunded"),
  };
});
