"use strict";

const { Payment, middleware } = require("wechat-pay");
const { drive, file, nameLeadsToTheSandbox } = require("./stage");

nameLeadsToTheSandbox();

drive("wechat-pay", (merchant) => {
  const config = {
    appId: merchant.app_id,
    mchId: merchant.mch_id,
    partnerKey: merchant.api_key,
    pfx: file("apiclient_cert.p12"),
  };
  const pay = new Payment(config);

  const handle = (kind) => (rawBody) =>
    new Promise((done) => {
      let accepted = false;
      let message = null;
      const response = { end: (reply) => done({ accepted, message, reply }) };
      const listen = middleware(config)
        [kind]()
        .done((told, request, response) => {
          accepted = true;
          message = told;
          response.reply("success");
        });
      listen({ method: "POST", rawBody }, response);
    });

  return {
    send: (packet) => pay.sendRedPacket({ ...packet }),
    packet: (query) => pay.redPacketQuery({ ...query }),
    place: (order) => pay.unifiedOrder({ ...order }),
    query: (query) => pay.orderQuery({ ...query }),
    refund: (refund) => pay.refund({ ...refund }),
    refunds: (query) => pay.refundQuery({ ...query }),
    bill: (query) => pay.downloadBill({ ...query, bill_type: "ALL" }),
    paid: handle("getNotify"),
    refunded: handle("getRefundNotify"),
  };
});
