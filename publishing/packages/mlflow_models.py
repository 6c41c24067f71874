"""Reading an MLflow model directory as text: MLmodel (YAML), its signature and its input example. MLflow is not needed."""

import json

import yaml

from . import conversions, limits
from .naming import AS_TENSOR, Column
from .refusals import Refusal, printable

# MLflow column type → (OIP datatype, format)
COLUMN_TYPES = {
    "boolean": ("BOOL", None),
    "integer": ("INT32", None),
    "long": ("INT64", None),
    "float": ("FP32", None),
    "double": ("FP64", None),
    "string": ("BYTES", None),
    "datetime": ("BYTES", "date-time"),
}


class PlainLoader(yaml.SafeLoader):
    """YAML without tags that make objects, without aliases (which make bombs), and not too deep.

    YAML reads no, 1e3 and 2024-01-01 as other things than texts: a member called "name" is the text that was written,
    and nothing is a date.
    """

    depth = 0
    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        mapping = super().construct_mapping(node, deep)
        written = {
            key.value: value.value
            for key, value in node.value
            if isinstance(value, yaml.ScalarNode)
        }
        return mapping | (
            {"name": written["name"]} if "name" in written and "name" in mapping else {}
        )

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not accepted")
        self.depth += 1
        if self.depth > limits.YAML_DEPTH:
            raise yaml.YAMLError("nested too deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read_yaml(path, name):
    """The value in a small YAML file. Raises Refusal."""
    if path.stat().st_size > limits.YAML_BYTES:
        raise Refusal(
            f"{printable(name)} is larger than 1 MiB, too large for YAML.",
            "size",
            "Leave out what MLflow did not write.",
        )
    try:
        return yaml.load(path.read_bytes(), Loader=PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else "nested too deep"
        raise Refusal(
            f"{printable(name)} cannot be read as YAML: {reason}.",
            "mlmodel",
            "Save the model again with mlflow.onnx.save_model.",
        ) from error


def onnx_entry(mlmodel):
    """The ONNX file's name inside the directory. Raises Refusal when the model has no safe ONNX flavour."""
    flavors = mlmodel.get("flavors") if isinstance(mlmodel, dict) else None
    if not isinstance(flavors, dict) or not isinstance(flavors.get("onnx"), dict):
        raise Refusal(
            f"MLmodel has no ONNX flavour, only: {_names(flavors)}.",
            "flavor",
            conversions.of_flavor(flavors if isinstance(flavors, dict) else {}),
        )
    loader = (flavors.get("python_function") or {}).get("loader_module", "mlflow.onnx")
    strange = set(flavors) - {"onnx", "python_function"}
    if strange or loader != "mlflow.onnx":
        raise Refusal(
            f"MLmodel has a flavour beside ONNX: {_names(strange or [loader])}.",
            "flavor",
            "Save only the ONNX flavour: mlflow.onnx.save_model.",
        )
    if flavors["onnx"].get("code"):
        raise Refusal(
            "MLmodel asks for its own code to be loaded. The marketplace never runs uploaded code.",
            "code",
            "Save the model without code_paths.",
        )
    entry = flavors["onnx"].get("data", "model.onnx")
    if not isinstance(entry, str):
        raise Refusal(
            "MLmodel does not name its ONNX file.",
            "mlmodel",
            "Save the model again with mlflow.onnx.save_model.",
        )
    return entry


def columns(mlmodel, side, tensors):
    """The signature's columns as tensor → [Column] or AS_TENSOR; {} when MLmodel has none for this side ("inputs" or "outputs").

    tensors: those of the graph; a signature of one array does not name it.
    """
    signature = mlmodel.get("signature")
    text = signature.get(side) if isinstance(signature, dict) else None
    if not text:
        return {}
    specs = json_value(text, "MLmodel") if isinstance(text, str) else text
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise Refusal(
            "The signature in MLmodel is not a list of columns.",
            "mlmodel",
            "Save the model again with a signature.",
        )
    if any(spec.get("type") == "tensor" for spec in specs):
        only = tensors[0].name if len(tensors) == 1 == len(specs) else None
        return dict(
            _of_tensor(spec, spec.get("name") or only)
            for spec in specs
            if isinstance(spec.get("name") or only, str)
        )
    return {"": [_column(spec) for spec in specs]}


def example_rows(value, names):
    """An MLflow input example as {column: [values]}, at most ten rows; None when its form is unknown.

    names: the signature's input names, used for examples that are plain rows.
    """
    if isinstance(value, dict):
        value = (
            value.get("dataframe_split")
            or value.get("dataframe_records")
            or value.get("inputs")
            or value.get("instances")
            or value
        )
    if isinstance(value, list) and value and len(names) == 1 and not isinstance(value[0], dict):
        return {names[0]: value[: limits.EXAMPLE_ROWS]}
    if isinstance(value, dict) and {"columns", "data"} <= set(value):
        return _from_rows(value["data"], value["columns"])
    if isinstance(value, dict):
        return {name: _listed(values)[: limits.EXAMPLE_ROWS] for name, values in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {name: [row.get(name) for row in value[: limits.EXAMPLE_ROWS]] for name in value[0]}
    if isinstance(value, list) and value and isinstance(value[0], list):
        return _from_rows(value, names)
    return None


def json_value(text, name):
    """Parsed JSON. Raises Refusal."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            f"{printable(name)} holds text that is not valid JSON.", "json", "Save the model again."
        ) from error


def _from_rows(rows, names):
    if (
        not isinstance(rows, list)
        or not isinstance(names, list)
        or not all(isinstance(row, list) and len(row) == len(names) for row in rows)
    ):
        return None
    rows = rows[: limits.EXAMPLE_ROWS]
    return {str(name): [row[index] for row in rows] for index, name in enumerate(names)}


def _listed(values):
    return values if isinstance(values, list) else [values]


def _column(spec):
    if not isinstance(spec.get("name"), str) or spec.get("type") not in COLUMN_TYPES:
        raise Refusal(
            f"MLmodel declares a column of the type {printable(spec.get('type'))}, which is not served.",
            "columns",
            "Use numbers, strings, booleans or datetimes.",
        )
    datatype, form = COLUMN_TYPES[spec["type"]]
    return Column(spec["name"], datatype, bool(spec.get("required", True)), form)


def _of_tensor(spec, name):
    """(tensor, its columns) of one array in a signature: one number a row is a column, more of them stay a tensor."""
    shape = (spec.get("tensor-spec") or {}).get("shape") or []
    return name, [Column(name)] if len(shape) == 1 or (
        len(shape) == 2 and shape[1] == 1
    ) else AS_TENSOR


def _names(flavors):
    return ", ".join(sorted(printable(name) for name in flavors or [])) or "none"
