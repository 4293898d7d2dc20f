from weixin.pay import WeixinPay

from stage import drive, file, gateway

WeixinPay.PAY_HOST = gateway


def make(merchant):
    pay = WeixinPay(
        merchant["app_id"],
        merchant["mch_id"],
        merchant["api_key"],
        "",
        key=file("apiclient_key.pem"),
        cert=file("apiclient_cert.pem"),
    )

    def paid(body):
        message = pay.to_dict(body)
        # It takes the signature out of what it is given.
        accepted = pay.check(dict(message))
        return {"accepted": accepted, "message": message, "reply": pay.reply("OK" if accepted else "FAIL", accepted)}

    return {
        "place": lambda order: pay.unified_order(**order),
        "query": lambda query: pay.order_query(**query),
        "refund": lambda refund: pay.refund(op_user_id=merchant["mch_id"], **refund),
        "refunds": lambda query: pay.refund_query(**query),
        "bill": lambda query: pay.download_bill(query["bill_date"]),
        "paid": paid,
    }


drive("weixin-python", make)
