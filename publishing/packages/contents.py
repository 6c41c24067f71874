"""What an upload contains: one ONNX file, or an archive of an MLflow directory or of one ONNX file with its manifest.

Runs in the child process only. `look_into` returns plain data, ready for JSON.
"""

import hashlib
from pathlib import PurePosixPath

from . import archives, limits, mlflow_models
from .graphs import read_graph
from .naming import Hints, columns_from_metadata, columns_from_value, signature_of
from .recognise import recognise
from .refusals import ACCEPTED, Refusal, printable, refuse_content

EXTENSIONS = {".onnx": "onnx", ".zip": "zip", ".tar.gz": "tar-gz", ".tgz": "tar-gz"}
SINGLE = "model.onnx"
SIDECAR = "manifest.json"
TEXT_SUFFIXES = {"", ".txt", ".md", ".yaml", ".yml", ".json", ".csv"}
KIND_NAMES = {"onnx": "an ONNX model", "zip": "a zip archive", "tar-gz": "a tar.gz archive", "text": "plain text", "json": "JSON text"}


def look_into(path, name, quarantine):
    """Everything the parent wants to know about the upload at `path`, called `name`. Raises Refusal."""
    kind = check_kind(path, name)
    if kind == "onnx":
        return look_at_onnx(path, name)
    members = archives.extract(path, kind, quarantine)
    return look_at_members(members)


def check_kind(path, name):
    """The upload's kind, when content and name agree on an accepted one."""
    kind = recognise(path)
    if kind not in KIND_NAMES:
        raise refuse_content(name, kind)
    expected = next((kind for ending, kind in EXTENSIONS.items() if name.lower().endswith(ending)), None)
    if expected is None or kind in ("text", "json"):
        raise Refusal(f"{printable(name)} is {KIND_NAMES[kind]} that the marketplace does not take under this name.", "extension", ACCEPTED)
    if expected != kind:
        raise Refusal(
            f"{printable(name)} is named like {KIND_NAMES[expected]}, but its content is {KIND_NAMES[kind]}.",
            "name-content",
            "Give the file the ending of what it is.",
        )
    return kind


def look_at_onnx(path, name):
    """A single ONNX file."""
    graph, warnings = read_graph(path, name), []
    file = {"name": SINGLE, "sha256": _sha256(path), "size": path.stat().st_size, "path": str(path)}
    signature = signature_of(graph, columns_from_metadata(graph.metadata), warnings)
    return _found("onnx", SINGLE, [file], graph, signature, None, warnings)


def look_at_members(members):
    """The files of an archive: every one must be known, and together they must be one model."""
    if len(members) > limits.VERSION_FILES:
        raise Refusal("The archive has more than 200 files.", "members", "Leave out what the model does not need.")
    kinds = {member.name: check_member(member) for member in members}
    files = _under_root(members, kinds)
    return look_at_mlflow(files) if "MLmodel" in files else look_at_bundle(files)


def check_member(member):
    """The member's kind. Raises Refusal for what is not ONNX or plain text, or is named like something else."""
    kind = recognise(member.path)
    suffix = PurePosixPath(member.name).suffix.lower()
    if kind in ("zip", "tar-gz"):
        kind = "nested"
    if kind == "empty" and suffix in TEXT_SUFFIXES:
        return "text"
    if kind not in KIND_NAMES:
        raise refuse_content(member.name, kind)
    if (kind == "onnx") != (suffix == ".onnx"):
        raise Refusal(
            f"{printable(member.name)} is {KIND_NAMES[kind]}, but its name says otherwise.",
            "name-content",
            "Give the file the ending of what it is.",
        )
    if kind != "onnx" and suffix not in TEXT_SUFFIXES:
        raise Refusal(
            f"The archive holds {printable(member.name)}, a kind of file that no ONNX model needs.",
            "binary",
            "Leave it out of the archive.",
        )
    if kind != "onnx" and member.size > limits.TEXT_BYTES:
        raise Refusal(f"{printable(member.name)} is larger than 8 MiB, too large for text.", "size", "Data does not belong in a package.")
    return kind


