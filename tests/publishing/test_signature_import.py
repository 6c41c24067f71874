"""Columns from somewhere else: MLmodel, pandas, CSV. What is read is right, what is not is told, and nothing takes long."""

import json
import time
from contextlib import suppress

import pytest

from marketplace.core.errors import Invalid
from publishing.signature_import import LONGEST_PASTE, ProposedField, read

DTYPES = """
income                        float64
months open                     int64
opened          datetime64[ns, Europe/Berlin]
kind                           object
is_new                           bool
dtype: object
"""
INFO = """<class 'pandas.core.frame.DataFrame'>
RangeIndex: 3 entries, 0 to 2
Data columns (total 2 columns):
 #   Column       Non-Null Count  Dtype
---  ------       --------------  -----
 0   income       3 non-null      float32
 1   months open  2 non-null      Int64
dtypes: Int64(1), float32(1)
memory usage: 176.0 bytes
"""
COLUMNS = [
    {"type": "double", "name": "income", "required": True},
    {"type": "long", "name": "no", "required": False},
    {"type": "map", "name": "extras"},
    {"type": "tensor", "name": "x", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}},
    {"type": "tensor", "name": "y", "tensor-spec": {"dtype": "complex64", "shape": [-1]}},
]
MLMODEL = f"""
flavors:
  onnx: {{data: model.onnx}}
signature:
  inputs: '{json.dumps(COLUMNS)}'
  outputs: '[{{"type": "float"}}]'
  params: null
"""


def outline(text):
    return [(one.name, one.datatype, one.format) for one in read(text).inputs]


def test_pandas_dtypes():
    assert read(DTYPES).kind == "dtypes"
    assert outline(DTYPES) == [
        ("income", "FP64", None),
        ("months open", "INT64", None),
        ("opened", "BYTES", "date-time"),
        ("kind", "BYTES", None),
        ("is_new", "BOOL", None),
    ]


def test_pandas_info():
    assert outline(INFO) == [("income", "FP32", None), ("months open", "INT64", None)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("income,debt", ["income", "debt"]),
        ("income;debt, monthly;age", ["income", "debt, monthly", "age"]),
        ('income\t"debt\tx"', ["income", "debt\tx"]),
        ('\ufeffincome,"months, open"\r\n', ["income", "months, open"]),
    ],
)
def test_a_csv_header_has_names_and_no_datatypes(text, names):
    assert outline(text) == [(name, "", None) for name in names]


def test_rows_below_the_header_tell_datatypes_and_an_example():
    assert read("income,age,kind,is_new,note\n1e3,41,b,True,\n2.5,7,4,false,\n").inputs == [
        ProposedField("income", "FP64", example="1e3"),
        ProposedField("age", "INT64", example="41"),
        ProposedField("kind", "BYTES", example="b"),
        ProposedField("is_new", "BOOL", example="true"),
        ProposedField("note"),
    ]


def test_mlmodel():
    proposal = read(MLMODEL)
    assert proposal.kind == "mlmodel"
    assert proposal.inputs == [
        ProposedField("income", "FP64"),
        ProposedField("no", "INT64", is_required=False),
        ProposedField("x", "FP32", shape=(-1, 3)),
    ]
    assert proposal.outputs == [ProposedField("output_1", "FP32")]
    assert [text.split()[0] for text in proposal.left_out] == ["extras", "y"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Paste an MLmodel file"),
        (" \n ", "Paste an MLmodel file"),
        ("x" * (LONGEST_PASTE + 1), "At most"),
        ("1,2.5,-3e4", "holds numbers"),
        ("a,b,a", "a stands there twice"),
        ("a,,b", "without a name"),
        (f"{'n' * 101},b", "long one"),
        (",".join(f"c{n}" for n in range(513)), "at most 512"),
        ("flavors: {}\n", "has no signature"),
        ("signature: !!python/object/apply:os.system ['ls']\n", "not YAML that we read (line 1)"),
        ("signature:\n  inputs: &x [1]\n  outputs: *x\n", "not YAML that we read"),
        (f"signature:\n  inputs: {'[' * 3000}", "not YAML that we read"),
        ("signature:\n  inputs: 'no json'\n", "inputs of this MLmodel are not JSON"),
        ("signature:\n  inputs: '[1]'\n", "not a list of columns"),
        (f"signature:\n  inputs: '{'[' * 50000}'\n", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_told(text, reason):
    started = time.monotonic()
    with pytest.raises(Invalid) as refusal:
        read(text)
    assert reason in refusal.value.message and refusal.value.field == "paste"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        "signature:\n" + "".join(f"  k{n}: {{a: 1, b: [1, 2]}}\n" for n in range(2400)),
        f"{'a ' * 29000}",
        f"a{' ' * 59000}b",
        '"' * 59000,
        "\n" * 59000 + "a",
    ],
)
def test_nothing_takes_long(text):
    started = time.monotonic()
    with suppress(Invalid):
        read(text)
    assert time.monotonic() - started < 3  # seconds, on a machine that does other things too
