"use strict";

const tenpay = require("tenpay");
const { drive, file, nameLeadsToTheSandbox } = require("./stage");

nameLeadsToTheSandbox();

drive("tenpay", (merchant) => {
  const pay = new tenpay({
    appid: merchant.app_id,
    mchid: merchant.mch_id,
    partnerKey: merchant.api_key,
    pfx: file("apiclient_cert.p12"),
  });

  const handle = (kind) => async (body) => {
    const request = { body };
    let reply = null;
    const response = { header() {}, send: (text) => (reply = text) };
    let accepted = false;
    await pay.middlewareForExpress(kind)(request, response, () => {
      accepted = true;
      response.reply();
    });
    const message = request.weixin?.req_info ?? request.weixin;
    return { accepted, message, reply };
  };

  return {
    send: (packet) => pay.sendRedpack(packet),
    packet: (query) => pay.redpackQuery(query),
    // It makes the number itself, of the day and of a number that the caller counts up.
    unnumbered({ mch_billno, ...packet }) {
      const Today = Date;
      const send = () => pay.sendRedpack({ ...packet, mch_autono: mch_billno.slice(-10) });
      return send().then(async (first) => {
        global.Date = class extends Today {
          constructor(...given) {
            super(...(given.length ? given : [Today.now() + 86_400_000]));
          }
        };
        try {
          return [first, await send()];
        } finally {
          global.Date = Today;
        }
      });
    },
    place: (order) => pay.unifiedOrder(order),
    query: (query) => pay.orderQuery(query),
    refund: (refund) => pay.refund(refund),
    refunds: (query) => pay.refundQuery(query),
    bill: (query) => pay.downloadBill(query, true),
    paid: handle("pay"),
    refunded: handle("refund"),
  };
});
