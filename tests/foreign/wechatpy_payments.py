"""Payments with wechatpy, an SDK that has never heard of this sandbox.

It is given the sandbox's directory and nothing else; users act through the
control API. Prints what came of each step, one JSON object per line.
"""

import json
import pathlib
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from wechatpy.exceptions import WeChatPayException
from wechatpy.pay import WeChatPay

directory = pathlib.Path(sys.argv[1])
sandbox = json.loads((directory / "sandbox.json").read_text())
folder = sorted(path for path in (directory / "merchants").iterdir() if path.is_dir())[0]
merchant = json.loads((folder / "merchant.json").read_text())
WeChatPay.API_BASE_URL = sandbox["gateway"] + "/"
USER = "oAlice1a2b3c4d5e6f7g8h9i0jkl"
IP = "203.0.113.10"


def client(**changes):
    pay = WeChatPay(
        appid=merchant["app_id"],
        api_key=merchant["api_key"],
        mch_id=merchant["mch_id"],
        mch_cert=str(folder / "apiclient_cert.pem"),
        mch_key=str(folder / "apiclient_key.pem"),
        **changes,
    )
    # The environment may name other CAs, and would win over this one.
    pay._http.trust_env = False
    pay._http.verify = str(directory / "ca.pem")
    return pay


def client_without_certificate():
    pay = client()
    pay.mch_cert = pay.mch_key = None
    return pay


def wrong_key():
    pay = client()
    pay.api_key = "0" * 32
    return pay


notices = queue.Queue()


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        notices.put((self.path, self.rfile.read(int(self.headers["content-length"])).decode()))
        answer = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


shop = HTTPServer(("127.0.0.1", 0), Shop)
threading.Thread(target=shop.serve_forever, daemon=True).start()
HERE = f"http://127.0.0.1:{shop.server_port}"

control = requests.Session()
control.trust_env = False


def act(path, **body):
    answer = control.post(sandbox["console"] + path, data=json.dumps(body) if body else b"")
    answer.raise_for_status()
    return answer.json()


def signed(pay, answer):
    """wechatpy leaves it to its user to verify answers."""
    fields = dict(answer)
    return pay.check_signature(fields)


def show(step, call):
    try:
        answer = call()
        answer = answer if isinstance(answer, str) else dict(answer)
    except WeChatPayException as error:
        answer = {"errcode": error.errcode, "errmsg": error.errmsg, "return_msg": error.return_msg}
    print(json.dumps({"step": step, "answer": answer}, ensure_ascii=False), flush=True)
    return answer


pay = client()
mch_id = merchant["mch_id"]
placed = show(
    "place",
    lambda: pay.order.create(
        "NATIVE", "蓝鲸咖啡-拿铁 <&>", 888, HERE + "/paid", client_ip=IP, out_trade_no="PY00001", product_id="SKU-1"
    ),
)
print(json.dumps({"step": "signed", "answer": {"place": signed(pay, placed)}}))
act(f"/api/orders/{mch_id}/PY00001/pay", openid=USER, coupons=[["CASH", 100], ["NO_CASH", 50]])
path, notice = notices.get(timeout=20)
paid = show("notice", lambda: {"path": path, **pay.parse_payment_result(notice)})
show("query", lambda: pay.order.query(out_trade_no="PY00001"))
show(
    "refund",
    lambda: pay.refund.apply(
        888, 300, "PYR1", out_trade_no="PY00001", refund_desc="商品已售完", notify_url=HERE + "/refunded"
    ),
)
show("refund again", lambda: pay.refund.apply(888, 301, "PYR1", out_trade_no="PY00001"))
show("without certificate", lambda: client_without_certificate().refund.apply(888, 1, "PYR9", out_trade_no="PY00001"))
trial = client(sandbox=True)
# A library that keeps the two keys apart asks for the other one by itself.
show("trial", lambda: trial.order.create("JSAPI", "杯", 101, HERE + "/trial", client_ip=IP, user_id=USER, out_trade_no="PYS0001"))
path, notice = notices.get(timeout=20)
show("trial notice", lambda: {"path": path, **trial.parse_payment_result(notice)})
show("trial query", lambda: trial.order.query(out_trade_no="PYS0001"))
show("trial amount", lambda: trial.order.create("JSAPI", "杯", 888, HERE + "/t", client_ip=IP, user_id=USER, out_trade_no="PYS0002"))

act("/api/clock/advance", seconds=3600)
path, notice = notices.get(timeout=20)
show("refund notice", lambda: {"path": path, **pay.parse_refund_notify_result(notice)})
show("refund query", lambda: pay.refund.query(out_refund_no="PYR1"))
show("jsapi", lambda: pay.order.create("JSAPI", "杯", 1, HERE + "/paid", client_ip=IP, user_id=USER, out_trade_no="PY00002"))
show("close", lambda: pay.order.close("PY00002"))
show("query closed", lambda: pay.order.query(out_trade_no="PY00002"))
show("unknown", lambda: pay.order.query(out_trade_no="PY99999"))
code = act(f"/api/users/{USER}/code")["auth_code"]
show("owner", lambda: pay.tools.auto_code_to_openid(code))
show("micropay", lambda: pay.micropay.create("早餐", 1250, code, client_ip=IP, out_trade_no="PYM0001"))
show("reverse", lambda: pay.order.reverse(out_trade_no="PYM0001"))
show("short", lambda: pay.tools.short_url("weixin://wxpay/bizpayurl?sign=X&appid=Y"))
show("wrong key", lambda: wrong_key().order.query(out_trade_no="PY00001"))
today = paid["time_end"][:8]
act("/api/clock/advance", seconds=2 * 86400)
show("bill", lambda: pay.tools.download_bill(today))
show("funds", lambda: pay.tools.download_fundflow(today))
