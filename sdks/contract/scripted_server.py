"""An HTTP server that answers each case of cases.json as its script says, and keeps what it was sent.

Every case of every run has a path of its own, /<run>/<case>, under which it looks like a gateway and a portal.
"""

import json
import math
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())["cases"]
BY_NAME = {case["name"]: case for case in CASES}
MODEL = "income-verification"
KEY = "mkc_contract"
VERSION = "1.2.0"
HANGS_S = 30
INPUTS = [
    {"name": "income", "datatype": "FP32", "shape": [-1]},
    {"name": "debt", "datatype": "FP32", "shape": [-1]},
]
CODES = dict(
    BOOL="?", UINT8="B", UINT16="H", UINT32="I", UINT64="Q", INT8="b", INT16="h", INT32="i",
    INT64="q", FP16="e", FP32="f", FP64="d",
)  # fmt: skip


@dataclass
class Sent:
    """One request for an inference as the server read it. `columns`: flat values by name."""

    headers: dict
    columns: dict
    tensors: list
    is_binary: bool
    size: int

    @property
    def rows(self):
        return self.tensors[0]["shape"][0]


@dataclass
class Seen:
    """What one case of one run was asked. `answered`: incomes of all calls that got an answer."""

    inferences: list = field(default_factory=list)
    metadata: int = 0
    feedback: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    answered: list = field(default_factory=list)


class ScriptedServer:
    """Use as a context manager; `seen[run, case]` is a Seen."""

    def __enter__(self):
        self.seen = defaultdict(Seen)
        self.over = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()

    def address(self, run, case):
        return f"http://127.0.0.1:{self.http.server_port}/{run}/{case}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner = None

    def log_message(self, *arguments):
        pass

    def _begin(self):
        _, run, name, self.rest = unquote(self.path).split("/", 3)
        self.case, self.seen = BY_NAME[name], self.owner.seen[run, name]
        self.seen.headers.append({name.lower(): value for name, value in self.headers.items()})

    def do_GET(self):
        self._begin()
        self.seen.metadata += 1
        document = {
            "name": MODEL,
            "versions": [VERSION],
            "platform": "onnx_onnxv1",
            "inputs": self.case.get("inputs", INPUTS),
            "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
        }
        self._answer(200, {}, json.dumps(document).encode())

    def do_POST(self):
        self._begin()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.rest == "api/v1/feedback/":
            self.seen.feedback.append(json.loads(body))
            return self._answer(200, {}, json.dumps(self.case["expect"]["feedback"]).encode())
        sent = read(body, self.headers)
        step = self._step(sent)
        self.seen.inferences.append(sent)
        return self._play(step, sent)

    def _step(self, sent):
        most = self.case.get("script_rows_at_most")
        if most is not None:
            document = {
                "status": 413,
                "type": "/docs/problems/request-too-large",
                "title": "t",
                "detail": "d",
            }
            return {"subtract": True} if sent.rows <= most else {"problem": document}
        at = len(self.seen.inferences)
        if "script_repeats" in self.case:
            return self.case["script_repeats"]
        return (
            self.case["script"][at]
            if at < len(self.case["script"])
            else {"status": 500, "raw": "not in the script"}
        )

    def _play(self, step, sent):
        headers = step.get("headers", {})
        if step.get("hang"):
            self.owner.over.wait(HANGS_S)
            self.close_connection = True
        elif "cut" in step:
            if step["cut"] == "body":
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"outputs"')
            self.close_connection = True
        elif "problem" in step:
            kind = {"Content-Type": "application/problem+json"}
            self._answer(
                step["problem"]["status"], kind | headers, json.dumps(step["problem"]).encode()
            )
        elif "raw" in step:
            self._answer(step["status"], headers, step["raw"].encode())
        else:
            self.seen.answered += sent.columns.get("income", [])
            outputs = echoed(sent) if step.get("echo") else [subtracted(sent)]
            body, length = written(outputs, sent.is_binary)
            extra = {"Inference-Header-Content-Length": str(length)} if sent.is_binary else {}
            self._answer(200, extra | headers, body)

    def _answer(self, status, headers, body):
        self.send_response(status)
        known = {
            "X-Request-Id": "r-any",
            "X-Model-Version": VERSION,
            "Content-Type": "application/json",
        }
        for name, value in (known | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def read(body, headers):
    """The request as the protocol says it. Raises when it is none."""
    length = headers.get("Inference-Header-Content-Length")
    head = int(length) if length else len(body)
    document, rest = json.loads(body[:head]), body[head:]
    columns = {}
    for tensor in document["inputs"]:
        if length is None:
            columns[tensor["name"]] = tensor["data"]
            continue
        size = tensor["parameters"]["binary_data_size"]
        columns[tensor["name"]], rest = unpacked(rest[:size], tensor["datatype"]), rest[size:]
    assert not rest, "bytes that belong to no input"
    for tensor in document["inputs"]:
        assert math.prod(tensor["shape"]) == len(columns[tensor["name"]]), tensor["name"]
    return Sent(dict(headers), columns, document["inputs"], length is not None, len(body))


def unpacked(raw, datatype):
    if datatype != "BYTES":
        code = CODES[datatype]
        return list(struct.unpack(f"<{len(raw) // struct.calcsize('<' + code)}{code}", raw))
    texts, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        texts.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


def subtracted(sent):
    """income - debt; 0 without them."""
    zeros = [0] * sent.rows
    income, debt = sent.columns.get("income", zeros), sent.columns.get("debt", zeros)
    values = [a - b for a, b in zip(income, debt, strict=True)]
    return {"name": "score", "datatype": "FP32", "shape": [sent.rows], "data": values}


def echoed(sent):
    return [
        {
            "name": tensor["name"],
            "datatype": tensor["datatype"],
            "shape": tensor["shape"],
            "data": sent.columns[tensor["name"]],
        }
        for tensor in sent.tensors
    ]


def written(outputs, is_binary):
    """(body, length of its JSON part)."""
    head = {"model_name": MODEL, "model_version": VERSION}
    if not is_binary:
        body = json.dumps(head | {"outputs": outputs}).encode()
        return body, len(body)
    chunks, described = [], []
    for output in outputs:
        data = output.pop("data")
        if output["datatype"] == "BYTES":
            chunk = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in data)
        else:
            chunk = struct.pack(f"<{len(data)}{CODES[output['datatype']]}", *data)
        described.append(output | {"parameters": {"binary_data_size": len(chunk)}})
        chunks.append(chunk)
    text = json.dumps(head | {"outputs": described}).encode()
    return text + b"".join(chunks), len(text)
