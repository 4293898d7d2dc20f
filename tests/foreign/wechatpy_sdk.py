from wechatpy.pay import WeChatPay

from stage import answer_by_hand, drive, file, gateway

WeChatPay.API_BASE_URL = gateway + "/"


def make(merchant):
    pay = WeChatPay(
        appid=merchant["app_id"],
        api_key=merchant["api_key"],
        mch_id=merchant["mch_id"],
        mch_cert=file("apiclient_cert.pem"),
        mch_key=file("apiclient_key.pem"),
    )

    def send(packet, number):
        return pay.redpack.send(
            user_id=packet["re_openid"],
            total_amount=packet["total_amount"],
            send_name=packet["send_name"],
            act_name=packet["act_name"],
            wishing=packet["wishing"],
            remark=packet["remark"],
            client_ip=packet["client_ip"],
            total_num=packet["total_num"],
            out_trade_no=number,
        )

    def place(order):
        return pay.order.create(
            order["trade_type"],
            order["body"],
            order["total_fee"],
            order["notify_url"],
            client_ip=order["spbill_create_ip"],
            out_trade_no=order["out_trade_no"],
            product_id=order["product_id"],
            attach=order.get("attach"),
        )

    def refund(refund):
        return pay.refund.apply(
            refund["total_fee"],
            refund["refund_fee"],
            refund["out_refund_no"],
            out_trade_no=refund["out_trade_no"],
            notify_url=refund["notify_url"],
        )

    def handler(parse):
        return lambda body: {"accepted": True, "message": parse(body), "reply": answer_by_hand("SUCCESS")}

    return {
        "send": lambda packet: send(packet, packet["mch_billno"]),
        "packet": lambda query: pay.redpack.query(query["mch_billno"]),
        "unnumbered": lambda packet: [send(packet, None), send(packet, None)],
        "place": place,
        "query": lambda query: pay.order.query(out_trade_no=query["out_trade_no"]),
        "refund": refund,
        "refunds": lambda query: pay.refund.query(out_refund_no=query["out_refund_no"]),
        "bill": lambda query: pay.tools.download_bill(query["bill_date"]),
        "paid": handler(pay.parse_payment_result),
        "refunded": handler(pay.parse_refund_notify_result),
    }


drive("wechatpy", make)
