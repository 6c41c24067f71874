"""Defaults of the common tools are accepted or mended (issue 9, line 18): graphs of the shape, producer and version of each.

`tests/tools` makes the files by the tools themselves; here stand small equivalents, made on the spot.
"""

import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from publishing.packages import Refused, limits
from tests.publishing import specimens
from tests.publishing.specimens import model, onnx_bytes, tar_link, tar_of, tensor, zip_of
from tests.tools import serving

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-1.0, 0.5, 0.0]], np.float32)
TORCH = {"producer_name": "pytorch", "producer_version": "2.13.0"}
SKLEARN = {"producer_name": "skl2onnx", "producer_version": "1.20.0"}
ML = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def written(made, **producer):
    """The bytes of a model as another tool would have written it."""
    for key, value in producer.items():
        setattr(made, key, value)
    return made.SerializeToString()


def from_dynamo(made):
    """As torch.export's exporter leaves it: every node says where it came from."""
    for node in made.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.class_hierarchy", value="['torch.nn.Linear']")
    return written(made, **TORCH)


def problems(look, data, name="model.onnx"):
    with pytest.raises(Refused) as refused:
        look(data, name)
    return refused.value.problems


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """(bytes, name, feeds) → (Inspection, {output: values}): inspected in the child and called through the server class."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")

    def answered(data, name="model.onnx", **feeds):
        upload = tmp_path / name
        upload.write_bytes(data)
        found, app = serving.served(upload, tmp_path / "store")
        status, answer = serving.call(app, serving.request_of(found.signature, feeds))
        assert status == 200, answer
        return found, {
            output["name"]: np.array(output["data"]).reshape(output["shape"])
            for output in answer["outputs"]
        }

    return answered


# -- ZipMap ---------------------------------------------------------------------------------------------------------


def classifier(labels, **producer):
    """A linear classifier as scikit-learn, LightGBM and CatBoost write it: label, and a ZipMap over the probabilities."""
    kind = (
        {"classlabels_strings": labels}
        if isinstance(labels[0], str)
        else {"classlabels_int64s": labels}
    )
    classes = (
        {"classlabels_strings": labels}
        if isinstance(labels[0], str)
        else {"classlabels_ints": labels}
    )
    weights = [float(number % 5 - 2) for number in range(3 * len(labels))]
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["X"],
            ["label", "raw"],
            domain="ai.onnx.ml",
            coefficients=weights,
            intercepts=[0.0] * len(labels),
            post_transform="SOFTMAX",
            **classes,
        ),
        helper.make_node("ZipMap", ["raw"], ["probabilities"], domain="ai.onnx.ml", **kind),
    ]
    key = TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64
    mapped = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    outputs = [
        tensor("label", key, (None,)),
        helper.make_value_info("probabilities", helper.make_sequence_type_proto(mapped)),
    ]
    return written(model(nodes=nodes, outputs=outputs, opset_imports=ML), **producer or SKLEARN)


@pytest.mark.parametrize("labels", [[0, 1, 2], ["paid", "late", "lost"]], ids=["numbers", "words"])
def test_zipmap_is_dropped_and_its_labels_name_the_columns(answers, labels):
    data = classifier(labels)
    found, got = answers(data, X=ROWS)
    assert [field["name"] for field in found.signature["outputs"]] == ["label", *map(str, labels)]
    assert "ZipMap" in found.changes[0] and str(labels[0]) in found.changes[0]
    label, maps = serving.onnxruntime.InferenceSession(data).run(None, {"X": ROWS})
    assert got["label"].tolist() == label.tolist()
    assert np.allclose(
        np.array([got[str(name)] for name in labels]).T,
        [[row[name] for name in labels] for row in maps],
    )


def test_zipmap_of_a_graph_that_imports_no_standard_operators_is_dropped(answers):
    """CatBoost imports ai.onnx.ml only, in version 2, and writes its build's history as its version."""
    made = onnx.load_from_string(classifier([0, 1, 2]))
    del made.opset_import[:]
    made.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    made.ir_version = 3
    history = "Git info:\n    Commit: b1bd2a6d\n    Branch: tags/v1.2.10\n"
    found, got = answers(written(made, producer_name="CatBoost", producer_version=history), X=ROWS)
    assert set(got) == {"label", "0", "1", "2"} and found.producer == "CatBoost 1.2.10"


