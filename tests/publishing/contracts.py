"""A signature with every kind of field, its example, and a contract of it."""

from publishing.contract import Contract


def field(name, datatype="FP64", **more):
    return {
        "name": name,
        "datatype": datatype,
        "shape": [-1],
        "description": "",
        "unit": "",
        "minimum": None,
        "maximum": None,
        "enum": None,
    } | more


def given(name, datatype="FP64", **more):
    """An input field."""
    return field(name, datatype, **({"required": True, "default": None, "format": None} | more))


SIGNATURE = {
    "inputs": [
        given(
            "stated_income",
            minimum=0,
            maximum=500000,
            unit="USD per year",
            description="What the applicant says",
        ),
        given("age", "INT64", minimum=18, maximum=120),
        given("employment", "BYTES", enum=["salaried", "self-employed"]),
        given("since", "BYTES", format="date"),
        given("has_account", "BOOL"),
        given("debt", "FP32", required=False),
        given("pixels", "FP32", shape=[-1, 2]),
    ],
    "outputs": [
        field("income", "FP32", unit="USD per year"),
        field("class", "BYTES", enum=["a", "b"]),
        field("scores", "FP32", shape=[-1, 2]),
    ],
    "binding": {
        "inputs": [
            {
                "tensor": "N",
                "datatype": "FP32",
                "columns": ["stated_income", "age", "has_account", "debt"],
            },
            {"tensor": "E", "datatype": "BYTES", "columns": ["employment"]},
            {"tensor": "S", "datatype": "BYTES", "columns": ["since"]},
            {"tensor": "pixels", "datatype": "FP32", "columns": None},
        ],
        "outputs": [
            {"tensor": "Y", "output": "income", "column": 0},
            {"tensor": "L", "output": "class", "column": None},
            {"tensor": "P", "output": "scores", "column": None},
        ],
    },
}
GRAPH = {
    "inputs": [
        {"name": "N", "datatype": "FP32", "shape": [-1, 4]},
        {"name": "E", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "S", "datatype": "BYTES", "shape": [-1]},
        {"name": "pixels", "datatype": "FP32", "shape": [-1, 2]},
    ],
    "outputs": [
        {"name": "Y", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "L", "datatype": "BYTES", "shape": [-1]},
        {"name": "P", "datatype": "FP32", "shape": [-1, 2]},
    ],
}
EXAMPLE = {
    "inputs": [
        {"name": "stated_income", "datatype": "FP64", "shape": [2], "data": [52000.0, 18000.5]},
        {"name": "age", "datatype": "INT64", "shape": [2], "data": [41, 22]},
        {
            "name": "employment",
            "datatype": "BYTES",
            "shape": [2],
            "data": ["salaried", "self-employed"],
        },
        {"name": "since", "datatype": "BYTES", "shape": [2], "data": ["2019-04-01", "2024-11-30"]},
        {"name": "has_account", "datatype": "BOOL", "shape": [2], "data": [True, False]},
        {"name": "debt", "datatype": "FP32", "shape": [2], "data": [1200.5, None]},
        {"name": "pixels", "datatype": "FP32", "shape": [2, 2], "data": [[0.5, 0.25], [1.0, 0.0]]},
    ]
}


def contract(**more):
    values = {
        "gateway_url": "http://127.0.0.1:20400",
        "model": "income-verification",
        "name": "Income Verification",
        "number": "2.0.0",
        "signature": SIGNATURE,
        "example": EXAMPLE,
    }
    return Contract(**(values | more))
