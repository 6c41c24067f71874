"""The one server class: an ASGI application around a LoadedModel, speaking Open Inference Protocol v2.

`ModelApp` is plain ASGI and needs no Ray (tests and the one-process driver run it under uvicorn);
`hosting.model_server.replica` wraps it as a Serve deployment.
"""

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from hosting.model_server import compression, exchanges, loader
from hosting.model_server.limits import MOST_BODY_BYTES
from hosting.model_server.problems import MEDIA_TYPE, Fault, Problem, not_found, too_large
from hosting.model_server.runtime_words import is_lack_of_memory
from hosting.model_server.scheduling import Stopwatch

log = logging.getLogger(
    "ray.serve.hosting"
)  # below the logger whose lines Ray keeps for each replica

SLOW_MS = 5.0  # a longer run leaves the event loop free for health checks by running in a thread
LARGE_BYTES = 256 * 1024  # about ten milliseconds of reading
# What the gateway waits for a first byte unless the version declares something else.
TIMEOUT_S = 30.0
GRACE_S = 1.0
FORGETS = 0.9  # what is left of the longest time of a row after each further run
LONGEST_LENGTH = 20  # digits of a content-length

PLATFORMS = {"onnx": "onnx_onnxv1"}


class Figures:
    """What a replica counts. This one tells nobody; `hosting.model_server.figures` tells Ray."""

    def answered(self, status, seconds):
        """An inference was answered."""

    def took(self, rows):
        """A request of so many rows was run."""

    def at_once(self, calls):
        """So many inferences wait or run now; told with each health check."""

    def ran_out_of_memory(self):
        """An inference was refused because it needs more memory than there is."""


class ModelApp:
    """ASGI application that answers for one version.

    GET  <prefix>          metadata
    GET  <prefix>/ready    200 when the model is loaded and answers
    POST <prefix>/infer    inference, JSON or binary
    POST <prefix>/rows     inference, JSON objects or CSV (rows.py)

    The prefix names model and version. Whatever else is asked for is a 404: an ingress that has not heard yet that this port
    was another version's gets no answer from this one.

    Calls are not gathered into batches: a graph may look at its rows together, and a call costs far more than a run. Measured
    with 32 rows in one run instead of one each, at 420 µs of processor time a call: boosted trees, forests and dense networks
    up to 2 048 wide gain at most 1.1 times; only a dense network of 4 096 × 4 096 gains (6 times).
    """

    def __init__(self, model, *, timeout_s=TIMEOUT_S, figures=None):
        self.model = model
        self.figures = figures or Figures()
        self.timeout_s = timeout_s
        self.prefix = f"/v2/models/{model.manifest['model']}/versions/{model.manifest['version']}"
        self._metadata = json.dumps(metadata(model.manifest)).encode()
        self._head = exchanges.head(model.manifest)
        self._exchanges = {
            f"{self.prefix}/infer": exchanges.Tensors(model),
            f"{self.prefix}/rows": exchanges.Rows(model),
        }
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="infer")
        self._ms_per_row = model.warm_ms
        self._stopwatch = None
        self._at_once = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")[:80]
        self._at_once += 1
        try:
            status, extra, body = await self._answer(scope, headers, receive)
        except Problem as problem:
            status, extra, body = (
                problem.status,
                [(b"content-type", MEDIA_TYPE.encode())],
                problem.body(request_id),
            )
        except Exception:
            log.exception("inference failed", extra={"request_id": request_id})
            status, extra, body = _broken(request_id)
        finally:
            self._at_once -= 1
        await _send(send, status, extra, body)
        seconds = time.perf_counter() - started
        if scope["method"] == "POST":
            self.figures.answered(status, seconds)
        if status >= 400 or log.isEnabledFor(logging.DEBUG):
            line = {
                **self._head,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "request_id": request_id,
            }
            log.info(json.dumps(line))

    async def _answer(self, scope, headers, receive):
        path = scope["path"].rstrip("/")
        exchange = self._exchanges.get(path) if scope["method"] == "POST" else None
        if exchange is not None:
            return await self._infer(exchange, headers, await self._body(headers, receive))
        if path in (self.prefix, f"{self.prefix}/ready") and scope["method"] in ("GET", "HEAD"):
            body = (
                self._metadata
                if path == self.prefix
                else json.dumps({"name": self._head["model_name"], "ready": True}).encode()
            )
            return 200, [(b"content-type", b"application/json")], body
        raise not_found(f"{scope['method']} {scope['path'][:200]} is not served here.")

    async def _body(self, headers, receive):
        """The request's bytes. Raises Problem 413 before reading more than the bound."""
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and (
            len(declared) > LONGEST_LENGTH or int(declared) > MOST_BODY_BYTES
        ):
            raise _body_too_large()
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(499, "client-left", "The caller left before the request was complete")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > MOST_BODY_BYTES:
                raise _body_too_large()
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _infer(self, exchange, headers, body):
        if (
            len(body) > LARGE_BYTES
            or headers.get(b"content-encoding", b"") not in compression.PLAIN
        ):
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._infer_beside, exchange, headers, body
            )
        request, columns, rows = exchange.read(headers, body)
        return exchange.written(request, await self._run(columns, rows))

    def _infer_beside(self, exchange, headers, body):
        """A large or compressed request as a whole in the thread: a queue of them would keep the event loop from answering health checks."""
        request, columns, rows = exchange.read(headers, body)
        return exchange.written(request, self._watched_run(columns, rows))

    async def _run(self, columns, rows):
        """Short runs on the event loop (a thread costs more than they do), long ones beside it, one after the other."""
        if not self.model.has_loops and self._ms_per_row * rows < SLOW_MS:
            return self._measured_run(columns, rows)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._watched_run, columns, rows
        )

    def _watched_run(self, columns, rows):
        self._stopwatch = Stopwatch()
        try:
            return self._measured_run(columns, rows)
        finally:
            self._stopwatch = None

    def _measured_run(self, columns, rows):
        """Run, and learn: a run that took longer than thought sends the next ones like it to the thread, until some twenty
        quick ones have shown that it was the machine that was slow."""
        self.figures.took(rows)
        began = time.monotonic()
        try:
            results = self.model.run(columns)
        except Exception as wrong:
            if is_lack_of_memory(wrong):
                self.figures.ran_out_of_memory()
                raise _out_of_memory(self.model.manifest) from wrong
            raise
        took_ms = (time.monotonic() - began) * 1000 / max(rows, 1)
        self._ms_per_row = max(took_ms, FORGETS * self._ms_per_row)
        return results

    def is_wedged(self):
        """Does a run go on although nobody waits for it any more? Then the replica is to be replaced.

        Only the run itself counts: not the time that a call waited for its turn, nor that its thread waited for a processor. A run
        that blocks the event loop needs no such look: then there is no heartbeat.
        """
        stopwatch = self._stopwatch
        return stopwatch is not None and stopwatch.seconds > self.timeout_s + GRACE_S

    def check_health(self):
        """Raises RuntimeError when a run is wedged."""
        self.figures.at_once(self._at_once)
        if self.is_wedged():
            raise RuntimeError(
                f"An inference has been running for more than {self.timeout_s:g} s, which is this version's limit."
            )


