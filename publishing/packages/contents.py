"""What an upload contains: one ONNX file, or an archive of an MLflow directory or of one ONNX file with its manifest.

Runs in the child process only. `look_into` returns plain data, ready for JSON.
"""

import hashlib
from pathlib import PurePosixPath

from . import archives, conversions, limits, mlflow_models
from .graphs import parse, places_beside, read_graph
from .naming import Hints, columns_from_metadata, columns_from_value, signature_of
from .recognise import recognise
from .refusals import ACCEPTED, Refusal, printable

EXTENSIONS = {".onnx": "onnx", ".zip": "zip", ".tar.gz": "tar-gz", ".tgz": "tar-gz"}
SINGLE = "model.onnx"
SIDECAR = "manifest.json"
TEXT_SUFFIXES = {"", ".txt", ".md", ".yaml", ".yml", ".json", ".csv"}
KIND_NAMES = {
    "onnx": "an ONNX model",
    "zip": "a zip archive",
    "tar-gz": "a tar.gz archive",
    "text": "plain text",
    "json": "JSON text",
}


def look_into(path, name, quarantine):
    """Everything the parent wants to know about the upload at `path`, called `name`. Raises Refusal."""
    kind = check_kind(path, name)
    if kind == "onnx":
        return look_at_onnx(path, name, quarantine)
    members = archives.extract(path, kind, quarantine)
    return look_at_members(members, quarantine)


def check_kind(path, name):
    """The upload's kind, when content and name agree on an accepted one."""
    kind = recognise(path)
    if kind not in KIND_NAMES:
        raise conversions.refuse(name, kind, path)
    expected = next(
        (kind for ending, kind in EXTENSIONS.items() if name.lower().endswith(ending)), None
    )
    if expected is None or kind in ("text", "json"):
        raise Refusal(
            f"{printable(name)} is {KIND_NAMES[kind]} that the marketplace does not take under this name.",
            "extension",
            ACCEPTED,
        )
    if expected != kind:
        raise Refusal(
            f"{printable(name)} is named like {KIND_NAMES[expected]}, but its content is {KIND_NAMES[kind]}.",
            "name-content",
            "Give the file the ending of what it is.",
        )
    return kind


def look_at_onnx(path, name, quarantine):
    """A single ONNX file."""
    read = read_graph(parse(path, name), name)
    file = {"name": SINGLE, "sha256": _sha256(path), "size": path.stat().st_size, "path": str(path)}
    return _found(
        "onnx", SINGLE, [file], read, quarantine, columns_from_metadata(read.graph.metadata)
    )


def look_at_members(members, quarantine):
    """The files of an archive: every one must be known, and together they must be one model."""
    if len(members) > limits.VERSION_FILES:
        raise Refusal(
            "The archive has more than 200 files.",
            "members",
            "Leave out what the model does not need.",
        )
    models = {
        member.name: parse(member.path, member.name) for member in members if _is_model(member)
    }
    weights = {
        place for name, model in models.items() for place in _beside(name, places_beside(model))
    }
    kinds, problems = {}, []
    for member in members:
        if member.name in weights - set(models) or _is_left_over(member, models):
            continue
        try:
            kinds[member.name] = check_member(member)
        except Refusal as refusal:
            problems += refusal.problems
    if problems:
        raise Refusal.of(problems)
    files = _under_root(
        [member for member in members if member.name in kinds or member.name in weights], kinds
    )
    look = look_at_mlflow if "MLmodel" in files else look_at_bundle
    found = look(files, models, quarantine)
    _check_all_known(found["files"], files, kinds)
    return found


def _check_all_known(kept, files, kinds):
    """Weights are not looked at, because they become numbers of the graph; what did not must be known like any other file."""
    for file in kept:
        member = files.get(file["name"])
        if member and member.name not in kinds and str(member.path) == file["path"]:
            raise Refusal(
                f"The archive holds {printable(member.name)}, which the graph that is served does not use.",
                "binary",
                "Leave it out of the archive.",
            )


def _is_model(member):
    return member.name.lower().endswith(".onnx") and recognise(member.path) == "onnx"


def _beside(name, places):
    """The archive's names of the places that the model called `name` keeps weights in."""
    home = PurePosixPath(name).parent
    return {str(home / place) for place in places if place}


def _is_left_over(member, models):
    """The empty file of weights that PyTorch writes beside a graph which holds them all."""
    return not member.size and any(member.name == f"{name}.data" for name in models)


def check_member(member):
    """The member's kind. Raises Refusal for what is not ONNX or plain text, or is named like something else."""
    kind = recognise(member.path)
    suffix = PurePosixPath(member.name).suffix.lower()
    if kind in ("zip", "tar-gz"):
        kind = "nested"
    if kind == "empty" and suffix in TEXT_SUFFIXES:
        return "text"
    if kind not in KIND_NAMES:
        raise conversions.refuse(member.name, kind, member.path)
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
        raise Refusal(
            f"{printable(member.name)} is larger than 8 MiB, too large for text.",
            "size",
            "Data does not belong in a package.",
        )
    return kind


def look_at_mlflow(files, models, quarantine):
    """An MLflow model directory with the ONNX flavour."""
    mlmodel = mlflow_models.read_yaml(files["MLmodel"].path, "MLmodel")
    entry = mlflow_models.onnx_entry(mlmodel)
    read = _read(files, _entry(files, entry), models)
    own = columns_from_metadata(read.graph.metadata)
    hints = Hints(
        mlflow_models.columns(mlmodel, "inputs", read.graph.inputs) or own.inputs,
        mlflow_models.columns(mlmodel, "outputs", read.graph.outputs) or own.outputs,
    )
    found = _found("mlflow", entry, _file_data(files), read, quarantine, hints)
    return found | {
        "example": _mlflow_example(files, mlmodel, found["signature"], found["warnings"])
    }


