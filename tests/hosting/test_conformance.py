"""Open Inference Protocol, end to end without an engine: tritonclient and raw requests, the gateway, the server class, ONNX Runtime.

The model gives back what it gets, one input and output for each datatype. Valid requests come back to the bit, hostile ones are
refused in the words of a person, and nothing is a 5xx.
"""

import json
import random
import threading
from collections import Counter

import numpy as np
import onnx
import pytest
import tritonclient.http as triton
import uvicorn
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from hosting.model_server import datatypes, server
from tests.gateway import free_port, infer_path, subscriber, until
from tests.hosting import packages

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
ONNX = {"BOOL": "BOOL", "FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BYTES": "STRING"}
GIVEN = {"BOOL": [True, False], "BYTES": ["a", "ü€😀"]} | {
    name: [0, 100] for name in datatypes.NUMBERS
}
EXTREMES = {
    name: [np.iinfo(kind).min, np.iinfo(kind).max]
    for name, kind in datatypes.NUMPY.items()
    if name in datatypes.INTEGERS
}
EXTREMES |= {
    name: [np.finfo(kind).min, np.finfo(kind).max]
    for name, kind in datatypes.NUMPY.items()
    if name in datatypes.FLOATS
}
EXTREMES |= {"BOOL": [False, True], "BYTES": ["", "a\x01b\u20ac"]}
MUTATIONS = 600


def echo():
    """ONNX bytes: each output is the input of its datatype."""
    kinds = {name: getattr(TensorProto, ONNX.get(name, name)) for name in datatypes.NUMPY}
    sides = [
        [helper.make_tensor_value_info(side + name, kind, [None]) for name, kind in kinds.items()]
        for side in ("", "as_")
    ]
    nodes = [helper.make_node("Identity", [name], [f"as_{name}"]) for name in kinds]
    graph = helper.make_graph(nodes, "echo", *sides)
    return onnx.helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()


SIGNATURE = {
    "inputs": [
        {"name": name, "datatype": name, "shape": [-1], "required": True}
        for name in datatypes.NUMPY
    ],
    "outputs": [
        {"name": f"as_{name}", "datatype": name, "shape": [-1]} for name in datatypes.NUMPY
    ],
    "binding": {
        "inputs": [
            {"tensor": name, "datatype": name, "columns": [name]} for name in datatypes.NUMPY
        ],
        "outputs": [
            {"tensor": f"as_{name}", "output": f"as_{name}", "column": None}
            for name in datatypes.NUMPY
        ],
    },
}


def document(values=GIVEN, **members):
    """A JSON request with these values by datatype."""
    tensors = [
        {"name": name, "datatype": name, "shape": [len(values[name])], "data": values[name]}
        for name in datatypes.NUMPY
    ]
    return {"inputs": tensors, **members}


@pytest.fixture(scope="module")
def replica(tmp_path_factory):
    """The address of a server with the model, as a replica has it, without Ray."""
    folder, keys = tmp_path_factory.mktemp("replica"), packages.Keypair()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REPLICA_LIMIT_MEMORY", "0")
        manifest = packages.package(
            folder, model="echo", content=echo(), signature=SIGNATURE, example=document()
        )
        app = server.app_from_manifest(
            manifest, keys.sign(manifest), root=folder, public_key=keys.public
        )
    port = free_port()
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started)
    yield f"http://127.0.0.1:{port}/v2/models/echo/versions/1.0.0"
    running.should_exit = True
    thread.join(10)


@pytest.fixture
def caller(stage, replica):
    """(model's name, path, key) of a subscriber to the model."""
    version = stage.version(signature=SIGNATURE)
    version.upstream.base_url = replica
    version.upstream.save()
    key = subscriber(version)[1]
    path = infer_path(version)
    until(
        lambda: stage.gateway.infer(path, key, json.dumps(document()).encode())[2].startswith(
            b'{"model_name":"echo"'
        ),
        5,
    )
    return version.model.slug, path, key


def tensors(values=GIVEN, binary=True):
    return [
        tensor(name, np.array(values[name], datatypes.dtype(name)), binary)
        for name in datatypes.NUMPY
    ]


def tensor(name, array, binary=True):
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


@pytest.fixture
def infer(gateway, caller):
    """infer(inputs, …) through tritonclient, which writes into the headers that it is given."""
    model, _, key = caller
    client = triton.InferenceServerClient(f"127.0.0.1:{gateway.port}")
    yield lambda inputs, **more: client.infer(
        model, inputs, headers={"Authorization": f"Bearer {key}"}, **more
    )
    client.close()


def same(answer, values):
    """Does each output hold exactly these values?"""
    return all(
        came_back(answer.as_numpy(f"as_{name}"), values[name], name) for name in datatypes.NUMPY
    )


def came_back(array, values, name):
    texts = [one.decode() if isinstance(one, bytes) else one for one in array.tolist()]
    return (texts if name == "BYTES" else array.tolist()) == np.array(
        values, datatypes.dtype(name)
    ).tolist()


@pytest.mark.parametrize("values", [GIVEN, EXTREMES], ids=["given", "extremes"])
@pytest.mark.parametrize(
    "more",
    [{}, {"request_compression_algorithm": "gzip"}, {"request_compression_algorithm": "deflate"}],
    ids=str,
)
def test_every_datatype_comes_back_to_the_bit(infer, values, more):
    answer = infer(
        tensors(values), request_id="mine", response_compression_algorithm="gzip", **more
    )
    assert same(answer, values)
    told = answer.get_response()
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", "echo", "1.0.0")


