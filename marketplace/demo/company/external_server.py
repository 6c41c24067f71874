"""The vendor's side of the externally hosted demo model: a small real Open Inference server on loopback.

    python -m marketplace.demo.company.external_server 8090

Speaks REST JSON: health, model metadata, infer. Standard library only; a keyword list stands in for the vendor's model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME, VERSION = "transaction-categoriser", "1.0.0"
KEYWORDS = {
    "groceries": ("market", "grocer", "foods", "deli", "bakery"),
    "transport": ("fuel", "gas station", "taxi", "transit", "parking", "airline"),
    "housing": ("rent", "mortgage", "hoa", "property"),
    "utilities": ("electric", "water", "internet", "mobile", "energy"),
    "health": ("pharmacy", "clinic", "dental", "hospital"),
    "leisure": ("cinema", "restaurant", "coffee", "stream", "hotel", "gym"),
    "income": ("payroll", "salary", "dividend", "refund"),
}
CATEGORIES = (*sorted(KEYWORDS), "other")
SIGNATURE: dict[str, Any] = {
    "inputs": [
        {
            "name": "description",
            "datatype": "BYTES",
            "shape": [-1],
            "required": True,
            "description": "Text of the account transaction",
            "unit": "",
            "minimum": None,
            "maximum": None,
            "enum": None,
            "default": None,
            "format": None,
        },
        {
            "name": "amount",
            "datatype": "FP64",
            "shape": [-1],
            "required": True,
            "description": "Amount; negative when money leaves",
            "unit": "USD",
            "minimum": -50_000,
            "maximum": 50_000,
            "enum": None,
            "default": None,
            "format": None,
        },
    ],
    "outputs": [
        {
            "name": "category",
            "datatype": "BYTES",
            "shape": [-1],
            "description": "Spending category",
            "unit": "",
            "minimum": None,
            "maximum": None,
            "enum": list(CATEGORIES),
        },
    ],
    "binding": {
        "inputs": [
            {"tensor": name, "datatype": kind, "columns": None}
            for name, kind in (("description", "BYTES"), ("amount", "FP64"))
        ],
        "outputs": [{"tensor": "category", "output": "category", "column": None}],
    },
}
EXAMPLE: dict[str, Any] = {
    "inputs": [
        {
            "name": "description",
            "datatype": "BYTES",
            "shape": [2],
            "data": ["GREEN VALLEY MARKET 0421", "ACME CORP PAYROLL"],
        },
        {"name": "amount", "datatype": "FP64", "shape": [2], "data": [-64.2, 3120.0]},
    ]
}
BODY_LIMIT = 1 << 20  # bytes


class BadRequest(Exception):
    """The caller's mistake, in a sentence."""


def category(description: str, amount: float) -> str:
    """The vendor's model: first keyword that occurs; money coming in without one is income."""
    text = description.lower()
    for name, words in KEYWORDS.items():
        if any(word in text for word in words):
            return name
    return "income" if amount > 500 else "other"


def infer(request: dict[str, Any]) -> dict[str, Any]:
    """An Open Inference response. Raises BadRequest."""
    columns = {
        tensor.get("name"): tensor.get("data")
        for tensor in request.get("inputs", [])
        if isinstance(tensor, dict)
    }
    descriptions, amounts = columns.get("description"), columns.get("amount")
    if (
        not isinstance(descriptions, list)
        or not isinstance(amounts, list)
        or len(descriptions) != len(amounts)
    ):
        raise BadRequest("Give description and amount with the same number of values.")
    require_allowed(request)
    answers = [
        category(str(text), float(amount))
        for text, amount in zip(descriptions, amounts, strict=True)
    ]
    output = {"name": "category", "datatype": "BYTES", "shape": [len(answers)], "data": answers}
    reply = {"model_name": NAME, "model_version": VERSION, "outputs": [output]}
    return reply | ({"id": request["id"]} if "id" in request else {})


def require_allowed(request: dict[str, Any]) -> None:
    """Raises BadRequest for what the signature excludes."""
    low, high = (SIGNATURE["inputs"][1][end] for end in ("minimum", "maximum"))
    for tensor in request["inputs"]:
        name, data = tensor["name"], tensor["data"]
        if name not in ("description", "amount"):
            raise BadRequest(f"There is no input {name}.")
        if tensor.get("shape", [len(data)]) not in ([len(data)], [len(data), 1]):
            raise BadRequest(f"{name} has another shape than its data.")
        if name == "description" and not all(isinstance(text, str) for text in data):
            raise BadRequest("description takes texts.")
        if name == "amount" and not all(
            _is_number(value) and low <= value <= high for value in data
        ):
            raise BadRequest(f"amount takes numbers from {low} to {high}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def metadata() -> dict[str, Any]:
    tensors = {
        side: [{k: field[k] for k in ("name", "datatype", "shape")} for field in SIGNATURE[side]]
        for side in ("inputs", "outputs")
    }
    return {"name": NAME, "versions": [VERSION], "platform": "vendor_keywords", **tensors}


class Handler(BaseHTTPRequestHandler):
    """REST endpoints of the vendor: also without a version in the path."""

    protocol_version = "HTTP/1.1"
    server_version = "vendor"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.replace(f"/versions/{VERSION}", "").rstrip("/")
        answers: dict[str, dict[str, Any]] = {
            "/v2": {"name": "vendor", "version": "1", "extensions": []},
            "/v2/health/live": {"live": True},
            "/v2/health/ready": {"ready": True},
            f"/v2/models/{NAME}": metadata(),
            f"/v2/models/{NAME}/ready": {"name": NAME, "ready": True},
        }
        self.answer(200, answers[path]) if path in answers else self.answer(
            404, {"error": "Not found."}
        )

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self.close_connection = True
            return self.answer(413, {"error": "The body is larger than 1 MiB."})
        body = self.rfile.read(length)
        if self.path.replace(f"/versions/{VERSION}", "") != f"/v2/models/{NAME}/infer":
            return self.answer(404, {"error": "Not found."})
        try:
            return self.answer(200, infer(json.loads(body)))
        except (BadRequest, ValueError, TypeError, AttributeError) as problem:
            return self.answer(400, {"error": str(problem)})

    def answer(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the demo's console is for the marketplace."""


class Server(ThreadingHTTPServer):
    daemon_threads = True


def main(arguments: Sequence[str]) -> None:
    port = int(arguments[0]) if arguments else 8090
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
