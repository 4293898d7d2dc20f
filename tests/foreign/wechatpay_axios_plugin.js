"use strict";

const { Aes, Hash, Transformer, Wechatpay } = require("wechatpay-axios-plugin");
const { drive, file, gateway } = require("./stage");

drive("wechatpay-axios-plugin", (merchant) => {
  const pay = new Wechatpay({
    baseURL: `${gateway}/`,
    mchid: merchant.mch_id,
    secret: merchant.api_key,
    merchant: { cert: file("apiclient_cert.pem"), key: file("apiclient_key.pem") },
    // Of API v3, which it wants to know in any case.
    serial: "0",
    privateKey: file("apiclient_key.pem"),
    certs: { 1: file("apiclient_cert.pem") },
  });
  const key = Hash.keyObjectFrom(merchant.api_key);
  const own = { appid: merchant.app_id, mch_id: merchant.mch_id };
  const data = ({ data }) => data;
  const reply = (code) => Transformer.toXml({ return_code: code, return_msg: code === "SUCCESS" ? "OK" : code });
  const protectedCall = { security: true };

  return {
    send: (packet) =>
      pay.v2.mmpaymkttransfers.sendredpack
        .post({ ...packet, wxappid: own.appid, mch_id: own.mch_id }, protectedCall)
        .then(data),
    packet: (query) =>
      pay.v2.mmpaymkttransfers.gethbinfo.post({ ...query, ...own, bill_type: "MCHT" }, protectedCall).then(data),
    place: (order) => pay.v2.pay.unifiedorder.post({ ...order, ...own }).then(data),
    query: (query) => pay.v2.pay.orderquery.post({ ...query, ...own }).then(data),
    refund: (refund) => pay.v2.secapi.pay.refund.post({ ...refund, ...own }, protectedCall).then(data),
    refunds: (query) => pay.v2.pay.refundquery.post({ ...query, ...own }).then(data),
    // Its reader of XML makes nothing of a table, so the text is asked for as it is.
    bill: (query) =>
      pay.v2.pay.downloadbill
        .post({ ...query, ...own, bill_type: "ALL" }, { transformResponse: [(text) => text] })
        .then(data),
    paid(body) {
      const message = Transformer.toObject(body);
      const sign = Hash.sign(message.sign_type ?? Hash.ALGO_MD5, message, key);
      const accepted = Hash.equals(sign, message.sign);
      return { accepted, message, reply: reply(accepted ? "SUCCESS" : "FAIL") };
    },
    refunded(body) {
      const { req_info } = Transformer.toObject(body);
      const message = Transformer.toObject(Aes.AesEcb.decrypt(req_info, Hash.md5(key)));
      return { accepted: true, message, reply: reply("SUCCESS") };
    },
  };
});
