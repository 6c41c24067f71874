"""What every maker needs: where it enters itself, the data it learns from, and how it says what it made."""

import os
import warnings
import zipfile

import numpy as np

os.environ |= {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
warnings.simplefilter("ignore")
MAKERS = {}
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(3, 4)).astype(np.float32)
TABLE = RNG.normal(size=(120, 4)).astype(np.float32)
TWO = (TABLE[:, 0] + TABLE[:, 1] > 0).astype(int)
THREE = np.digitize(TABLE[:, 0], [-0.5, 0.5])
AMOUNT = (TABLE @ np.array([1.0, -2.0, 0.5, 3.0])).astype(np.float32)
WORDS = np.array(["low", "middle", "high"])[THREE]

IMAGES = RNG.normal(size=(3, 3, 8, 8)).astype(np.float32)
SERIES = RNG.normal(size=(3, 5, 4)).astype(np.float32)
IDS = RNG.integers(1, 50, size=(3, 6))

ENVIRONMENT = {"tf2onnx": "tensorflow", "mlflow2": "mlflow2"}


def maker(tool):
    """Registers a function(folder) → facts under its name and the tool it needs."""

    def registered(function):
        MAKERS[function.__name__] = (tool, function)
        return function

    return registered


def facts(upload, inputs, onnx=None, batch=None):
    """upload, onnx: file names. inputs: name → array of three rows. batch: 1 when the graph takes one row at a time."""
    return {"upload": upload, "onnx": onnx or upload, "batch": batch, "inputs": inputs}


def zipped(folder, source, name="model.zip"):
    """A zip of everything in `source`, as people pack a folder."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(source.parent))
    return name
