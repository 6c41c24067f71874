"""Files as the field's tools write them, by their defaults: what publishers upload. Runs in the tools' own environment.

    python makers.py FOLDER [NAME …]      # makes FOLDER/<name>/{upload file, inputs.npz, facts.json}; all when no name is given

It imports nothing of the project. `inputs.npz` holds three rows for each input of the graph; `facts.json` says which file is
the upload and which ONNX file inside it ONNX Runtime reads for the comparison.
"""

import json
import os
import sys
import traceback
import warnings
import zipfile
from pathlib import Path

import numpy as np

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "MLFLOW_DISABLE_TELEMETRY": "true"}
warnings.simplefilter("ignore")
MAKERS = {}
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(3, 4)).astype(np.float32)
TABLE = RNG.normal(size=(120, 4)).astype(np.float32)
TWO = (TABLE[:, 0] + TABLE[:, 1] > 0).astype(int)
THREE = np.digitize(TABLE[:, 0], [-0.5, 0.5])
AMOUNT = (TABLE @ np.array([1.0, -2.0, 0.5, 3.0])).astype(np.float32)
WORDS = np.array(["low", "middle", "high"])[THREE]


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


# -- scikit-learn and skl2onnx, with ZipMap and everything else as it comes ----------------------------------------


def sk(folder, fitted, target=None, sample=TABLE, rows=ROWS, **options):
    from skl2onnx import to_onnx

    model = fitted if target is None else fitted.fit(sample, target)
    made = to_onnx(model, sample[:1], **options)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return facts("model.onnx", {made.graph.input[0].name: rows})


@maker("skl2onnx")
def sk_logistic(folder):
    from sklearn.linear_model import LogisticRegression

    return sk(folder, LogisticRegression(), TWO)


@maker("skl2onnx")
def sk_logistic_words(folder):
    from sklearn.linear_model import LogisticRegression

    return sk(folder, LogisticRegression(), WORDS)


@maker("skl2onnx")
def sk_logistic_no_zipmap(folder):
    from sklearn.linear_model import LogisticRegression

    return sk(folder, LogisticRegression(), THREE, options={"zipmap": False})


@maker("skl2onnx")
def sk_zipmap_columns(folder):
    from sklearn.linear_model import LogisticRegression

    return sk(folder, LogisticRegression(), THREE, options={"zipmap": "columns"})


@maker("skl2onnx")
def sk_forest(folder):
    from sklearn.ensemble import RandomForestClassifier

    return sk(folder, RandomForestClassifier(8, random_state=0), THREE)


@maker("skl2onnx")
def sk_forest_regressor(folder):
    from sklearn.ensemble import RandomForestRegressor

    return sk(folder, RandomForestRegressor(8, random_state=0), AMOUNT)


@maker("skl2onnx")
def sk_boosting(folder):
    from sklearn.ensemble import GradientBoostingClassifier

    return sk(folder, GradientBoostingClassifier(n_estimators=8), TWO)


@maker("skl2onnx")
def sk_linear(folder):
    from sklearn.linear_model import LinearRegression

    return sk(folder, LinearRegression(), AMOUNT)


@maker("skl2onnx")
def sk_linear_double(folder):
    from sklearn.linear_model import LinearRegression

    return sk(folder, LinearRegression(), AMOUNT, sample=TABLE.astype(np.float64), rows=ROWS.astype(np.float64))


@maker("skl2onnx")
def sk_svc(folder):
    from sklearn.svm import SVC

    return sk(folder, SVC(), THREE)


@maker("skl2onnx")
def sk_neighbours(folder):
    from sklearn.neighbors import KNeighborsClassifier

    return sk(folder, KNeighborsClassifier(3), TWO)


@maker("skl2onnx")
def sk_mlp(folder):
    from sklearn.neural_network import MLPClassifier

    return sk(folder, MLPClassifier((8,), max_iter=30), THREE)


@maker("skl2onnx")
def sk_bayes(folder):
    from sklearn.naive_bayes import GaussianNB

    return sk(folder, GaussianNB(), THREE)


@maker("skl2onnx")
def sk_kmeans(folder):
    from sklearn.cluster import KMeans

    return sk(folder, KMeans(3, n_init=1, random_state=0), TWO)


@maker("skl2onnx")
def sk_isolation(folder):
    from sklearn.ensemble import IsolationForest

    return sk(folder, IsolationForest(n_estimators=8, random_state=0), TWO, target_opset={"": 18, "ai.onnx.ml": 3})