def test_a_label_that_is_another_outputs_name_is_told_apart(look):
    names = [
        field["name"]
        for field in look(classifier(["label", "other", "third"]))["signature"]["outputs"]
    ]
    assert names == ["label", "probabilities_label", "other", "third"]


def test_class_labels_are_proposed_as_names_where_there_is_no_zipmap(look):
    made = onnx.load_from_string(classifier(["paid", "late", "lost"]))
    del made.graph.node[1]
    made.graph.output[1].CopyFrom(tensor("raw", shape=(None, 3)))
    found = look(made.SerializeToString())
    assert [field["name"] for field in found["signature"]["outputs"]] == [
        "label",
        "paid",
        "late",
        "lost",
    ]
    assert found["signature"]["outputs"][1]["description"] == "Class paid"
    assert found["changes"] == []


def sequence_of_tensors(**producer):
    output = helper.make_value_info(
        "Y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    return written(
        model(nodes=[helper.make_node("SequenceConstruct", ["X", "X"], ["Y"])], outputs=[output]),
        **producer,
    )


@pytest.mark.parametrize(
    ("producer", "remedy"), [(TORCH, "torch.stack"), ({}, "ConcatFromSequence")]
)
def test_a_sequence_of_tensors_is_no_zipmap(look, producer, remedy):
    (problem,) = problems(look, sequence_of_tensors(**producer))
    assert problem["code"] == "sequence" and "sequence of tensors" in problem["message"]
    assert remedy in problem["remedy"] and "zipmap" not in problem["remedy"].lower()


# -- weights beside the graph ---------------------------------------------------------------------------------------


