"""What every SDK's driver needs around it: the sandbox's files, a listener for
notifications, and a loop that takes one call a line and answers with one line.

tests/it/foreign/driver.rs is the other end of it.
"""

import importlib.metadata
import json
import pathlib
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

directory = pathlib.Path(sys.argv[1])
gateway = json.loads((directory / "sandbox.json").read_text())["gateway"]
folder = sorted(path for path in (directory / "merchants").iterdir() if path.is_dir())[0]
merchant = json.loads((folder / "merchant.json").read_text())


def file(name):
    return str(folder / name)


def answer_by_hand(code):
    return f"<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{code}]]></return_msg></xml>"


def told(error):
    """All that a caller can see of an error."""
    own = {name: str(value) for name, value in vars(error).items() if name not in ("request", "response", "client")}
    return {"text": f"{type(error).__name__}: {error} {json.dumps(own, ensure_ascii=False)}"}


def drive(name, make):
    """Drives an SDK: `make(merchant)` gives its calls, of which any may be missing;
    `paid(body)` and `refunded(body)` among them give `accepted`, `message` and `reply`."""
    clients = {"right": make(merchant), "wrong_key": make({**merchant, "api_key": "0" * 32})}
    arrived = queue.Queue()

    def receive(kind, body):
        handler = clients["right"].get(kind)
        if handler is None:
            return {"offered": False}
        try:
            return {"answer": handler(body)}
        except Exception as error:
            return {"answer": {"accepted": False, "error": told(error), "reply": answer_by_hand("FAIL")}}

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            kind = self.path[1:]
            result = receive(kind, body)
            # Who has no handler of the SDK's for it answers by hand.
            reply = result["answer"]["reply"] if "answer" in result else answer_by_hand("SUCCESS")
            reply = reply.encode() if isinstance(reply, str) else reply
            self.send_response(200)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            arrived.put((kind, result))

        def log_message(self, *_):
            pass

    shop = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()

    def answer(call, fields, client):
        if call == "notice":
            # Others may be repeated meanwhile.
            while True:
                kind, result = arrived.get(timeout=20)
                if kind == fields["kind"]:
                    return result
        if call in ("paid", "refunded"):
            return receive(call, fields["body"])
        if call == "unhandled":
            # Python has nothing of the kind.
            return {"answer": {"count": 0}}
        calls = clients[client]
        if call not in calls:
            return {"offered": False}
        try:
            return {"answer": calls[call](fields)}
        except Exception as error:
            return {"error": told(error)}

    def say(line):
        def plain(value):
            return value.decode() if isinstance(value, bytes) else dict(value)

        print(json.dumps(line, ensure_ascii=False, default=plain), flush=True)

    say({"sdk": name, "version": importlib.metadata.version(name), "here": f"http://127.0.0.1:{shop.server_port}"})
    for line in sys.stdin:
        order = json.loads(line)
        say(answer(order["call"], order.get("fields", {}), order.get("as") or "right"))