def test_json_in_and_out_says_the_same(infer):
    readable = [
        name for name in datatypes.NUMPY if name != "FP16"
    ]  # tritonclient has no JSON for it
    inputs = [
        *(
            tensor(name, np.array(GIVEN[name], datatypes.dtype(name)), name == "FP16")
            for name in datatypes.NUMPY
        )
    ]
    wanted = [triton.InferRequestedOutput(f"as_{name}", binary_data=False) for name in readable]
    answer = infer(inputs, outputs=wanted)
    assert all(came_back(answer.as_numpy(f"as_{name}"), GIVEN[name], name) for name in readable)


def test_outputs_are_chosen_and_their_form_too(infer):
    wanted = [
        triton.InferRequestedOutput("as_BYTES", binary_data=True),
        triton.InferRequestedOutput("as_INT64", binary_data=False),
    ]
    told = infer(tensors(), outputs=wanted).get_response()["outputs"]
    assert [(one["name"], "data" in one) for one in told] == [
        ("as_BYTES", False),
        ("as_INT64", True),
    ]


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("FP32", np.array([np.nan, 1], np.float32), "Input 'FP32', row 0: is not a finite number"),
        ("INT8", np.array([1, 200], np.int64), "Input 'INT8', row 1: 200 is outside INT8"),
        ("INT64", np.array([1.0, 2.0]), "Input 'INT64': is FP64"),
        ("BYTES", np.array([b"\xff", b"a"], object), "Input 'BYTES', row 0: is not UTF-8"),
        ("UINT16", np.array([1, 2, 3], np.uint16), "Input 'UINT16': has 3 rows"),
        ("FP64", np.ones((2, 2)), "Input 'FP64': has shape [2, 2]"),
        ("unknown", np.ones(2), "Input 'unknown': is not an input of this model"),
    ],
)
def test_what_does_not_fit_is_told_by_input_and_row(infer, name, array, says):
    with pytest.raises(InferenceServerException) as refused:
        infer([*(one for one in tensors() if one.name() != name), tensor(name, array)])
    assert refused.value.status() == "422" and refused.value.message().startswith(says)


def test_an_unknown_output_and_an_empty_request_are_told(infer):
    for inputs, more in (
        (tensors(), {"outputs": [triton.InferRequestedOutput("nothing")]}),
        ([], {}),
    ):
        with pytest.raises(InferenceServerException) as refused:
            infer(inputs, **more)
        assert refused.value.status() == "422"


SHAPES = (
    None,
    True,
    -1,
    0,
    1e400,
    2**70,
    "",
    [],
    {},
    "a" * 100,
    [[]],
    [None],
    {"a": 1},
    "\ud800",
    float("nan"),
)


def bent(value, source):
    """The same document with some of its members replaced or left out."""
    if source.random() < 0.1:
        return source.choice(SHAPES)
    if isinstance(value, dict):
        return {name: bent(one, source) for name, one in value.items() if source.random() > 0.02}
    return [bent(one, source) for one in value] if isinstance(value, list) else value


def scratched(data, source):
    """The same bytes with some of them replaced."""
    found = bytearray(data)
    for _ in range(source.randint(1, 4)):
        found[source.randrange(len(found))] = source.randrange(256)
    return bytes(found)


def test_mutated_rows_are_refused_or_answered_by_the_real_server_class(gateway, caller):
    _, path, key = caller
    path = f"{path.removesuffix('infer')}rows"
    source, seen = random.Random(12), Counter()
    rows = [dict(zip(GIVEN, row, strict=True)) for row in zip(*GIVEN.values(), strict=True)]
    plain = json.dumps(rows).encode()
    table = "\n".join([",".join(GIVEN), *(",".join(map(str, row.values())) for row in rows)])
    for number in range(MUTATIONS // 2):
        body, kind = {
            0: (json.dumps(bent(rows, source)).encode(), "application/json"),
            1: (scratched(plain, source), "application/json"),
            2: (scratched(table.encode(), source), "text/csv"),
        }[number % 3]
        status, _, body = gateway.infer(path, key, body, Content_Type=kind, Accept=kind)
        seen[status] += 1
        assert status in (200, 400, 413, 422), (status, body)
        assert status == 200 or json.loads(body)["error"]
    assert seen[200] and seen[400] and seen[422]


def test_mutated_bodies_are_refused_or_answered_by_the_real_server_class(gateway, caller):
    _, path, key = caller
    source, seen = random.Random(11), Counter()
    plain, whole = (
        json.dumps(document()).encode(),
        document(parameters={"binary_data_output": True}, id="x"),
    )
    binary, length = triton.InferenceServerClient.generate_request_body(tensors())
    for number in range(MUTATIONS):
        if number % 3 == 0:
            status, _, body = gateway.infer(path, key, json.dumps(bent(whole, source)).encode())
        elif number % 3 == 1:
            status, _, body = gateway.infer(path, key, scratched(plain, source))
        else:
            status, _, body = gateway.infer(
                path, key, scratched(binary, source), Inference_Header_Content_Length=str(length)
            )
        seen[status] += 1
        assert status in (200, 400, 413, 422), (status, body)
        assert status == 200 or json.loads(body)["error"]
    assert seen[400] and seen[422]