def metadata(manifest):
    """The protocol's model metadata from a manifest."""
    described = manifest["signature"]
    return {
        "name": manifest["model"],
        "versions": [manifest["version"]],
        "platform": PLATFORMS.get(manifest.get("format"), manifest.get("format", "")),
        "inputs": [_described(spec) for spec in described["inputs"]],
        "outputs": [_described(spec) for spec in described["outputs"]],
    }


def _described(spec):
    return {"name": spec["name"], "datatype": spec["datatype"], "shape": spec.get("shape") or [-1]}


def app_from_manifest(manifest, signature_hex, *, timeout_s=TIMEOUT_S, figures=None, **where):
    """Verify, load and wrap: what replicas and tests call. Raises loader.CannotLoad."""
    return ModelApp(
        loader.load(manifest, signature_hex, **where), timeout_s=timeout_s, figures=figures
    )


def _body_too_large():
    return too_large(
        f"The body is larger than {MOST_BODY_BYTES} bytes.",
        "Send fewer rows per request.",
        limit_bytes=MOST_BODY_BYTES,
    )


async def _send(send, status, extra, body):
    headers = [*extra, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _broken(request_id):
    """500: the model itself failed on input that its signature allows."""
    fault = Fault("The model failed on this input.", remedy="Tell its publisher the request id.")
    problem = Problem(500, "model-failed", "The model failed", [fault])
    return 500, [(b"content-type", MEDIA_TYPE.encode())], problem.body(request_id)


def _out_of_memory(manifest):
    """500: this request alone needs too much; the replica goes on answering others."""
    fault = Fault(
        f"This request needs more memory than a version that declares {loader.memory_mb(manifest)} MB gets.",
        remedy="Send fewer rows, or tell its publisher the request id.",
    )
    return Problem(500, "out-of-memory", "The model ran out of memory", [fault])


async def _lifespan(receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
