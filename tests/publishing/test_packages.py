"""The corpus: good packages pass with the right signature; hostile ones are refused, run nothing and leave nothing."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from onnx import TensorProto, helper

from publishing.packages import Refused, confinement, limits
from publishing.packages.inspection import ROOT
from tests.publishing import specimens
from tests.publishing.specimens import (
    Payload,
    external_data,
    mlflow_files,
    onnx_bytes,
    tar_of,
    tensor,
    zip_of,
)

# -- pickles in every disguise ------------------------------------------------------------------------------------

WRAPPINGS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "gzip twice": lambda data: gzip.compress(gzip.compress(data)),
}


@pytest.mark.parametrize(
    "name",
    ["model.onnx", "model.pkl", "model.joblib", "model.zip", "model.tar.gz", "model.txt", "model"],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_refused_under_any_name(look, marker, protocol, name):
    with pytest.raises(Refused) as refused:
        look(pickle.dumps(Payload(marker), protocol), name)
    assert refused.value.code == "pickle"
    assert "skl2onnx" in refused.value.remedy
    assert not marker.exists()


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
@pytest.mark.parametrize("container", ["bare", "zip", "tar"])
def test_wrapped_pickle_is_refused(look, marker, wrap, container):
    data = wrap(pickle.dumps({"weights": [1.0] * 50, "x": Payload(marker)}))
    if container != "bare":
        pack = zip_of if container == "zip" else tar_of
        data = pack({"MLmodel": specimens.mlmodel(), "model.onnx": data})
    with pytest.raises(Refused) as refused:
        look(data, {"bare": "model.onnx", "zip": "m.zip", "tar": "m.tar.gz"}[container])
    assert refused.value.code in ("pickle", "compressed-pickle")
    assert not marker.exists()


def test_joblib_file_is_refused(look, marker, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump({"array": np.arange(9.0), "x": Payload(marker)}, tmp_path / "m", compress=("xz", 3))
    with pytest.raises(Refused, match="pickle"):
        look((tmp_path / "m").read_bytes(), "model.joblib")
    assert not marker.exists()


def numpy_file(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


FOREIGN = {
    "torch": (lambda: zip_of({"archive/data.pkl": b"\x80\x02.", "archive/version": b"3"}), "torch"),
    "keras": (
        lambda: zip_of({"config.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n"}),
        "keras",
    ),
    "h5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "hdf5"),
    "object array": (lambda: numpy_file(np.array([{}], dtype=object)), "npy-object"),
    "plain array": (lambda: numpy_file(np.arange(3)), "npy"),
    "npz": (lambda: zip_of({"a.npy": numpy_file(np.arange(3))}), "npy"),
    "skops": (lambda: zip_of({"schema.json": b"{}"}), "skops"),
    "safetensors": (
        lambda: struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}}' + bytes(8),
        "safetensors",
    ),
    "notebook": (lambda: b'{"cells": [], "nbformat": 4}', "notebook"),
    "python": (lambda: b"import os\nos.system('id')\n", "code"),
    "shell": (lambda: b"#!/bin/sh\nid\n", "code"),
    "elf": (lambda: b"\x7fELF" + bytes(60), "executable"),
    "empty": (lambda: b"", "empty"),
    "noise": (lambda: bytes(range(255, 0, -1)) * 9, "binary"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(50), "nested"),
    "bare tar": (lambda: gzip.decompress(tar_of({"a": b"b"})), "nested"),
}


@pytest.mark.parametrize(("make", "code"), FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("name", ["model.onnx", "model.zip"])
def test_foreign_format_is_refused_by_content(look, make, code, name):
    with pytest.raises(Refused) as refused:
        look(make(), name)
    assert refused.value.code == code
    assert refused.value.message.startswith("“model.")


# -- names and contents ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (onnx_bytes(), "model.zip", "name-content"),
        (onnx_bytes(), "model.bin", "extension"),
        (onnx_bytes(), "model.onnx.pkl", "extension"),
        (zip_of({"a.txt": b"x"}), "model.onnx", "name-content"),
        (zip_of({"a.txt": b"x"}), "model.tar.gz", "name-content"),
        (tar_of({"a.txt": b"x"}), "model.zip", "name-content"),
        (b"hello", "model.onnx", "extension"),
        (b'{"a": 1}', "model.json", "extension"),
    ],
)
def test_name_and_content_must_agree(look, data, name, code):
    with pytest.raises(Refused) as refused:
        look(data, name)
    assert refused.value.code == code


# -- ONNX --------------------------------------------------------------------------------------------------------


ODD_MODELS = {
    "custom operator": (
        specimens.custom_operator,
        "custom-operator",
        "“PyOp” of the domain “ai.onnx.contrib”",
    ),
    "hidden custom operator": (
        specimens.hidden_custom_operator,
        "custom-operator",
        "“Evil” of the domain “com.evil”",
    ),
    "external data": (external_data, "external-data", "“../../etc/passwd”"),
    "external attribute": (specimens.external_attribute, "external-data", "“secrets.bin”"),
    "endless function": (specimens.endless_function, "functions", "calls itself"),
    "unknown operator": (
        lambda: onnx_bytes(nodes=[helper.make_node("Relux", ["X"], ["Y"])]),
        "invalid-onnx",
        "No Op registered for Relux",
    ),
    "wrong types": (
        lambda: onnx_bytes(outputs=[tensor("Y", TensorProto.INT64)]),
        "invalid-onnx",
        "not a valid ONNX model",
    ),
    "brain floats": (
        lambda: onnx_bytes(
            inputs=[tensor("X", TensorProto.BFLOAT16)], outputs=[tensor("Y", TensorProto.BFLOAT16)]
        ),
        "signature",
        "BFLOAT16",
    ),
    "names not UTF-8": (
        lambda: onnx_bytes(metadata={"note": "zzzz"}).replace(b"zzzz", b"\xff\xfe\xfd\xfc"),
        "invalid-onnx",
        "not UTF-8",
    ),
    "zip appended": (
        lambda: onnx_bytes() + zip_of({"a": b"b"}),
        "polyglot",
        "two different formats",
    ),
    "pickle appended": (
        lambda: onnx_bytes() + pickle.dumps([1]),
        "polyglot",
        "two different formats",
    ),
}


@pytest.mark.parametrize(("make", "code", "words"), ODD_MODELS.values(), ids=ODD_MODELS.keys())
def test_odd_model_is_refused(look, make, code, words):
    with pytest.raises(Refused) as refused:
        look(make())
    assert (refused.value.code, words in refused.value.message) == (code, True), (
        refused.value.message
    )
    assert refused.value.remedy


def test_model_with_too_many_nodes_is_refused(look, monkeypatch):
    monkeypatch.setattr(limits, "ONNX_NODES", 50)
    names = ["X", *(f"n{index}" for index in range(50)), "Y"]
    with pytest.raises(Refused) as refused:
        look(
            onnx_bytes(
                nodes=[
                    helper.make_node("Abs", [a], [b])
                    for a, b in zip(names, names[1:], strict=False)
                ]
            )
        )
    assert refused.value.code == "too-many-nodes"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.99])
def test_truncated_model_is_refused(look, share):
    data = onnx_bytes(metadata={"note": "x" * 500})
    with pytest.raises(Refused) as refused:
        look(data[: int(len(data) * share)])
    assert refused.value.code == "truncated-onnx"
    assert "ends too early" in refused.value.message


# -- MLflow ------------------------------------------------------------------------------------------------------

ODD_MLMODELS = {
    "sklearn flavour": (
        specimens.mlmodel(flavors={"sklearn": {"pickled_model": "model.pkl"}}),
        "flavor",
    ),
    "second flavour": (
        specimens.mlmodel(flavors={"onnx": {"data": "model.onnx"}, "sklearn": {}}),
        "flavor",
    ),
    "own loader": (
        specimens.mlmodel(flavors={"onnx": {}, "python_function": {"loader_module": "evil"}}),
        "flavor",
    ),
    "own code": (
        specimens.mlmodel(flavors={"onnx": {"data": "model.onnx", "code": "code"}}),
        "code",
    ),
    "other entry": (specimens.mlmodel(flavors={"onnx": {"data": "../model.onnx"}}), "entry"),
    "python object": (b"flavors: !!python/object/apply:os.system ['id']\n", "mlmodel"),
    "aliases": (b"a: &a [x, x]\nb: [*a, *a]\n", "mlmodel"),
    "deep": (b"[" * 500 + b"]" * 500, "mlmodel"),
    "not a table": (b"hello", "flavor"),
}


@pytest.mark.parametrize(("text", "code"), ODD_MLMODELS.values(), ids=ODD_MLMODELS.keys())
def test_odd_mlmodel_is_refused(look, text, code):
    with pytest.raises(Refused) as refused:
        look(zip_of({**mlflow_files(), "model/MLmodel": text}), "m.zip")
    assert refused.value.code == code


def test_mlmodel_that_names_too_few_columns_is_refused(look):
    files = {
        **mlflow_files(),
        "model/model.onnx": onnx_bytes(
            inputs=[tensor("X", shape=(None, 4))], outputs=[tensor("Y", shape=(None, 4))]
        ),
    }
    with pytest.raises(Refused, match="3 input columns are named, but the graph takes 4"):
        look(zip_of(files), "m.zip")


@pytest.mark.parametrize(("pack", "name"), [(zip_of, "m.zip"), (tar_of, "m.tar.gz")])
def test_mlflow_directory_gives_names_types_and_example(look, pack, name):
    found = look(pack(mlflow_files()), name)
    fields = {
        field["name"]: (field["datatype"], field["required"])
        for field in found["signature"]["inputs"]
    }
    assert fields == {"income": ("FP64", True), "age": ("INT64", True), "debt": ("FP64", False)}
    assert found["signature"]["binding"]["inputs"] == [
        {"tensor": "X", "datatype": "FP32", "columns": ["income", "age", "debt"]}
    ]
    assert found["example"]["inputs"][0] == {
        "name": "income",
        "datatype": "FP64",
        "shape": [2],
        "data": [52000.0, 18000.0],
    }
    assert (found["format"], found["entry"]) == ("mlflow", "model.onnx")
    assert [file["name"] for file in found["files"]] == [
        "MLmodel",
        "input_example.json",
        "model.onnx",
        "python_env.yaml",
        "requirements.txt",
    ]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_tar_made_inside_the_folder_is_accepted(look, format):
    folder = tarfile.TarInfo("./")
    folder.type = tarfile.DIRTYPE
    deep = "./a-folder-with-quite-a-long-name/and-another-one-that-is-long/and-a-third-one-to-pass-a-hundred/readme.md"
    found = look(tar_of([(folder, b""), ("./model.onnx", onnx_bytes())], format), "m.tgz")
    assert found["entry"] == "model.onnx"
    found = look(tar_of([(deep.replace("readme.md", "model.onnx"), onnx_bytes())], format), "m.tgz")
    assert found["format"] == "onnx"


def test_zip_written_as_a_stream_is_accepted(look):
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self):
            return True

        def write(self, chunk):
            self.data += bytes(chunk)
            return len(chunk)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in mlflow_files().items():
            archive.writestr(name, data)
    assert look(pipe.data, "m.zip")["format"] == "mlflow"


# -- signatures --------------------------------------------------------------------------------------------------


def test_unnamed_columns_get_placeholders_and_a_warning(look):
    found = look(onnx_bytes())
    assert [field["name"] for field in found["signature"]["inputs"]] == ["f0", "f1", "f2"]
    assert "f0 to f2 stand in" in found["warnings"][0]


@pytest.mark.parametrize(
    "text", ['["income", "age", "debt"]', "income, age, debt", '{"X": ["income", "age", "debt"]}']
)
def test_column_names_come_from_the_models_metadata(look, text):
    found = look(onnx_bytes(metadata={"columns": text}))
    assert [field["name"] for field in found["signature"]["inputs"]] == ["income", "age", "debt"]
    assert found["warnings"] == []


def test_column_names_come_from_the_manifest_beside_the_model(look):
    manifest = b'{"columns": ["income", "age", "debt"], "output_columns": {"Y": ["a", "b", "c"]}}'
    found = look(zip_of({"model.onnx": onnx_bytes(), "manifest.json": manifest}), "m.zip")
    assert [field["name"] for field in found["signature"]["inputs"]] == ["income", "age", "debt"]
    assert found["signature"]["binding"]["outputs"] == [
        {"tensor": "Y", "output": "a", "column": 0},
        {"tensor": "Y", "output": "b", "column": 1},
        {"tensor": "Y", "output": "c", "column": 2},
    ]


def test_images_stay_tensors(look):
    shape = (None, 3, 8, 8)
    found = look(onnx_bytes(inputs=[tensor("X", shape=shape)], outputs=[tensor("Y", shape=shape)]))
    assert found["signature"]["inputs"][0]["shape"] == [-1, 3, 8, 8]
    assert found["signature"]["binding"]["inputs"] == [
        {"tensor": "X", "datatype": "FP32", "columns": None}
    ]


def test_sklearn_classifier_has_label_and_probabilities(look):
    skl2onnx = pytest.importorskip("skl2onnx")
    linear_model = pytest.importorskip("sklearn.linear_model")
    X = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2)
    fitted = linear_model.LogisticRegression().fit(X, X[:, 0] > 0.5)
    found = look(skl2onnx.to_onnx(fitted, X[:1], options={"zipmap": False}).SerializeToString())
    assert [(field["name"], field["shape"]) for field in found["signature"]["outputs"]] == [
        ("label", [-1]),
        ("0", [-1]),
        ("1", [-1]),
    ]


# -- the child ---------------------------------------------------------------------------------------------------

REAL = {
    "renamed pickle": (lambda marker: pickle.dumps(Payload(marker)), "model.onnx", "pickle"),
    "zip bomb": (lambda _: zip_of({"model.onnx": bytes(100 * 2**20)}), "m.zip", "bomb"),
    "traversal": (
        lambda _: tar_of({"../../../evil.txt": b"x", "model.onnx": onnx_bytes()}),
        "m.tar.gz",
        "traversal",
    ),
    "truncated": (lambda _: onnx_bytes()[:-20], "model.onnx", "truncated-onnx"),
    "custom operator": (lambda _: specimens.custom_operator(), "model.onnx", "custom-operator"),
    "pickle in MLflow": (
        lambda marker: zip_of({**mlflow_files(), "model/model.pkl": pickle.dumps(Payload(marker))}),
        "m.zip",
        "pickle",
    ),
}


@pytest.mark.parametrize(("make", "name", "code"), REAL.values(), ids=REAL.keys())
def test_hostile_upload_runs_nothing_and_leaves_nothing(
    inspected, tmp_path, marker, make, name, code
):
    with pytest.raises(Refused) as refused:
        inspected(make(marker), name)
    assert refused.value.code == code
    assert refused.value.status == 422
    assert not marker.exists()
    assert list((tmp_path / "quarantine").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quarantine", "upload"]


def test_good_package_is_unpacked_under_made_up_names_until_closed(inspected, tmp_path):
    with inspected(zip_of(mlflow_files()), "income.zip") as found:
        assert {file.path.parent for file in found.files} == {found.quarantine}
        assert all(file.path.name.startswith("member-") for file in found.files)
        assert found.opset == {"": 17}
        assert found.producer == "tests"
    assert list((tmp_path / "quarantine").iterdir()) == []


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise SystemExit(3)", "broke off"),
        ("print('{')", "could not be read"),
        ("import time; time.sleep(60)", "longer than a minute"),
        ("while True: pass", "more time or memory"),
    ],
)
def test_child_that_fails_is_a_refusal(inspected, tmp_path, monkeypatch, program, reason):
    stand_in = tmp_path / "bin" / "publishing" / "packages"
    stand_in.mkdir(parents=True)
    (stand_in / "inspect_child.py").write_text(
        f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n{program}\n"
    )
    monkeypatch.setattr("publishing.packages.inspection.ROOT", tmp_path / "bin")
    monkeypatch.setattr(limits, "CHILD_SECONDS", 2 if "sleep" in program else 60)
    with pytest.raises(Refused, match=reason) as refused:
        inspected(onnx_bytes())
    assert refused.value.code == "unfinished"
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_child_loads_nothing_of_the_marketplace():
    """Neither Django nor Celery nor our own code is there for a hostile file to reach."""
    program = "import sys, publishing.packages.inspect_child, publishing.packages.contents; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"marketplace", "django", "celery"} & set(loaded)


ACTS = {
    "connect": "import socket; socket.socket()",
    "start": "import os; os.system('true')",
    "unpickle": "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    "fork": "import os; os.fork()",
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_confined_process_dies_of_a_forbidden_act(act):
    child = os.fork()
    if not child:
        confinement.forbid_acts()
        exec(act)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 86


NAMES_THAT_YAML_READS_AS_SOMETHING_ELSE = [
    "no",
    "on",
    "1e3",
    "2024-01-01",
    "2024-13-45",
    "null",
    "~",
    "0x1F",
    "12:30:00",
    "1.0",
    ".inf",
    "yes",
    "0b1",
]


def test_columns_keep_their_names_in_yaml(look):
    """Issue 9, line 15: a signature that is written as YAML, not as JSON in a text."""
    names = NAMES_THAT_YAML_READS_AS_SOMETHING_ELSE
    columns = "".join(
        f"    - name: {name}\n      type: float\n      required: true\n" for name in names
    )
    text = (
        f"flavors:\n  onnx:\n    data: model.onnx\n    code: null\nsignature:\n  inputs:\n{columns}"
    )
    shape = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(names)])
    result = helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, len(names)])
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["Y"])], "g", [shape], [result])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    found = look(zip_of({"model/MLmodel": text.encode(), "model/model.onnx": model}), "m.zip")
    assert [field["name"] for field in found["signature"]["inputs"]] == names
    assert all(field["required"] is True for field in found["signature"]["inputs"])
