"""From a signed manifest to a model that answers: verify digest and signature of the very bytes that are loaded, then load.

Reads files from ARTIFACT_ROOT ("<sha256[:2]>/<sha256>") and the platform's public key from MANIFEST_PUBLIC_KEY (hex).
"""

import hashlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hosting.model_server import coercion, wire
from marketplace.lib.canonical import canonical

SERVABLE = ("onnx", "mlflow")
NO_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "Cannot allocate memory")
# In a serialised graph: field 4 of a node (op_type), its length, its name. One that loops takes as long as its input says.
LOOPS = (b"\x22\x04Loop", b"\x22\x04Scan")


class CannotLoad(Exception):
    """Why this version cannot start, in words its publisher can act on."""


@dataclass
class LoadedModel:
    """A verified, warmed model. `run(columns)` → {output name: array of n rows}."""

    manifest: dict
    signature: coercion.Signature
    session: onnxruntime.InferenceSession
    ranks: dict
    warm_ms: float = 0.0
    has_loops: bool = False

    def run(self, columns):
        feeds = coercion.bind(columns, self.signature, self.ranks)
        names = [spec["tensor"] for spec in self.signature.binding_outputs]
        return coercion.results_of(dict(zip(names, self.session.run(names, feeds), strict=True)), self.signature)


def load(manifest, signature_hex, *, root=None, public_key=None):
    """Signed manifest → LoadedModel. Raises CannotLoad.

    manifest        the package manifest (dict, as signed)
    signature_hex   Ed25519 signature over its canonical JSON
    """
    _signed(manifest, signature_hex, public_key or os.environ.get("MANIFEST_PUBLIC_KEY", ""))
    if manifest.get("format") not in SERVABLE or not manifest.get("entry", "").endswith(".onnx"):
        raise CannotLoad(f"This engine serves ONNX graphs; {manifest.get('entry') or 'the package'} is none.")
    _bound_memory(manifest)
    graph = _verified(manifest, Path(root or os.environ["ARTIFACT_ROOT"]))
    session = _session(graph, manifest)
    model = LoadedModel(
        manifest=manifest,
        signature=coercion.Signature.of(manifest["signature"]),
        session=session,
        ranks={tensor.name: len(tensor.shape) for tensor in session.get_inputs()},
        has_loops=any(graph.find(mark) >= 0 for mark in LOOPS),
    )
    _fits_graph(model)
    model.warm_ms = _warm(model)
    return model


def _signed(manifest, signature_hex, public_key):
    if not public_key:
        raise CannotLoad("The engine was started without the platform's public key (MANIFEST_PUBLIC_KEY).")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature_hex or ""), canonical(manifest))
    except (InvalidSignature, ValueError):
        raise CannotLoad("The manifest is not signed by the platform: it was changed after its approval. Submit it as a new version.") from None


def _entry(manifest):
    for entry in manifest["files"]:
        if entry["name"] == manifest["entry"]:
            return entry
    raise CannotLoad(f"The manifest names {manifest['entry']} as its model, and does not list that file.")


def _verified(manifest, root):
    """The graph's bytes, read once: what is hashed is what is loaded, whoever writes to the stored file meanwhile."""
    entry = _entry(manifest)
    try:
        with open(root / entry["sha256"][:2] / entry["sha256"], "rb") as stored:
            graph = stored.read(entry["size"] + 1)
    except (OSError, MemoryError) as wrong:
        raise _because(wrong, manifest, "The graph", f"The stored file of {entry['name']} cannot be read.") from None
    if len(graph) != entry["size"] or hashlib.sha256(graph).hexdigest() != entry["sha256"]:
        said = f"The stored bytes of {entry['name']} are not those that were approved (digest differs), so that they were not loaded."
        raise CannotLoad(f"{said} Ask the operators to restore them from the backup, then start it again.")
    return graph


def _session(graph, manifest):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as wrong:  # onnxruntime raises many kinds
        raise _because(wrong, manifest, "The graph", f"ONNX Runtime cannot load the graph: {str(wrong)[:300]}") from None


def is_lack_of_memory(wrong):
    """True for what Python, C++ and ONNX Runtime's allocator say when there is no more memory."""
    return isinstance(wrong, MemoryError) or any(words in str(wrong) for words in NO_MEMORY)


def memory_mb(manifest):
    """What the package declares that it needs."""
    return manifest.get("resources", {}).get("memory_mb", 512)


def _because(wrong, manifest, what, otherwise):
    if not is_lack_of_memory(wrong):
        return CannotLoad(otherwise)
    return CannotLoad(
        f"Out of memory: {what} needs more than a version that declares {memory_mb(manifest)} MB gets. "
        "Make the model smaller, or host it yourself and register it as an external endpoint."
    )


def _bound_memory(manifest):
    """A model that takes far more than it declared fails itself, not its neighbours.

    RLIMIT_AS counts reserved address space, not use; so the limit is what the process has reserved by now plus twice
    the declaration plus 1 GiB for threads and allocator arenas. REPLICA_LIMIT_MEMORY=0 turns it off.
    """
    if os.environ.get("REPLICA_LIMIT_MEMORY", "1") == "0":
        return
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = reserved + (2 * memory_mb(manifest) + 1024) * 2**20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _fits_graph(model):
    tensors = {tensor.name for tensor in model.session.get_inputs()}
    bound = {spec["tensor"] for spec in model.signature.binding_inputs}
    if tensors != bound:
        raise CannotLoad(f"The signature binds {sorted(bound)}; the graph has the inputs {sorted(tensors)}.")
    made = {tensor.name for tensor in model.session.get_outputs()}
    missing = {spec["tensor"] for spec in model.signature.binding_outputs} - made
    if missing:
        raise CannotLoad(f"The signature binds the outputs {sorted(missing)}; the graph makes {sorted(made)}.")


def _warm(model):
    """Run the version's own example twice; the second run's milliseconds. A package whose example fails is not served."""
    if not model.manifest.get("example"):
        return 0.0
    try:
        request = wire.read(canonical(model.manifest["example"]))
        columns, _rows = coercion.columns_of(request, model.signature)
        model.run(columns)
        started = time.perf_counter()
        model.run(columns)
    except Exception as wrong:
        raise _because(wrong, model.manifest, "its own example", f"The version's own example fails: {str(wrong)[:300]}") from None
    return (time.perf_counter() - started) * 1000