def external(offset=0, length=12, location="model.onnx.data", extra=()):
    """A graph whose weights W are elsewhere."""
    weights = TensorProto(
        name="W", dims=[3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", location), ("offset", offset), ("length", length), *extra):
        if value is not None:
            weights.external_data.add(key=key, value=str(value))
    return model(nodes=[helper.make_node("Mul", ["X", "W"], ["Y"])], initializers=[weights])


WEIGHTS = np.array([2.0, 3.0, 4.0], np.float32).tobytes()


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
def test_weights_in_the_archive_are_merged_into_the_one_file(answers, pack):
    graph = from_dynamo(external(offset=4))
    name = "m.zip" if pack is zip_of else "m.tar.gz"
    found, got = answers(
        pack({"m/model.onnx": graph, "m/model.onnx.data": b"\0\0\0\0" + WEIGHTS}), name, X=ROWS
    )
    assert np.allclose(got["Y"], ROWS * [2, 3, 4])
    assert [file.name for file in found.files] == ["model.onnx"]
    assert found.original == [
        {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in (("model.onnx", graph), ("model.onnx.data", b"\0\0\0\0" + WEIGHTS))
    ]
    assert found.files[0].sha256 != found.original[0]["sha256"]
    assert "“model.onnx.data”" in found.changes[0]


def test_an_mlflow_folder_with_weights_beside_the_graph_is_taken(answers):
    """MLflow's default: model.onnx and a file named by a random number."""
    beside = "32a2ae4c-eb79-11f1-8bfb-02fc00000001.data"
    files = specimens.mlflow_files() | {
        "model/model.onnx": external(location=beside).SerializeToString(),
        f"model/{beside}": WEIGHTS,
    }
    whole = np.array([[52000.0, 41.0, 1200.0]], np.float32)
    found, got = answers(zip_of(files), "m.zip", X=whole)
    assert np.allclose(got["Y"], whole * [2, 3, 4])
    assert [field["name"] for field in found.signature["inputs"]] == ["income", "age", "debt"]
    assert beside not in [file.name for file in found.files]


MISPLACED = {
    "outside": (external(location="../secret.bin"), {}, "plain path"),
    "absolute": (external(location="/etc/passwd"), {}, "plain path"),
    "backslash": (external(location="..\\secret.bin"), {}, "plain path"),
    "dot": (external(location="./model.onnx.data"), {"m/model.onnx.data": WEIGHTS}, "plain path"),
    "absent": (external(location="other.bin"), {"m/model.onnx.data": b""}, "was not sent with it"),
    "offset beyond": (external(offset=4), {"m/model.onnx.data": WEIGHTS}, "lies outside"),
    "offset negative": (external(offset=-4), {"m/model.onnx.data": WEIGHTS}, "not a number"),
    "offset huge": (external(offset=10**30), {"m/model.onnx.data": WEIGHTS}, "not a number"),
    "length short": (external(length=8), {"m/model.onnx.data": WEIGHTS}, "needs 12 bytes"),
    "length long": (external(length=10**9), {"m/model.onnx.data": WEIGHTS}, "needs 12 bytes"),
    "no length": (external(length=None), {"m/model.onnx.data": WEIGHTS + b"x"}, "needs 12 bytes"),
    "unknown key": (
        external(extra=[("basepath", "/")]),
        {"m/model.onnx.data": WEIGHTS},
        "does not know",
    ),
    "key twice": (
        external(extra=[("location", "/etc/passwd")]),
        {"m/model.onnx.data": WEIGHTS},
        "does not know",
    ),
}


@pytest.mark.parametrize(("made", "beside", "words"), MISPLACED.values(), ids=MISPLACED.keys())
def test_weights_are_taken_from_the_package_only(look, made, beside, words):
    (problem,) = problems(
        look, zip_of({"m/model.onnx": made.SerializeToString(), **beside}), "m.zip"
    )
    assert problem["code"] == "external-data" and words in problem["message"], problem


def two_weights(first, second, dims=(3,)):
    made = external(offset=first)
    other = TensorProto(
        name="V", dims=dims, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", "model.onnx.data"), ("offset", second), ("length", 12)):
        other.external_data.add(key=key, value=str(value))
    made.graph.initializer.append(other)
    made.graph.node[0].output[0] = "XW"
    made.graph.node.append(helper.make_node("Add", ["XW", "V"], ["Y"]))
    return made.SerializeToString()


def test_tied_weights_share_their_bytes_and_others_do_not(answers, look):
    found, got = answers(
        zip_of({"m/model.onnx": two_weights(0, 0), "m/model.onnx.data": WEIGHTS}), "m.zip", X=ROWS
    )
    assert np.allclose(got["Y"], ROWS * [2, 3, 4] + [2, 3, 4])
    (problem,) = problems(
        look, zip_of({"m/model.onnx": two_weights(0, 8), "m/model.onnx.data": WEIGHTS * 2}), "m.zip"
    )
    assert "overlap" in problem["message"]


def test_shared_weights_do_not_add_up_beyond_the_limit(look, monkeypatch):
    monkeypatch.setattr(limits, "ONNX_BYTES", 400)
    archive = zip_of({"m/model.onnx": two_weights(0, 0)[:400], "m/model.onnx.data": WEIGHTS})
    monkeypatch.setattr(limits, "ONNX_BYTES", 20)
    (problem,) = problems(look, archive, "m.zip")
    assert problem["code"] in ("external-data", "size")


def test_links_in_an_archive_are_no_weights(look):
    archive = tar_of(
        [
            ("m/model.onnx", external().SerializeToString()),
            (tar_link("m/model.onnx.data", b"2"), b""),
        ]
    )
    assert problems(look, archive, "m.tar.gz")[0]["code"] == "member-kind"


def test_a_file_that_the_served_graph_does_not_use_is_not_weights(look, marker):
    """A second graph that nobody reads cannot bring a pickle in as its weights."""
    import pickle

    stray = pickle.dumps(specimens.Payload(marker))
    named = specimens.mlflow_files() | {
        "model/other.onnx": external(location="stray.bin").SerializeToString(),
        "model/stray.bin": stray,
    }
    (problem,) = problems(look, zip_of(named), "m.zip")
    assert "stray.bin" in problem["message"] and not marker.exists()


def test_an_empty_file_of_weights_is_left_out(look):
    """PyTorch writes one beside a graph that is small enough to hold them all."""
    found = look(zip_of({"m/model.onnx": onnx_bytes(), "m/model.onnx.data": b""}), "m.zip")
    assert [file["name"] for file in found["files"]] == ["model.onnx"] and found["changes"] == []


@pytest.mark.parametrize(
    ("graph", "line"),
    [
        (
            from_dynamo(external()),
            "torch.onnx.export(model, example, 'model.onnx', dynamo=True, external_data=False)",
        ),
        (
            external().SerializeToString(),
            "onnx.save(onnx.load('model.onnx'), 'single.onnx', save_as_external_data=False)",
        ),
    ],
)
def test_a_graph_without_its_weights_says_how_to_send_both_or_one(look, graph, line):
    (problem,) = problems(look, graph)
    assert problem["code"] == "external-data" and line in problem["remedy"]
    assert "zip model.zip model.onnx model.onnx.data" in problem["remedy"]


# -- operators ------------------------------------------------------------------------------------------------------


def test_imports_that_no_node_uses_are_no_operators(look):
    unused = [
        "ai.onnx.contrib",
        "com.microsoft.nchwc",
        "ai.onnx.preview.training",
        "org.pytorch.aten",
        "com.acme",
    ]
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in unused)]
    assert look(onnx_bytes(opset_imports=imports))["changes"] == []


FUSED = {
    "Gelu": lambda: helper.make_node("Gelu", ["X"], ["Y"], domain="com.microsoft"),
    "FusedMatMul": lambda: helper.make_node(
        "FusedMatMul", ["X", "W"], ["Y"], domain="com.microsoft", transB=1
    ),
    "BiasGelu": lambda: helper.make_node("BiasGelu", ["X", "B"], ["Y"], domain="com.microsoft"),
    "SkipLayerNormalization": lambda: helper.make_node(
        "SkipLayerNormalization", ["X3", "X3", "B"], ["Y3"], domain="com.microsoft"
    ),
    "SimplifiedLayerNormalization": lambda: helper.make_node(
        "SimplifiedLayerNormalization", ["X", "B"], ["Y"], axis=-1
    ),
}


def fused(operator, imported=True):
    constants = [
        numpy_helper.from_array(np.eye(3, dtype=np.float32), "W"),
        numpy_helper.from_array(np.ones(3, np.float32), "B"),
    ]
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    nodes = [FUSED[operator]()]
    if nodes[0].output[0] == "Y3":
        nodes = [
            helper.make_node("Unsqueeze", ["X", "axes"], ["X3"]),
            *nodes,
            helper.make_node("Squeeze", ["Y3", "axes"], ["Y"]),
        ]
    imports = [helper.make_opsetid("", 17)] + [helper.make_opsetid("com.microsoft", 1)] * imported
    return onnx_bytes(nodes=nodes, initializers=[*constants, axes], opset_imports=imports)


@pytest.mark.parametrize("operator", FUSED)
def test_reviewed_operators_of_onnx_runtime_are_served(answers, operator):
    data = fused(operator)
    _found, got = answers(data, X=ROWS)
    assert np.allclose(got["Y"], serving.expected_of(data, {"X": ROWS})["Y"], atol=1e-6)


def test_a_forgotten_import_is_added(answers):
    found, _got = answers(fused("Gelu", imported=False), X=ROWS)
    assert "com.microsoft" in found.changes[0]


DENIED = {
    "generation": ("com.microsoft", "BeamSearch", "one step of the decoder"),
    "graphics card": ("com.microsoft", "PackedAttention", "use_gpu=False"),
    "layout": ("com.microsoft.nchwc", "Conv", "ORT_ENABLE_EXTENDED"),
    "extension": ("ai.onnx.contrib", "BertTokenizer", "in the caller"),
    "training": ("ai.onnx.preview.training", "Adam", "inference"),
    "somebody's own": ("com.acme", "Secret", "standard operators"),
}


@pytest.mark.parametrize(("domain", "operator", "remedy"), DENIED.values(), ids=DENIED.keys())
def test_other_operators_are_refused_with_a_remedy_by_operator(look, domain, operator, remedy):
    node = helper.make_node(operator, ["X"], ["Y"], domain=domain)
    problem = problems(
        look,
        onnx_bytes(
            nodes=[node],
            opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)],
        ),
    )[0]
    assert (
        problem["code"] == "custom-operator"
        and f"“{operator}” of the domain “{domain}”" in problem["message"]
    )
    assert remedy in problem["remedy"], problem["remedy"]


