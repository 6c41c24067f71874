"""What to do with a model in another format than ONNX: the line that converts this very format, with this file's name in it.

Lines stand in backticks and run as they are; `tests/tools/test_remedies.py` runs each with its tool.
"""

import re
from pathlib import PurePosixPath

from . import producers
from .refusals import ACCEPTED, CONTENT, RUNS_ONNX, Refusal, printable, refuse_content

HEAD = 256 * 1024
FLOATS = "from onnxmltools.convert.common.data_types import FloatTensorType"
THEN = "then upload model.onnx"
ENDPOINT = "host it yourself and register it as an external endpoint."

# Modules whose name in a pickle tells what was pickled: the one that is named first made the object itself.
PICKLED = ("xgboost", "lightgbm", "catboost", "torch", "keras", "tensorflow", "sklearn")
BY_NAME = {
    ".pt": "torch",
    ".pth": "torch",
    ".ckpt": "torch",
    ".bin": "torch",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".pmml": "pmml",
    ".mlmodel": "coreml",
    ".mlpackage": "coreml",
    ".pdmodel": "paddle",
    ".pdiparams": "paddle",
    ".engine": "tensorrt",
    ".plan": "tensorrt",
    ".rds": "r",
    ".rdata": "r",
    ".caffemodel": "caffe",
    ".pb": "tensorflow-graph",
}
FLAVORS = ("sklearn", "xgboost", "lightgbm", "catboost", "pytorch", "keras", "tensorflow")

# format → what such a file is; what is missing here stands in refusals.CONTENT.
NAMES = {
    "catboost": "is a CatBoost model in CatBoost's own format",
    "coreml": "is a Core ML model",
    "caffe": "is a Caffe model",
    "gguf": "is a GGUF file, the weights of a language model for llama.cpp",
    "h2o": "is an H2O MOJO",
    "lightgbm": "is a LightGBM model in LightGBM's own format",
    "openvino": "is an OpenVINO model",
    "ort-format": "is in ONNX Runtime's own format (.ort), which holds no ONNX graph",
    "paddle": "is a PaddlePaddle model",
    "pmml": "is a PMML document",
    "r": "is a file of R",
    "savedmodel": "is part of a TensorFlow SavedModel",
    "tensorflow-graph": "is a TensorFlow graph",
    "tensorrt": "is a TensorRT engine, compiled for one graphics card",
    "tflite": "is a TensorFlow Lite (LiteRT) model",
    "torch-export": "is a PyTorch program as torch.export.save writes it (.pt2)",
    "torchscript": "is a TorchScript module, which carries code",
    "xgboost": "is an XGBoost model in XGBoost's own format",
}


def _torch():
    line = producers.TORCH_DYNAMO.format(more=", dynamic_shapes=({0: torch.export.Dim('batch')},)")
    return f"Export it where you trained it: `{line}`."


def _keras(file):
    load = f"model = keras.models.load_model({file!r}); model(X[:1])"  # Keras exports what has been called
    return f"Convert it: `{load}; model.export('model.onnx', format='onnx')`, {THEN}."


def _catboost(file):
    form = ", format='json'" if file.endswith(".json") else ""
    return f"Convert it: `catboost.CatBoost().load_model({file!r}{form}).save_model('model.onnx', format='onnx')`, {THEN}."


def _boosted(tool, file, features):
    load = f"{tool}.Booster(model_file={file!r})"
    call = f"onnxmltools.convert_{tool}({load}, initial_types=[('X', FloatTensorType([None, {features}]))])"
    return f"Convert it, with `{FLOATS}`: `onnx.save({call}, 'model.onnx')`, {THEN}."


def _trained(tool):
    call = f"onnxmltools.convert_{tool}(model, initial_types=[('X', FloatTensorType([None, X.shape[1]]))])"
    return f"Convert it where you trained it, with `{FLOATS}`: `onnx.save({call}, 'model.onnx')`, {THEN}."


def _features(head, pattern, more):
    """How many features the model takes, as its file says; X.shape[1] when it does not say it near its beginning."""
    found = re.search(pattern, head)
    return int(found.group(1)) + more if found else "X.shape[1]"


