"""Red packets with wechatpy, an SDK that has never heard of this sandbox.

It is given the sandbox's directory and nothing else. Prints what came of each
call, one JSON object per line.
"""

import json
import pathlib
import sys

from wechatpy.exceptions import WeChatPayException
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature, dict_to_xml

directory = pathlib.Path(sys.argv[1])
sandbox = json.loads((directory / "sandbox.json").read_text())
folders = sorted(path for path in (directory / "merchants").iterdir() if path.is_dir())
WeChatPay.API_BASE_URL = sandbox["gateway"] + "/"


def client(folder, **changes):
    merchant = json.loads((folder / "merchant.json").read_text())
    arguments = {
        "appid": merchant["app_id"],
        "api_key": merchant["api_key"],
        "mch_id": merchant["mch_id"],
        "mch_cert": str(folder / "apiclient_cert.pem"),
        "mch_key": str(folder / "apiclient_key.pem"),
        **changes,
    }
    pay = WeChatPay(**arguments)
    # The environment may name other CAs, and would win over this one.
    pay._http.trust_env = False
    pay._http.verify = str(directory / "ca.pem")
    return pay


def send(pay, number, amount=188):
    return pay.redpack.send(
        user_id="oAlice1a2b3c4d5e6f7g8h9i0jkl",
        total_amount=amount,
        send_name="蓝鲸咖啡",
        act_name="签到有礼",
        wishing="早安 <&> 今天",
        remark="七天",
        client_ip="203.0.113.24",
        out_trade_no=number,
    )


def show(step, call):
    try:
        answer = dict(call())
    except WeChatPayException as error:
        answer = {"errcode": error.errcode, "errmsg": error.errmsg}
    print(json.dumps({"step": step, "answer": answer}, ensure_ascii=False))


north = client(folders[0])
show("send", lambda: send(north, "PY0001"))
show("again", lambda: send(north, "PY0001"))
show("changed", lambda: send(north, "PY0001", amount=189))
show("query", lambda: north.redpack.query("PY0001"))
show("not found", lambda: north.redpack.query("PY9999"))
show("wrong key", lambda: send(client(folders[0], api_key="0" * 32), "PY0002"))
show("no certificate", lambda: send(client(folders[0], mch_cert=None, mch_key=None), "PY0003"))
other = {
    "mch_cert": str(folders[1] / "apiclient_cert.pem"),
    "mch_key": str(folders[1] / "apiclient_key.pem"),
}
show("other certificate", lambda: send(client(folders[0], **other), "PY0004"))


def chunked(pay, number):
    """In chunks and without a Content-Type, as some HTTP libraries post."""
    fields = {
        "nonce_str": "chunked",
        "mch_billno": number,
        "mch_id": pay.mch_id,
        "appid": pay.appid,
        "bill_type": "MCHT",
    }
    body = dict_to_xml(fields, calculate_signature(fields, pay.api_key)).encode()
    halves = (half for half in (body[:40], body[40:]))
    url = pay.API_BASE_URL + "mmpaymkttransfers/gethbinfo"
    return pay._handle_result(pay._http.post(url, data=halves, cert=(pay.mch_cert, pay.mch_key)))


show("chunked", lambda: chunked(north, "PY0001"))