@maker("skl2onnx")
def sk_pca(folder):
    from sklearn.decomposition import PCA

    return sk(folder, PCA(2), TWO)


@maker("skl2onnx")
def sk_scaled_pipeline(folder):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return sk(folder, make_pipeline(StandardScaler(), LogisticRegression()), TWO)


@maker("skl2onnx")
def sk_old_opset(folder):
    from sklearn.tree import DecisionTreeClassifier

    return sk(folder, DecisionTreeClassifier(max_depth=3), THREE, target_opset={"": 12, "ai.onnx.ml": 1})


@maker("skl2onnx")
def sk_fixed_batch(folder):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression

    made = to_onnx(LogisticRegression().fit(TABLE, TWO), initial_types=[("X", FloatTensorType([1, 4]))])
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return facts("model.onnx", {"X": ROWS}, batch=1)


@maker("skl2onnx")
def sk_columns(folder):
    """A ColumnTransformer over named columns: every column is an input of its own, texts among them."""
    import pandas
    from skl2onnx import to_onnx
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pandas.DataFrame({"income": TABLE[:, 0].astype(np.float32), "age": THREE.astype(np.int64), "region": WORDS})
    split = ColumnTransformer([("n", StandardScaler(), ["income", "age"]), ("c", OneHotEncoder(), ["region"])])
    made = to_onnx(make_pipeline(split, LogisticRegression()).fit(frame, TWO), frame[:1])
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    rows = {name: frame[name][:3].to_numpy().reshape(-1, 1) for name in frame}
    return facts("model.onnx", rows | {"region": rows["region"].astype(str)})


