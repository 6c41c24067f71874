"""ONNX's own node tests with the batch freed (issue 9, done when 4): what the engine can run and the protocol can carry is
accepted and answers like ONNX Runtime; the rest is refused with the true reason. Counts are printed with -s.
"""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from onnx.backend.test.loader import load_model_tests

from hosting.model_server import locales, server
from publishing.packages.graphs import DATATYPES
from tests.tools import serving

pytestmark = pytest.mark.slow


def freed(case):
    """The case's model with a free first axis for every tensor that goes in or out."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for value in [*inputs_of(model), *model.graph.output]:
        for first in value.type.tensor_type.shape.dim[:1]:
            first.dim_param = "batch"
    return model


def inputs_of(model):
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def why_not_carried(model):
    """Words of the reason why no call can carry what goes in or out, or ""."""
    if not inputs_of(model):
        return "has no input"
    for value, is_input in [
        *((value, True) for value in inputs_of(model)),
        *((value, False) for value in model.graph.output),
    ]:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            return {"sequence_type": "sequence", "optional_type": "optional", "map_type": "maps"}[
                kind
            ]
        if value.type.tensor_type.elem_type not in DATATYPES:
            return TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        if is_input and not value.type.tensor_type.shape.dim:
            return "no shape with a batch dimension"
    return ""


def runs(content):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        with locales.provided(content):  # StringNormalizer asks for one that the machine may lack
            return onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
    except Exception:
        return None


def feeds_of(case, model):
    """The case's own inputs where all have the same number of rows, and JSON can hold them; else None."""
    arrays = [np.asarray(array) for array in case.data_sets[0][0]]
    feeds = dict(zip([value.name for value in inputs_of(model)], arrays, strict=False))
    fits = len({len(array) if array.ndim else 0 for array in arrays}) == 1 and all(
        array.size for array in arrays
    )
    finite = all(array.dtype.kind != "f" or np.isfinite(array).all() for array in arrays)
    return feeds if fits and finite and len(feeds) == len(inputs_of(model)) else None


def app_of(found, content, monkeypatch):
    """The server class around an inspection of `content`, without a store."""
    manifest = {
        "model": "m",
        "version": "1",
        "signature": found["signature"],
        "format": "onnx",
        "entry": "model.onnx",
        "example": None,
    }
    monkeypatch.setattr(server.loader, "_signed", lambda *_: None)
    monkeypatch.setattr(server.loader, "_verified", lambda *_: content)
    return server.app_from_manifest(manifest, "")


def test_onnx_node_tests(look, monkeypatch, capsys):
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    counts, wrong = Counter(), []
    for case in load_model_tests(kind="node"):
        model = freed(case)
        content = model.SerializeToString()
        session, barred = runs(content), why_not_carried(model)
        try:
            found, problems = look(content), []
        except Exception as refused:
            found, problems = (
                None,
                getattr(refused, "problems", [{"code": "crash", "message": repr(refused)}]),
            )
        said = " ".join(problem["message"] for problem in problems)
        if found:
            counts["accepted"] += 1
            if barred or not session:
                wrong.append(f"{case.name} was accepted")
            counts[answer_of(case, model, found, content, session, monkeypatch)] += 1
        elif barred:
            counts[f"refused: {barred}"] += 1
            if barred not in said:
                wrong.append(f"{case.name}: {barred} is not said: {said}")
        else:
            counts["refused: ONNX Runtime cannot load it"] += 1
            if session or {problem["code"] for problem in problems} - {
                "engine",
                "custom-operator",
                "invalid-onnx",
            }:
                wrong.append(f"{case.name}: {said}")
    with capsys.disabled():
        print("", *(f"{count:6} {what}" for what, count in counts.most_common()), sep="\n")
    assert not wrong
    assert counts["accepted"] > 1400 and counts["answered equal"] > 600


def answer_of(case, model, found, content, session, monkeypatch):
    """How the served model answered the case's own inputs: a word for the count. Raises AssertionError when it differs."""
    feeds = feeds_of(case, model)
    if feeds is None:
        return "not called: its inputs have no common number of rows"
    names = [output.name for output in session.get_outputs()]
    try:
        wanted = dict(zip(names, session.run(names, feeds), strict=True))
        again = dict(zip(names, session.run(names, feeds), strict=True))
    except Exception:
        return "not called: ONNX Runtime fails on its inputs"
    if any(
        not np.array_equal(wanted[name], again[name], equal_nan=wanted[name].dtype.kind == "f")
        for name in names
    ):
        return "not called: it answers by chance"
    status, answer = serving.call(
        app_of(found, content, monkeypatch), serving.request_of(found["signature"], feeds)
    )
    assert status == 200, (case.name, answer)
    for row in found["signature"]["binding"]["outputs"]:
        output = next(output for output in answer["outputs"] if output["name"] == row["output"])
        reference = (
            wanted[row["tensor"]]
            if row["column"] is None
            else wanted[row["tensor"]][:, row["column"]]
        )
        assert same(output, reference), (case.name, output, reference)
    return "answered equal"


def same(output, reference):
    if reference.dtype.kind in "OSU":
        return output["data"] == [
            value.decode() if isinstance(value, bytes) else value
            for value in reference.ravel().tolist()
        ]
    got = np.array([np.nan if value is None else value for value in output["data"]], dtype=float)
    known = np.where(np.isfinite(reference.astype(float)), reference.astype(float), np.nan)
    return np.allclose(got.ravel(), known.ravel(), 1e-6, 1e-6, equal_nan=True)