def test_functions_are_written_out_and_judged_by_what_they_do(answers, look):
    found, got = answers(specimens.calling_function(), X=ROWS)
    assert np.allclose(got["Y"], ROWS * 2) and "Twice" in found.changes[0]
    (problem,) = problems(
        look, specimens.calling_function(helper.make_node("Evil", ["a"], ["b"], domain="com.evil"))
    )
    assert "“Evil” of the domain “com.evil”" in problem["message"]


def test_functions_that_unfold_without_end_are_refused_before_they_unfold(look):
    (problem,) = problems(look, specimens.doubling_functions(40))
    assert problem["code"] == "too-many-nodes"


# -- a batch that is fixed ------------------------------------------------------------------------------------------


def fixed(nodes=None, inputs=None, outputs=None, **options):
    return model(
        nodes=nodes,
        inputs=inputs or [tensor("X", shape=(1, 3))],
        outputs=outputs or [tensor("Y", shape=(1, 3))],
        **options,
    )


def flattened():
    """Flatten as both exporters of PyTorch write it: a Reshape to a constant shape that begins with the batch."""
    shape = numpy_helper.from_array(np.array([1, 12], np.int64), "shape")
    sides = {"inputs": [tensor("X", shape=(1, 3, 4))], "outputs": [tensor("Y", shape=(1, 12))]}
    return fixed(
        [helper.make_node("Reshape", ["X", "shape"], ["Y"])], initializers=[shape], **sides
    )