def look_at_bundle(files, models, quarantine):
    """An archive of one ONNX file, with manifest.json beside it if the publisher wants to name columns."""
    entries = [name for name in files if name.endswith(".onnx")]
    if len(entries) != 1:
        raise Refusal(
            f"The archive holds {len(entries)} ONNX files and no MLmodel; a version is exactly one model.",
            "entry",
            ACCEPTED,
        )
    sidecar = _sidecar(files)
    read = _read(files, entries[0], models)
    own = columns_from_metadata(read.graph.metadata)
    named = {
        side: columns_from_value(sidecar[key])
        for side, key in (("inputs", "columns"), ("outputs", "output_columns"))
        if key in sidecar
    }
    hints = Hints(named.get("inputs", own.inputs), named.get("outputs", own.outputs))
    example = sidecar.get("example") if isinstance(sidecar.get("example"), dict) else None
    return _found("onnx", entries[0], _file_data(files), read, quarantine, hints) | {
        "example": example
    }


def _read(files, entry, models):
    """The Reading of one model of the archive, with the weights that lie beside it."""
    model = models[files[entry].name]
    home = PurePosixPath(entry).parent
    companions = {
        place: files[str(home / place)].path
        for place in places_beside(model)
        if place and str(home / place) in files
    }
    return read_graph(model, entry, companions)


def _found(form, entry, files, read, quarantine, hints):
    """The answer for the parent; the files are those that are kept: a changed graph instead of the one that came."""
    warnings, questions = [], []
    signature = signature_of(read.graph, hints, warnings, questions)
    kept, original = _kept(entry, files, read, quarantine)
    return {
        "format": form,
        "flavor": "onnx",
        "entry": entry,
        "files": kept,
        "signature": signature,
        "example": None,
        "graph": read.graph.as_data(),
        "opset": read.graph.opset,
        "producer": read.graph.producer,
        "warnings": warnings,
        "questions": questions,
        "changes": read.changes,
        "original": original,
    }


def _kept(entry, files, read, quarantine):
    """(the files of the version, [{name, sha256, size}] of those that were replaced or merged)."""
    if read.content is None:
        return files, []
    home = PurePosixPath(entry).parent
    merged = {str(home / place) for place in read.merged}
    gone = [file for file in files if file["name"] == entry or file["name"] in merged]
    target = quarantine / "member-changed"
    target.write_bytes(read.content)
    changed = {
        "name": entry,
        "sha256": hashlib.sha256(read.content).hexdigest(),
        "size": len(read.content),
        "path": str(target),
    }
    left = [file for file in files if file not in gone]
    return sorted([*left, changed], key=lambda file: file["name"]), [
        {key: file[key] for key in ("name", "sha256", "size")} for file in gone
    ]


def _under_root(members, kinds):
    """name inside the model's folder → Member. The model may lie at the top of the archive or in one folder."""
    homes = {
        str(PurePosixPath(name).parent) for name in kinds if name.rsplit("/", 1)[-1] == "MLmodel"
    }
    if not homes:
        homes = {str(PurePosixPath(name).parent) for name, kind in kinds.items() if kind == "onnx"}
    if len(homes) != 1:
        raise Refusal(
            f"The archive holds {len(homes)} models; a version is exactly one.", "entry", ACCEPTED
        )
    home = PurePosixPath(homes.pop())
    outside = [
        member.name for member in members if not PurePosixPath(member.name).is_relative_to(home)
    ]
    if outside:
        raise Refusal(
            f"The archive holds {printable(outside[0])} outside the model's folder.",
            "entry",
            "Pack only the model's folder.",
        )
    return {str(PurePosixPath(member.name).relative_to(home)): member for member in members}


def _entry(files, entry):
    if entry not in files or not entry.endswith(".onnx"):
        raise Refusal(
            f"MLmodel names {printable(entry)}, which is not an ONNX file in the archive.",
            "entry",
            "Save the model again with mlflow.onnx.save_model.",
        )
    return entry


def _sidecar(files):
    if SIDECAR not in files:
        return {}
    value = mlflow_models.json_value(files[SIDECAR].path.read_text("utf-8"), SIDECAR)
    if not isinstance(value, dict):
        raise Refusal(
            "manifest.json is not a JSON object.",
            "json",
            'Write it as {"columns": ["income", "age"]}.',
        )
    return value


def _mlflow_example(files, mlmodel, signature, warnings):
    """The saved input example as an Open Inference request, or None with a warning."""
    info = mlmodel.get("saved_input_example_info")
    name = info.get("artifact_path") if isinstance(info, dict) else None
    if not isinstance(name, str) or name not in files:
        return None
    names = [field["name"] for field in signature["inputs"]]
    rows = mlflow_models.example_rows(
        mlflow_models.json_value(files[name].path.read_text("utf-8"), name), names
    )
    if rows is None or not set(rows) <= set(names):
        warnings.append(
            "The input example of the MLflow model does not fit its signature, so it was left out."
        )
        return None
    return {
        "inputs": [
            _example_input(field, rows[field["name"]])
            for field in signature["inputs"]
            if field["name"] in rows
        ]
    }


def _example_input(field, values):
    shape = [len(values)]
    inner = values
    for _ in field["shape"][1:]:
        inner = inner[0] if isinstance(inner, list) and inner else []
        shape.append(len(inner) if isinstance(inner, list) else 1)
    return {"name": field["name"], "datatype": field["datatype"], "shape": shape, "data": values}


def _file_data(files):
    return [
        {"name": name, "sha256": member.sha256, "size": member.size, "path": str(member.path)}
        for name, member in sorted(files.items())
    ]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
