"""From an uploaded file to answers, as the product does it: inspected in the limited child, signed, loaded and called."""

import asyncio
import json

import numpy as np
import onnxruntime

from hosting.model_server import locales, server
from publishing import packages
from publishing import signature as signatures
from tests.hosting.packages import Keypair, store

KEYS = Keypair()


def served(upload, folder):
    """(Inspection, ModelApp) of the file at `upload`. Raises Refused, CannotLoad."""
    (folder / "quarantine").mkdir(parents=True, exist_ok=True)
    with packages.inspect(upload, upload.name, quarantine=folder / "quarantine") as found:
        files = [
            {"name": file.name, "sha256": store(folder, file.path.read_bytes()), "size": file.size}
            for file in found.files
        ]
        assert all(
            file["sha256"] == known.sha256 for file, known in zip(files, found.files, strict=True)
        )
    signatures.validate_signature(found.signature, found.graph)
    manifest = {
        "schema": "package/1",
        "model": "m",
        "version": "1.0.0",
        "format": found.format,
        "flavor": found.flavor,
        "entry": found.entry,
        "files": files,
        "signature": found.signature,
        "example": None,
        "resources": {"memory_mb": 512},
    }
    return found, server.app_from_manifest(
        manifest, KEYS.sign(manifest), root=folder, public_key=KEYS.public
    )


def request_of(signature, feeds):
    """An inference request with the graph's feeds as the signature takes them apart into columns."""
    fields = {field["name"]: field for field in signature["inputs"]}
    inputs = []
    for row in signature["binding"]["inputs"]:
        array = feeds[row["tensor"]]
        if row["columns"] is None:
            inputs.append(_tensor(fields[row["tensor"]], array))
            continue
        table = array.reshape(len(array), -1) if len(row["columns"]) == 1 else array
        inputs += [
            _tensor(fields[name], table[:, index] if array.ndim == 2 else array)
            for index, name in enumerate(row["columns"])
        ]
    return {"inputs": inputs}


def _tensor(field, array):
    data = array.ravel().tolist()
    return {
        "name": field["name"],
        "datatype": field["datatype"],
        "shape": list(array.shape),
        "data": data,
    }


def call(app, body, header_length=None):
    """(status, document) of one inference through the ASGI application."""
    sent = []

    async def receive():
        return {
            "type": "http.request",
            "body": body if isinstance(body, bytes) else json.dumps(body).encode(),
        }

    async def send(message):
        sent.append(message)

    headers = (
        [(b"inference-header-content-length", str(header_length).encode())] if header_length else []
    )
    scope = {"type": "http", "method": "POST", "path": f"{app.prefix}/infer", "headers": headers}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def expected(path, feeds, batch):
    """What ONNX Runtime answers to the file as its tool wrote it: output → array, or a list of maps from a ZipMap.

    batch: how many rows the graph takes at a time; None for any number.
    """
    with locales.provided(path.read_bytes()):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return _expected(session, feeds, batch)


def expected_of(content, feeds):
    """What ONNX Runtime answers to the graph in these bytes."""
    return _expected(
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]), feeds, None
    )


def _expected(session, feeds, batch):
    names = [output.name for output in session.get_outputs()]
    rows = len(next(iter(feeds.values())))
    step = batch or rows
    parts = [
        session.run(names, {name: array[at : at + step] for name, array in feeds.items()})
        for at in range(0, rows, step)
    ]
    joined = {}
    for index, name in enumerate(names):
        values = [part[index] for part in parts]
        joined[name] = sum(values, []) if isinstance(values[0], list) else np.concatenate(values)
    return joined


def differences(found, answer, wanted):
    """Where the served answer is not what ONNX Runtime answered: sentences, none when all is equal."""
    served_as = {output["name"]: output for output in answer["outputs"]}
    told = []
    for row in found.signature["binding"]["outputs"]:
        output, reference = served_as[row["output"]], wanted[row["tensor"]]
        if isinstance(reference, list):  # a ZipMap's maps: the columns keep the order of its labels
            reference = np.array([list(entry.values()) for entry in reference])
        if row["column"] is not None:
            reference = reference[:, row["column"]]
        got = np.array(
            output["data"], dtype=object if reference.dtype.kind in "OSU" else None
        ).reshape(output["shape"])
        same = (
            got.ravel().tolist() == reference.ravel().tolist()
            if reference.dtype.kind in "OSUib"
            else _near(got, reference)
        )
        if not same or got.size != reference.size:
            told.append(f"{row['output']}: {got.ravel()[:4]} is not {reference.ravel()[:4]}")
    return told


def _near(got, reference):
    tolerance = 5e-3 if reference.dtype == np.float16 else 1e-5
    return np.allclose(
        got.astype(float).ravel(),
        reference.astype(float).ravel(),
        tolerance,
        tolerance,
        equal_nan=True,
    )