def recurrent():
    """An LSTM whose first states are constant zeros of one row."""
    random = np.random.default_rng(0)
    constants = {
        "W": random.normal(size=(1, 16, 2)),
        "R": random.normal(size=(1, 16, 4)),
        "B": random.normal(size=(1, 32)),
        "h": np.zeros((1, 1, 4)),
        "c": np.zeros((1, 1, 4)),
    }
    nodes = [
        helper.make_node("Transpose", ["X"], ["steps"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["steps", "W", "R", "B", "", "h", "c"], ["", "last"], hidden_size=4
        ),
        helper.make_node("Reshape", ["last", "shape"], ["Y"]),
    ]
    initializers = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()
    ]
    initializers.append(numpy_helper.from_array(np.array([1, 4], np.int64), "shape"))
    sides = {"inputs": [tensor("X", shape=(1, 5, 2))], "outputs": [tensor("Y", shape=(1, 4))]}
    return fixed(nodes, initializers=initializers, **sides)


@pytest.mark.parametrize("make", [fixed, flattened, recurrent])
def test_a_batch_of_one_is_freed_when_rows_answer_alike(answers, make):
    made = make()
    shape = [dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim]
    rows = np.random.default_rng(1).normal(size=(5, *shape[1:])).astype(np.float32)
    found, got = answers(made.SerializeToString(), X=rows)
    one_by_one = [
        serving.expected_of(made.SerializeToString(), {"X": rows[at : at + 1]})["Y"]
        for at in range(5)
    ]
    assert np.allclose(got["Y"], np.concatenate(one_by_one), atol=1e-6)
    assert (
        "freed" in found.changes[0]
        and found.original[0]["sha256"] == hashlib.sha256(made.SerializeToString()).hexdigest()
    )


MIXING = {
    "sum over the batch": [
        helper.make_node("ReduceSum", ["X"], ["S"], keepdims=1),
        helper.make_node("Add", ["X", "S"], ["Y"]),
    ],
    "softmax over the batch": [helper.make_node("Softmax", ["X"], ["Y"], axis=0)],
    "running total": [helper.make_node("CumSum", ["X", "zero"], ["Y"])],
}


@pytest.mark.parametrize("nodes", MIXING.values(), ids=MIXING.keys())
def test_a_batch_whose_rows_change_each_other_stays_fixed_and_is_refused(look, nodes):
    zero = numpy_helper.from_array(np.array(0, np.int64), "zero")
    (problem,) = problems(look, fixed(nodes, initializers=[zero]).SerializeToString())
    assert (
        "fixed to 1" in problem["message"]
        and "changes with the rows beside it" in problem["message"]
    )


BATCH_LINES = {
    "dynamo": (
        from_dynamo,
        "dynamo=True, external_data=False, dynamic_shapes=({0: torch.export.Dim('batch')},))",
        "dynamic_axes",
    ),
    "script": (
        lambda made: written(made, **TORCH),
        "dynamo=False, input_names=['X'], dynamic_axes={'X': {0: 'batch'}})",
        "dynamic_shapes",
    ),
    "sklearn": (
        lambda made: written(made, **SKLEARN),
        "initial_types=[('X', FloatTensorType([None, 3]))]",
        "dynamic_axes",
    ),
    "tensorflow": (
        lambda made: written(made, producer_name="tf2onnx"),
        "tf.TensorSpec([None, 3], tf.float32, name='X')",
        "dynamic_axes",
    ),
    "unknown": (
        lambda made: made.SerializeToString(),
        "dim[0].dim_param = 'batch'",
        "dynamic_axes",
    ),
}


@pytest.mark.parametrize(("write", "line", "other"), BATCH_LINES.values(), ids=BATCH_LINES.keys())
def test_a_batch_that_stays_fixed_has_the_line_of_its_producer(look, write, line, other):
    made = fixed([helper.make_node("Softmax", ["X"], ["Y"], axis=0)])
    (problem,) = problems(look, write(made))
    assert line in problem["remedy"] and other not in problem["remedy"], problem["remedy"]


