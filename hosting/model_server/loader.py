"""From a signed manifest to a model that answers: verify digest and signature of the very bytes that are loaded, then load.

Reads files from ARTIFACT_ROOT ("<sha256[:2]>/<sha256>") and the platform's public key from MANIFEST_PUBLIC_KEY (hex).
"""

import hashlib
import os
import time
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hosting.model_server import coercion, wire
from hosting.model_server.session import CannotLoad, because, bound_memory, open_graph
from marketplace.core.canonical import canonical

SERVABLE = ("onnx", "mlflow")


def load(manifest, signature_hex, *, root=None, public_key=None):
    """Signed manifest → LoadedModel. Raises CannotLoad.

    manifest        the package manifest (dict, as signed)
    signature_hex   Ed25519 signature over its canonical JSON
    """
    _signed(manifest, signature_hex, public_key or os.environ.get("MANIFEST_PUBLIC_KEY", ""))
    if manifest.get("format") not in SERVABLE or not manifest.get("entry", "").endswith(".onnx"):
        raise CannotLoad(
            f"This engine serves ONNX graphs; {manifest.get('entry') or 'the package'} is none."
        )
    bound_memory(memory_mb(manifest))
    graph = _verified(manifest, Path(root or os.environ["ARTIFACT_ROOT"]))
    model = open_graph(graph, manifest["signature"], memory_mb(manifest))
    model.manifest = manifest
    model.warm_ms = _warm(model)
    return model


def _signed(manifest, signature_hex, public_key):
    if not public_key:
        raise CannotLoad(
            "The engine was started without the platform's public key (MANIFEST_PUBLIC_KEY)."
        )
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature_hex or ""), canonical(manifest))
    except (InvalidSignature, ValueError):
        raise CannotLoad(
            "The manifest is not signed by the platform: it was changed after its approval. Submit it as a new version."
        ) from None


def _entry(manifest):
    for entry in manifest["files"]:
        if entry["name"] == manifest["entry"]:
            return entry
    raise CannotLoad(
        f"The manifest names {manifest['entry']} as its model, and does not list that file."
    )


def _verified(manifest, root):
    """The graph's bytes, read once: what is hashed is what is loaded, whoever writes to the stored file meanwhile."""
    entry = _entry(manifest)
    try:
        with open(root / entry["sha256"][:2] / entry["sha256"], "rb") as stored:
            graph = stored.read(entry["size"] + 1)
    except (OSError, MemoryError) as wrong:
        otherwise = f"The stored file of {entry['name']} cannot be read"
        raise because(wrong, memory_mb(manifest), "The graph", otherwise) from None
    if len(graph) != entry["size"] or hashlib.sha256(graph).hexdigest() != entry["sha256"]:
        said = f"The stored bytes of {entry['name']} are not those that were approved (digest differs), so that they were not loaded."
        raise CannotLoad(
            f"{said} Ask the operators to restore them from the backup, then start it again."
        )
    return graph


def memory_mb(manifest):
    """What the package declares that it needs."""
    return manifest.get("resources", {}).get("memory_mb", 512)


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
        raise because(
            wrong,
            memory_mb(model.manifest),
            "its own example",
            "The version's own example fails",
            when_run=True,
        ) from None
    return (time.perf_counter() - started) * 1000