# The remedy, by format: the same for each file, or with the file's name in it (and what its first bytes say).
REMEDIES = {
    "caffe": f"Train or load it in PyTorch or TensorFlow, and export that; or {ENDPOINT}",
    "coreml": "Export the model that it was made from; Core ML has no way back.",
    "gguf": (
        f"Export the original weights, `optimum-cli export onnx --model DIR OUT`; or {ENDPOINT}"
    ),
    "h2o": f"H2O writes no ONNX: {ENDPOINT}",
    "openvino": "Upload the ONNX file that it was made from.",
    "ort-format": "Upload the .onnx file that it was made from.",
    "paddle": (
        "Convert it: `paddle2onnx --model_dir DIR --model_filename model.pdmodel --save_file model.onnx`."
    ),
    "pickled-catboost": (
        "Save it where you trained it: `model.save_model('model.onnx', format='onnx')`."
    ),
    "pickled-keras": (
        "Export it where you trained it: `model.export('model.onnx', format='onnx')`."
    ),
    "pickled-lightgbm": _trained("lightgbm"),
    "pickled-sklearn": f"Convert it where you trained it: `{producers.SKLEARN}`, {THEN}.",
    "pickled-tensorflow": (
        "Export it where you trained it: `model.export('model.onnx', format='onnx')`."
    ),
    "pickled-torch": _torch(),
    "pickled-xgboost": _trained("xgboost"),
    "pmml": f"PMML has no converter to ONNX: convert the model that it was made from. For scikit-learn: `{producers.SKLEARN}`.",
    "r": f"R writes no ONNX: train it with a tool that does, or {ENDPOINT}",
    "safetensors": (
        f"Load the weights into their model and export that. {_torch()} Of the transformers library: `optimum-cli export onnx --model DIR OUT`."
    ),
    "savedmodel": (
        "Convert its folder: `python -m tf2onnx.convert --saved-model DIR --output model.onnx`."
    ),
    "tensorrt": "Upload the ONNX file that it was compiled from.",
    "torch": _torch(),
}
REMEDIES_OF_A_FILE = {
    "catboost": lambda file, head: _catboost(file),
    "hdf5": lambda file, head: _keras(file),
    "keras": lambda file, head: _keras(file),
    "lightgbm": lambda file, head: _boosted(
        "lightgbm", file, _features(head, rb"max_feature_idx=(\d+)", 1)
    ),
    "skops": lambda file, head: (
        f"Convert it: `skl2onnx.to_onnx(skops.io.load({file!r}), X[:1], options={{'zipmap': False}})`, {THEN}."
    ),
    "tensorflow-graph": lambda file, head: (
        f"Convert it: `python -m tf2onnx.convert --graphdef {file} --inputs X:0 --outputs Y:0 --output model.onnx`."
    ),
    "tflite": lambda file, head: (
        f"Convert it: `python -m tf2onnx.convert --tflite {file} --output model.onnx`."
    ),
    "torch-export": lambda file, head: (
        f"Convert it: `torch.onnx.export(torch.export.load({file!r}), (), 'model.onnx', dynamo=True, external_data=False)`, {THEN}."
    ),
    "torchscript": lambda file, head: (
        f"Convert it: `torch.onnx.export(torch.jit.load({file!r}), example, 'model.onnx', dynamo=False, input_names=['x'], "
        f"dynamic_axes={{'x': {{0: 'batch'}}}})`, {THEN}."
    ),
    "xgboost": lambda file, head: _boosted(
        "xgboost", file, _features(head, rb"num_feature\W*?(\d+)", 0)
    ),
}


def refuse(name, kind, path):
    """The Refusal of a file whose content is `kind`, with the conversion line for what it is."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    form = format_of(name, kind, head)
    if form == kind and form not in NAMES:
        refusal = refuse_content(name, kind)
    else:
        what, why, _ = CONTENT.get(kind, CONTENT["binary"])
        says_why = kind in CONTENT and kind not in ("binary", "truncated-onnx")
        refusal = Refusal(
            f"{printable(name)} {NAMES.get(form, what)}. {why if says_why else RUNS_ONNX}",
            kind,
        )
    line = conversion(form, file_name(name), head)
    return Refusal(refusal.message, kind, line or refusal.remedy or ACCEPTED)


def format_of(name, kind, head):
    """The format, where the content's kind alone does not tell: from the names inside a pickle, or the file's own name."""
    path = PurePosixPath(name.lower())
    if kind in ("pickle", "compressed-pickle"):
        pickled = min(
            (module for module in PICKLED if module.encode() in head),
            key=lambda module: head.find(module.encode()),
            default="",
        )
        return (
            f"pickled-{pickled}"
            if pickled
            else "torch"
            if BY_NAME.get(path.suffix) == "torch"
            else "pickled-sklearn"
        )
    if kind in ("binary", "truncated-onnx") and _is_of_saved_model(path):
        return "savedmodel"  # it begins as an ONNX file does, and has no graph where that has one
    if kind in ("binary", "text", "compressed"):
        return BY_NAME.get(path.suffix, kind) if path.suffix != ".bin" else kind
    return kind


def _is_of_saved_model(path):
    """A SavedModel is a folder of these files."""
    is_weights = path.parent.name == "variables" and path.name.startswith("variables.")
    return is_weights or path.name in ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb")


def conversion(form, file, head=b""):
    """The remedy for a model in the format `form`, kept in the file called `file`; "" for an unknown one."""
    if of_file := REMEDIES_OF_A_FILE.get(form):
        return of_file(file, head)
    return REMEDIES.get(form, "")


def of_flavor(flavors):
    """The remedy for an MLflow model that was saved in other flavours than ONNX."""
    flavor = next((flavor for flavor in FLAVORS if flavor in flavors), "")
    line = {
        "pytorch": _torch,
        "keras": lambda: conversion("pickled-keras", ""),
        "tensorflow": lambda: conversion("pickled-tensorflow", ""),
    }.get(flavor, lambda: conversion(f"pickled-{flavor or 'sklearn'}", ""))()
    return f"{line} Or save that with `mlflow.onnx.save_model(onnx.load('model.onnx'), 'DIR')`."


def file_name(name):
    """The uploader's file name, for a line of code: without folders, and plain."""
    base = PurePosixPath(name).name
    return base if re.fullmatch(r"[\w.-]{1,80}", base) else "FILE"