def look_at_mlflow(files):
    """An MLflow model directory with the ONNX flavour."""
    mlmodel = mlflow_models.read_yaml(files["MLmodel"].path, "MLmodel")
    entry = mlflow_models.onnx_entry(mlmodel)
    graph, warnings = read_graph(_entry(files, entry).path, entry), []
    own = columns_from_metadata(graph.metadata)
    hints = Hints(mlflow_models.columns(mlmodel, "inputs") or own.inputs, mlflow_models.columns(mlmodel, "outputs") or own.outputs)
    signature = signature_of(graph, hints, warnings)
    example = _mlflow_example(files, mlmodel, signature, warnings)
    return _found("mlflow", entry, _file_data(files), graph, signature, example, warnings)


def look_at_bundle(files):
    """An archive of one ONNX file, with manifest.json beside it if the publisher wants to name columns."""
    models = [name for name in files if name.endswith(".onnx")]
    if len(models) != 1:
        raise Refusal(f"The archive holds {len(models)} ONNX files and no MLmodel; a version is exactly one model.", "entry", ACCEPTED)
    sidecar = _sidecar(files)
    graph, warnings = read_graph(files[models[0]].path, models[0]), []
    own = columns_from_metadata(graph.metadata)
    named = {
        side: columns_from_value(sidecar[key]) for side, key in (("inputs", "columns"), ("outputs", "output_columns")) if key in sidecar
    }
    signature = signature_of(graph, Hints(named.get("inputs", own.inputs), named.get("outputs", own.outputs)), warnings)
    example = sidecar.get("example") if isinstance(sidecar.get("example"), dict) else None
    return _found("onnx", models[0], _file_data(files), graph, signature, example, warnings)


def _found(form, entry, files, graph, signature, example, warnings):
    return {
        "format": form,
        "flavor": "onnx",
        "entry": entry,
        "files": files,
        "signature": signature,
        "example": example,
        "graph": graph.as_data(),
        "opset": graph.opset,
        "producer": graph.producer,
        "warnings": warnings,
    }


def _under_root(members, kinds):
    """name inside the model's folder → Member. The model may lie at the top of the archive or in one folder."""
    homes = {str(PurePosixPath(name).parent) for name in kinds if name.rsplit("/", 1)[-1] == "MLmodel"}
    if not homes:
        homes = {str(PurePosixPath(name).parent) for name, kind in kinds.items() if kind == "onnx"}
    if len(homes) != 1:
        raise Refusal(f"The archive holds {len(homes)} models; a version is exactly one.", "entry", ACCEPTED)
    home = PurePosixPath(homes.pop())
    outside = [member.name for member in members if not PurePosixPath(member.name).is_relative_to(home)]
    if outside:
        raise Refusal(f"The archive holds {printable(outside[0])} outside the model's folder.", "entry", "Pack only the model's folder.")
    return {str(PurePosixPath(member.name).relative_to(home)): member for member in members}


def _entry(files, entry):
    if entry not in files or not entry.endswith(".onnx"):
        raise Refusal(
            f"MLmodel names {printable(entry)}, which is not an ONNX file in the archive.",
            "entry",
            "Save the model again with mlflow.onnx.save_model.",
        )
    return files[entry]


def _sidecar(files):
    if SIDECAR not in files:
        return {}
    value = mlflow_models.json_value(files[SIDECAR].path.read_text("utf-8"), SIDECAR)
    if not isinstance(value, dict):
        raise Refusal("manifest.json is not a JSON object.", "json", 'Write it as {"columns": ["income", "age"]}.')
    return value


def _mlflow_example(files, mlmodel, signature, warnings):
    """The saved input example as an Open Inference request, or None with a warning."""
    info = mlmodel.get("saved_input_example_info")
    name = info.get("artifact_path") if isinstance(info, dict) else None
    if not isinstance(name, str) or name not in files:
        return None
    names = [field["name"] for field in signature["inputs"]]
    rows = mlflow_models.example_rows(mlflow_models.json_value(files[name].path.read_text("utf-8"), name), names)
    if rows is None or not set(rows) <= set(names):
        warnings.append("The input example of the MLflow model does not fit its signature, so it was left out.")
        return None
    return {"inputs": [_example_input(field, rows[field["name"]]) for field in signature["inputs"] if field["name"] in rows]}


def _example_input(field, values):
    return {"name": field["name"], "datatype": field["datatype"], "shape": [len(values), *field["shape"][1:]], "data": values}


def _file_data(files):
    return [
        {"name": name, "sha256": member.sha256, "size": member.size, "path": str(member.path)} for name, member in sorted(files.items())
    ]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
