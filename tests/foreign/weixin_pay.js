"use strict";

const { Readable } = require("stream");
const WXPay = require("weixin-pay");
const { drive, file, nameLeadsToTheSandbox } = require("./stage");

nameLeadsToTheSandbox();

drive("weixin-pay", (merchant) => {
  const pay = WXPay({
    appid: merchant.app_id,
    mch_id: merchant.mch_id,
    partner_key: merchant.api_key,
    pfx: file("apiclient_cert.p12"),
  });
  const call = (name) => (fields) =>
    new Promise((done, fail) => {
      pay[name]({ ...fields }, (error, answer) => (error ? fail(error) : done(answer)));
    });

  return {
    place: call("createUnifiedOrder"),
    query: call("queryOrder"),
    refund: call("refund"),
    paid: (body) =>
      new Promise((done) => {
        let message = null;
        const listen = pay.useWXCallback((told, request, response) => {
          message = told;
          response.success();
        });
        listen(Readable.from([Buffer.from(body)]), {
          end: (reply) => done({ accepted: message !== null, message, reply }),
        });
      }),
  };
});
