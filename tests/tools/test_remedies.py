"""Each remedy's line of code is run by its tool as it stands, and what it writes is accepted (issue 9, line 18)."""

import re
import textwrap

import pytest

from publishing import packages
from publishing.packages import Refused, conversions, producers
from publishing.packages.graphs import Tensor
from publishing.packages.recognise import recognise
from tests.tools import environments

pytestmark = pytest.mark.slow

HEAD = """
import os, sys, warnings, subprocess
os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
warnings.simplefilter("ignore")
import numpy as np
import onnx
TABLE = np.random.default_rng(7).normal(size=(120, 4)).astype(np.float32)
TWO = (TABLE[:, 0] + TABLE[:, 1] > 0).astype(int)
X = TABLE
"""
TORCH = """
import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
example = (torch.from_numpy(TABLE[:2]),)
"""
SKLEARN = """
import skl2onnx, joblib
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit(TABLE, TWO)
"""
BOOSTED = """
import xgboost, lightgbm, catboost, onnxmltools
fits = {"xgboost": lambda: xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(TABLE, TWO),
        "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(TABLE, TWO),
        "catboost": lambda: catboost.CatBoostClassifier(iterations=3, depth=2, verbose=0, allow_writing_files=False).fit(TABLE, TWO)}
"""
KERAS = """
import keras, tensorflow as tf, tf2onnx
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2, "softmax")])
model(TABLE[:2])
"""
RUN = """
def run(line):
    if line.startswith("python -m "):
        return subprocess.run([sys.executable, *line.split()[1:]], check=True)
    try:
        made = eval(line, globals())
    except SyntaxError:
        made = exec(line, globals())
    if isinstance(made, onnx.ModelProto):
        onnx.save(made, "model.onnx")
"""
TENSORS = [Tensor("x", "FP32", (-1, 4))]


def code_in(remedy):
    """The lines of code in a remedy, in order; commands of other programs are left out."""
    return [
        line
        for line in re.findall(r"`([^`]+)`", remedy)
        if not line.startswith(("optimum-cli", "zip "))
    ]


@pytest.fixture
def accepted(tmp_path):
    """(environment, set-up, remedy) → Inspection of the model.onnx that the remedy's lines write."""

    def run(environment, setup, remedy):
        if not environments.python_of(environment):
            pytest.skip(
                f"the tools' environment {environment} is not installed: python -m tests.tools.environments"
            )
        lines = code_in(remedy)
        assert lines, remedy
        script = tmp_path / "script.py"
        script.write_text(
            HEAD + textwrap.dedent(setup) + RUN + "".join(f"run({line!r})\n" for line in lines)
        )
        code = environments.run(environment, script, folder=tmp_path)
        assert code == 0, (remedy, (tmp_path / "log.txt").read_text()[-3000:])
        (tmp_path / "quarantine").mkdir(exist_ok=True)
        with packages.inspect(
            tmp_path / "model.onnx", "model.onnx", quarantine=tmp_path / "quarantine"
        ) as found:
            return found

    return run


def by(kind):
    return producers.Producer(kind, kind, "")


PRODUCERS = {
    "dynamo, batch": ("tools", TORCH, producers.free_batch(by("torch-dynamo"), TENSORS)),
    "dynamo, one file": ("tools", TORCH, producers.one_file(by("torch-dynamo"))),
    "dynamo, opset": ("tools", TORCH, producers.older(by("torch-dynamo"), 22)),
    "script, batch": ("tools", TORCH, producers.free_batch(by("torch-script"), TENSORS)),
    "script, standard operators": (
        "tools",
        TORCH,
        producers.standard_operators(by("torch-script")),
    ),
    "script, opset": ("tools", TORCH, producers.older(by("torch-script"), 22)),
    "sklearn, batch": ("tools", SKLEARN, producers.free_batch(by("skl2onnx"), TENSORS)),
    "sklearn, map": ("tools", SKLEARN, producers.no_map(by("skl2onnx"), "y")),
    "sklearn, opset": ("tools", SKLEARN, producers.older(by("skl2onnx"), 22)),
    "keras, batch": (
        "tensorflow",
        KERAS + "import keras\n",
        producers.free_batch(by("keras"), TENSORS),
    ),
    "tensorflow, batch": ("tensorflow", KERAS, producers.free_batch(by("tf2onnx"), TENSORS)),
    "any, one file": (
        "tools",
        TORCH + "torch.onnx.export(model, example, 'model.onnx', dynamo=True)\n",
        producers.one_file(by("other")).replace("single.onnx", "model.onnx"),
    ),
}