# -- types, widths, everything at once ------------------------------------------------------------------------------


def test_half_floats_are_part_of_the_protocol_in_json_and_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    half = {
        side: [tensor(name, TensorProto.FLOAT16)]
        for side, name in (("inputs", "X"), ("outputs", "Y"))
    }
    upload = specimens.save(
        onnx_bytes(metadata={"columns": '{"X": "tensor"}'}, **half), tmp_path / "model.onnx"
    )
    found, app = serving.served(upload, tmp_path / "store")
    assert [field["datatype"] for field in found.signature["inputs"]] == ["FP16"]
    wanted = (ROWS.astype(np.float16) * 2).ravel().tolist()
    told = {"name": "X", "datatype": "FP16", "shape": [3, 3]}
    status, answer = serving.call(app, {"inputs": [{**told, "data": ROWS.ravel().tolist()}]})
    assert (status, answer["outputs"][0]["datatype"], answer["outputs"][0]["data"]) == (
        200,
        "FP16",
        wanted,
    )
    raw = ROWS.astype("<f2").tobytes()
    head = json.dumps({"inputs": [{**told, "parameters": {"binary_data_size": len(raw)}}]}).encode()
    assert serving.call(app, head + raw, len(head))[1]["outputs"][0]["data"] == wanted


def wide(width, **options):
    return onnx_bytes(
        inputs=[tensor("E", shape=(None, width))],
        outputs=[tensor("Y", shape=(None, width))],
        nodes=[helper.make_node("Relu", ["E"], ["Y"])],
        **options,
    )


def test_more_than_32_unnamed_columns_ask_and_stay_one_tensor(look):
    found = look(wide(64))
    assert found["questions"] == [{"tensor": "E", "width": 64}]
    assert [(field["name"], field["shape"]) for field in found["signature"]["inputs"]] == [
        ("E", [-1, 64])
    ]
    assert len(look(wide(32))["signature"]["inputs"]) == 32


@pytest.mark.parametrize("width", [8, 64])
def test_a_tensor_stays_one_where_the_publisher_says_so(look, width):
    found = look(wide(width, metadata={"columns": '{"E": "tensor"}'}))
    assert (found["questions"], [field["shape"] for field in found["signature"]["inputs"]]) == (
        [],
        [[-1, width]],
    )
    names = [f"c{index}" for index in range(width)]
    found = look(wide(width, metadata={"columns": json.dumps({"E": names})}))
    assert (found["questions"], [field["name"] for field in found["signature"]["inputs"]]) == (
        [],
        names,
    )


def test_all_problems_come_in_one_answer_each_with_the_remedy_of_its_producer(look):
    """A custom operator, a fixed batch, an output that is a list and one of a type without a name in the protocol."""
    listed = helper.make_value_info(
        "L", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    nodes = [
        helper.make_node("Secret", ["X"], ["Y"], domain="com.acme"),
        helper.make_node("SequenceConstruct", ["X"], ["L"]),
        helper.make_node("Cast", ["X"], ["H"], to=TensorProto.BFLOAT16),
    ]
    outputs = [tensor("Y", shape=(1, 3)), listed, tensor("H", TensorProto.BFLOAT16, (1, 3))]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.acme", 1)]
    found = problems(look, from_dynamo(fixed(nodes, outputs=outputs, opset_imports=imports)))
    assert [problem["code"] for problem in found] == [
        "custom-operator",
        "sequence",
        "signature",
        "signature",
    ]
    assert all(problem["remedy"] for problem in found)
    said = " ".join(problem["remedy"] for problem in found)
    assert (
        "torch.stack" in said
        and "model.float()" in said
        and "dynamic_shapes" in said
        and "dynamic_axes" not in said
    )


def test_what_onnx_runtime_cannot_load_is_refused_in_its_words(look):
    sides = {
        "inputs": [tensor("X", TensorProto.DOUBLE)],
        "outputs": [tensor("Y", TensorProto.DOUBLE)],
    }
    (problem,) = problems(look, onnx_bytes(nodes=[helper.make_node("Selu", ["X"], ["Y"])], **sides))
    assert (
        problem["code"] == "engine"
        and "Selu" in problem["message"]
        and "[ONNXRuntimeError]" not in problem["message"]
    )
