import warnings

from pywe_pay import WeChatPay
from pywe_pay_notify import check_pay_notify

from stage import answer_by_hand, drive, file, gateway

# It verifies no server's certificate, of which urllib3 warns at every call.
warnings.simplefilter("ignore")


def make(merchant):
    pay = WeChatPay(
        merchant["app_id"],
        merchant["api_key"],
        merchant["mch_id"],
        mch_cert=file("apiclient_cert.pem"),
        mch_key=file("apiclient_key.pem"),
    )
    pay.MCH_DOMAIN = gateway

    def send(packet, number):
        return pay.redpack.send(
            packet["re_openid"],
            packet["total_amount"],
            packet["send_name"],
            packet["act_name"],
            packet["wishing"],
            packet["remark"],
            total_num=packet["total_num"],
            client_ip=packet["client_ip"],
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
            refund["total_fee"], refund["refund_fee"], refund["out_refund_no"], out_trade_no=refund["out_trade_no"]
        )

    def paid(body):
        message, accepted = check_pay_notify(body, api_key=merchant["api_key"])
        return {"accepted": accepted, "message": message, "reply": answer_by_hand("SUCCESS" if accepted else "FAIL")}

    return {
        "send": lambda packet: send(packet, packet["mch_billno"]),
        "packet": lambda query: pay.redpack.query(query["mch_billno"]),
        "unnumbered": lambda packet: [send(packet, None), send(packet, None)],
        "place": place,
        "query": lambda query: pay.order.query(out_trade_no=query["out_trade_no"]),
        "refund": refund,
        "refunds": lambda query: pay.refund.query(out_refund_no=query["out_refund_no"]),
        "bill": lambda query: pay.billl.download_bill(query["bill_date"]),
        "paid": paid,
    }


drive("pywe-pay", make)