@maker("skl2onnx")
def sk_text(folder):
    """TfidfVectorizer: the Tokenizer and StringNormalizer of texts."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["paid late again", "paid in time", "late fee", "in time and full"] * 5
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0] * 5)
    made = to_onnx(fitted, initial_types=[("text", StringTensorType([None, 1]))])
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return facts("model.onnx", {"text": np.array([["paid late"], ["in time"], ["fee"]])})


# -- boosted trees --------------------------------------------------------------------------------------------------


def through_onnxmltools(folder, fitted, convert):
    from onnxmltools.convert.common.data_types import FloatTensorType

    made = convert(fitted, initial_types=[("input", FloatTensorType([None, 4]))])
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return facts("model.onnx", {"input": ROWS})


def lgb(folder, kind, target):
    import lightgbm
    from onnxmltools import convert_lightgbm

    return through_onnxmltools(folder, getattr(lightgbm, kind)(n_estimators=6, verbose=-1).fit(TABLE, target), convert_lightgbm)


@maker("lightgbm")
def lgb_classifier(folder):
    return lgb(folder, "LGBMClassifier", TWO)


@maker("lightgbm")
def lgb_three_classes(folder):
    return lgb(folder, "LGBMClassifier", THREE)


@maker("lightgbm")
def lgb_regressor(folder):
    return lgb(folder, "LGBMRegressor", AMOUNT)


def xgb(folder, kind, target):
    import xgboost
    from onnxmltools import convert_xgboost

    return through_onnxmltools(folder, getattr(xgboost, kind)(n_estimators=6, max_depth=3).fit(TABLE, target), convert_xgboost)


@maker("xgboost")
def xgb_classifier(folder):
    return xgb(folder, "XGBClassifier", TWO)


@maker("xgboost")
def xgb_three_classes(folder):
    return xgb(folder, "XGBClassifier", THREE)


@maker("xgboost")
def xgb_regressor(folder):
    return xgb(folder, "XGBRegressor", AMOUNT)


def cat(folder, kind, target):
    import catboost

    fitted = getattr(catboost, kind)(iterations=6, depth=3, verbose=0, allow_writing_files=False).fit(TABLE, target)
    fitted.save_model(str(folder / "model.onnx"), format="onnx")
    return facts("model.onnx", {"features": ROWS})


@maker("catboost")
def cat_classifier(folder):
    return cat(folder, "CatBoostClassifier", TWO)


@maker("catboost")
def cat_words(folder):
    return cat(folder, "CatBoostClassifier", WORDS)


@maker("catboost")
def cat_regressor(folder):
    return cat(folder, "CatBoostRegressor", AMOUNT)


# -- PyTorch, both exporters ----------------------------------------------------------------------------------------


def dense():
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3), torch.nn.Softmax(-1)).eval()


def exported(folder, module, rows, dynamo, free=False, **more):
    """torch.onnx.export with one row as the sample, as tutorials do it. rows: name → three rows."""
    import torch

    names = list(rows)
    sample = tuple(torch.from_numpy(array[:1]) for array in rows.values())
    if free and dynamo:  # two rows as the sample: one row is taken for a constant
        sample = tuple(torch.from_numpy(array[:2]) for array in rows.values())
        more["dynamic_shapes"] = tuple({0: torch.export.Dim("batch")} for _ in rows)
    elif free:
        more["dynamic_axes"] = {name: {0: "batch"} for name in names}
    torch.onnx.export(module, sample, str(folder / "model.onnx"), dynamo=dynamo, input_names=names, **more)
    upload, onnx = "model.onnx", "model.onnx"
    if (folder / "model.onnx.data").exists():
        (folder / "model").mkdir()
        for name in ("model.onnx", "model.onnx.data"):
            (folder / name).rename(folder / "model" / name)
        upload, onnx = zipped(folder, folder / "model"), "model/model.onnx"
    return facts(upload, rows, onnx, batch=None if free else 1)


@maker("torch")
def torch_dynamo_default(folder):
    return exported(folder, dense(), {"x": ROWS}, True)


@maker("torch")
def torch_dynamo_one_file(folder):
    return exported(folder, dense(), {"x": ROWS}, True, external_data=False)


@maker("torch")
def torch_dynamo_free(folder):
    return exported(folder, dense(), {"x": ROWS}, True, free=True)


@maker("torch")
def torch_dynamo_saved(folder):
    """torch.onnx.export(…).save(…): the other way to write it."""
    import torch

    program = torch.onnx.export(dense(), (torch.from_numpy(ROWS[:1]),), dynamo=True)
    program.save(str(folder / "model.onnx"))
    return facts("model.onnx", {program.model.graph.inputs[0].name: ROWS}, batch=1)


@maker("torch")
def torch_script_default(folder):
    return exported(folder, dense(), {"x": ROWS}, False)


@maker("torch")
def torch_script_free(folder):
    return exported(folder, dense(), {"x": ROWS}, False, free=True)


def convolution():
    import torch

    torch.manual_seed(1)
    layers = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 5)).eval()


IMAGES = RNG.normal(size=(3, 3, 8, 8)).astype(np.float32)


@maker("torch")
def torch_dynamo_images(folder):
    return exported(folder, convolution(), {"image": IMAGES}, True)


@maker("torch")
def torch_script_images(folder):
    return exported(folder, convolution(), {"image": IMAGES}, False)


def recurrent():
    import torch

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.cells, self.out = torch.nn.LSTM(4, 6, batch_first=True), torch.nn.Linear(6, 2)

        def forward(self, x):
            return self.out(self.cells(x)[0][:, -1])

    return Last().eval()


SERIES = RNG.normal(size=(3, 5, 4)).astype(np.float32)


@maker("torch")
def torch_dynamo_lstm(folder):
    return exported(folder, recurrent(), {"series": SERIES}, True)


@maker("torch")
def torch_script_lstm(folder):
    return exported(folder, recurrent(), {"series": SERIES}, False)


def attentive():
    import torch

    torch.manual_seed(3)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.encoder, self.out = torch.nn.Embedding(50, 8), torch.nn.TransformerEncoder(layer, 1), torch.nn.Linear(8, 2)

        def forward(self, ids):
            return self.out(self.encoder(self.words(ids)).mean(1))

    return Encoder().eval()


IDS = RNG.integers(1, 50, size=(3, 6))


@maker("torch")
def torch_dynamo_transformer(folder):
    return exported(folder, attentive(), {"ids": IDS}, True)


@maker("torch")
def torch_dynamo_transformer_free(folder):
    return exported(folder, attentive(), {"ids": IDS}, True, free=True)


@maker("torch")
def torch_script_transformer(folder):
    return exported(folder, attentive(), {"ids": IDS}, False)


def two_towers():
    import torch

    class Towers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(4)
            self.left, self.right = torch.nn.Linear(4, 6), torch.nn.Linear(2, 6)

        def forward(self, user, item):
            a, b = self.left(user), self.right(item)
            return (a * b).sum(-1), a

    return Towers().eval()


@maker("torch")
def torch_dynamo_two_inputs(folder):
    return exported(folder, two_towers(), {"user": ROWS, "item": ROWS[:, :2].copy()}, True, output_names=["score", "embedding"])


@maker("torch")
def torch_script_two_inputs(folder):
    return exported(folder, two_towers(), {"user": ROWS, "item": ROWS[:, :2].copy()}, False, output_names=["score", "embedding"])


@maker("torch")
def torch_dynamo_half(folder):
    return exported(folder, dense().half(), {"x": ROWS.astype(np.float16)}, True)


@maker("torch")
def torch_script_half(folder):
    return exported(folder, dense().half(), {"x": ROWS.astype(np.float16)}, False, free=True)


@maker("torch")
def torch_dynamo_embedding(folder):
    import torch

    return exported(folder, torch.nn.Linear(64, 8).eval(), {"embedding": RNG.normal(size=(3, 64)).astype(np.float32)}, True, free=True)


@maker("torch")
def torch_dynamo_opset20(folder):
    return exported(folder, dense(), {"x": ROWS}, True, opset_version=20, external_data=False)


@maker("torch")
def torch_script_opset11(folder):
    return exported(folder, convolution(), {"image": IMAGES}, False, opset_version=11)


@maker("torch")
def torch_functions(folder):
    """Modules kept as local functions of the graph."""
    import torch

    module = torch.nn.Sequential(dense(), torch.nn.LayerNorm(3)).eval()
    return exported(folder, module, {"x": ROWS}, False, free=True, export_modules_as_functions=True, opset_version=17)


# -- ONNX Runtime's own tools ---------------------------------------------------------------------------------------


def float_model(folder):
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.LayerNorm(64), torch.nn.Linear(64, 32)).eval()
    rows = RNG.normal(size=(3, 32)).astype(np.float32)
    exported(folder, module, {"x": rows}, False, free=True, opset_version=17)
    (folder / "model.onnx").rename(folder / "float.onnx")
    return rows


@maker("torch")
def ort_quantised_dynamic(folder):
    from onnxruntime.quantization import quantize_dynamic

    rows = float_model(folder)
    quantize_dynamic(folder / "float.onnx", folder / "model.onnx")
    return facts("model.onnx", {"x": rows})


def static(folder, form):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    rows = float_model(folder)

    class Reader(CalibrationDataReader):
        left = iter([{"x": rows}])

        def get_next(self):
            return next(self.left, None)

    quantize_static(folder / "float.onnx", folder / "model.onnx", Reader(), quant_format=getattr(QuantFormat, form))
    return facts("model.onnx", {"x": rows})


@maker("torch")
def ort_quantised_operators(folder):
    return static(folder, "QOperator")


@maker("torch")
def ort_quantised_qdq(folder):
    return static(folder, "QDQ")


@maker("torch")
def ort_four_bits(folder):
    from onnx import load
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    rows = float_model(folder)
    quantizer = MatMulNBitsQuantizer(load(folder / "float.onnx"), block_size=32)
    quantizer.process()
    quantizer.model.save_model_to_file(str(folder / "model.onnx"))
    return facts("model.onnx", {"x": rows})


def optimised(folder, level):
    import onnxruntime

    rows = float_model(folder)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(folder / "model.onnx")
    onnxruntime.InferenceSession(str(folder / "float.onnx"), options, providers=["CPUExecutionProvider"])
    return facts("model.onnx", {"x": rows})


@maker("torch")
def ort_optimised_basic(folder):
    return optimised(folder, "BASIC")


@maker("torch")
def ort_optimised_extended(folder):
    return optimised(folder, "EXTENDED")


@maker("torch")
def ort_half(folder):
    from onnx import load, save
    from onnxruntime.transformers.float16 import convert_float_to_float16

    rows = float_model(folder)
    save(convert_float_to_float16(load(folder / "float.onnx")), folder / "model.onnx")
    return facts("model.onnx", {"x": rows.astype(np.float16)})


@maker("torch")
def ort_fused_transformer(folder):
    from onnxruntime.transformers.optimizer import optimize_model

    exported(folder, attentive(), {"ids": IDS}, False, free=True, opset_version=14)
    (folder / "model.onnx").rename(folder / "float.onnx")
    optimize_model(str(folder / "float.onnx"), "bert", num_heads=2, hidden_size=8).save_model_to_file(str(folder / "model.onnx"))
    return facts("model.onnx", {"ids": IDS})


@maker("torch")
def onnx_external(folder):
    """onnx.save with save_as_external_data and one file for each tensor."""
    from onnx import load, save

    rows = float_model(folder)
    (folder / "model").mkdir()
    save(
        load(folder / "float.onnx"),
        folder / "model" / "model.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    return facts(zipped(folder, folder / "model"), {"x": rows}, "model/model.onnx")


# -- MLflow ---------------------------------------------------------------------------------------------------------


def mlflow_saved(folder, model, rows, onnx="model/model.onnx", **more):
    import mlflow

    mlflow.onnx.save_model(model, str(folder / "model"), pip_requirements=["onnxruntime"], **more)
    return facts(zipped(folder, folder / "model"), rows, onnx)


def sk_onnx(**options):
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    return to_onnx(LogisticRegression().fit(TABLE, TWO), TABLE[:1], **options)


@maker("mlflow")
def mlflow_sklearn(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS})


@maker("mlflow")
def mlflow_signed(folder):
    import pandas
    from mlflow.models import infer_signature

    frame = pandas.DataFrame(ROWS, columns=["income", "age", "debt", "score"])
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS}, signature=infer_signature(frame), input_example=frame)


@maker("mlflow")
def mlflow_tensor_signature(folder):
    from mlflow.models import infer_signature

    return mlflow_saved(folder, sk_onnx(), {"X": ROWS}, signature=infer_signature(ROWS), input_example=ROWS)


@maker("mlflow")
def mlflow_big_weights(folder):
    """Weights above MLflow's threshold lie beside the graph."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(RNG.normal(size=(4, 1024)).astype(np.float32), "W")
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size]) for name, size in (("X", 4), ("Y", 1024))]
    graph = helper.make_graph([helper.make_node("MatMul", ["X", "W"], ["Y"])], "g", sides[:1], sides[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return mlflow_saved(folder, model, {"X": ROWS})


@maker("mlflow")
def mlflow_one_file(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS}, save_as_external_data=False)


@maker("mlflow2")
def mlflow2_sklearn(folder):
    return mlflow_saved(folder, sk_onnx(), {"X": ROWS})


@maker("mlflow2")
def mlflow2_signed(folder):
    return mlflow_signed(folder)


@maker("mlflow2")
def mlflow2_big_weights(folder):
    return mlflow_big_weights(folder)


# -- TensorFlow and Keras -------------------------------------------------------------------------------------------


def keras_dense():
    import keras

    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax", name="y")])
    model(ROWS)  # Keras exports what has been called
    return model


@maker("tf2onnx")
def keras_export(folder):
    """Keras 3: model.export(format="onnx")."""
    model = keras_dense()
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    import onnx

    return facts("model.onnx", {onnx.load(folder / "model.onnx").graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_saved_model(folder):
    """A SavedModel through tf2onnx's command line."""
    import subprocess

    keras_dense().export(str(folder / "saved"), verbose=False)
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(folder / "saved"), "--output", str(folder / "model.onnx")]
    subprocess.run(command, check=True, capture_output=True)
    import onnx

    return facts("model.onnx", {onnx.load(folder / "model.onnx").graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_function(folder):
    import onnx
    import tensorflow as tf
    import tf2onnx

    model = keras_dense()
    made, _ = tf2onnx.convert.from_function(
        tf.function(lambda x: model(x)), input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")], opset=17
    )
    onnx.save(made, folder / "model.onnx")
    return facts("model.onnx", {made.graph.input[0].name: ROWS})


@maker("tf2onnx")
def tf_images(folder):
    import keras
    import onnx

    keras.utils.set_random_seed(6)
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model(IMAGES.transpose(0, 2, 3, 1))
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    name = onnx.load(folder / "model.onnx").graph.input[0].name
    return facts("model.onnx", {name: IMAGES.transpose(0, 2, 3, 1).copy()})


def make(name, folder):
    """Makes one file; its facts stand in facts.json. Raises whatever the tool raises."""
    folder.mkdir(parents=True, exist_ok=True)
    made = MAKERS[name][1](folder)
    np.savez(folder / "inputs.npz", **made.pop("inputs"))
    (folder / "facts.json").write_text(json.dumps(made))


def main(target, *names):
    for name in names or MAKERS:
        try:
            make(name, Path(target) / name)
        except Exception:  # the test says which tool failed and why
            (Path(target) / name / "failed.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main(*sys.argv[1:])