@pytest.mark.parametrize(
    ("environment", "setup", "remedy"), PRODUCERS.values(), ids=PRODUCERS.keys()
)
def test_the_line_for_a_producer_is_taken_literally(accepted, environment, setup, remedy):
    assert accepted(environment, setup, remedy).graph["inputs"][0]["shape"] == [-1, 4]


# file → (environment, what writes it)
FILES = {
    "xgb.json": ("tools", BOOSTED + "fits['xgboost']().save_model('xgb.json')"),
    "xgb.ubj": ("tools", BOOSTED + "fits['xgboost']().save_model('xgb.ubj')"),
    "lgb.txt": ("tools", BOOSTED + "fits['lightgbm']().booster_.save_model('lgb.txt')"),
    "cat.cbm": ("tools", BOOSTED + "fits['catboost']().save_model('cat.cbm')"),
    "cat.json": ("tools", BOOSTED + "fits['catboost']().save_model('cat.json', format='json')"),
    "xgb.pkl": (
        "tools",
        BOOSTED
        + "import pickle; model = fits['xgboost'](); pickle.dump(model, open('xgb.pkl', 'wb'))",
    ),
    "lgb.pkl": (
        "tools",
        BOOSTED
        + "import pickle; model = fits['lightgbm'](); pickle.dump(model, open('lgb.pkl', 'wb'))",
    ),
    "cat.pkl": (
        "tools",
        BOOSTED
        + "import pickle; model = fits['catboost'](); pickle.dump(model, open('cat.pkl', 'wb'))",
    ),
    "sk.joblib": ("tools", SKLEARN + "joblib.dump(model, 'sk.joblib')"),
    "packed.joblib": ("tools", SKLEARN + "joblib.dump(model, 'packed.joblib', compress=3)"),
    "state.pt": ("tools", TORCH + "torch.save(model.state_dict(), 'state.pt')"),
    "whole.pth": (
        "tools",
        TORCH + "torch.save(model, 'whole.pth', _use_new_zipfile_serialization=False)",
    ),
    "script.pt": ("tools", TORCH + "torch.jit.trace(model, example).save('script.pt')"),
    "model.pt2": (
        "tools",
        TORCH + "shapes = ({0: torch.export.Dim('batch')},)\n"
        "torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), 'model.pt2')",
    ),
    "model.keras": ("tensorflow", KERAS + "model.save('model.keras')"),
    "model.h5": ("tensorflow", KERAS + "model.save('model.h5')"),
    "model.tflite": (
        "tensorflow",
        KERAS
        + "open('model.tflite', 'wb').write(tf.lite.TFLiteConverter.from_keras_model(model).convert())",
    ),
    "saved_model.pb": (
        "tensorflow",
        KERAS
        + "model.export('DIR', verbose=False); import shutil; shutil.copy('DIR/saved_model.pb', '.')",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_line_for_a_format_is_taken_literally(accepted, tmp_path, name):
    environment, setup = FILES[name]
    if not environments.python_of(environment):
        pytest.skip(
            f"the tools' environment {environment} is not installed: python -m tests.tools.environments"
        )
    script = tmp_path / "write.py"
    script.write_text(HEAD + setup)
    assert environments.run(environment, script, folder=tmp_path) == 0, (
        tmp_path / "log.txt"
    ).read_text()[-2000:]
    with pytest.raises(Refused) as refused:
        packages.inspect(tmp_path / name, name, quarantine=tmp_path / "quarantine")
    assert (
        conversions.format_of(
            name, recognise(tmp_path / name), (tmp_path / name).read_bytes()[:200_000]
        )
        != "binary"
    )
    assert accepted(environment, setup, refused.value.remedy).graph["inputs"][0]["shape"] == [-1, 4]
