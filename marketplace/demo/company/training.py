"""Trains the demo models: recipe → scikit-learn → ONNX → package facts, measured on a hold-out.

Costs 0.1–1.5 s per model on one core. Results are cached under a directory named by a hash of the
code, so a second start reads files. Every number here is measured, never written by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .listing import Estimator, Recipe, Sample

OPSET = 18
HOLD_OUT_ROWS = 4000


@dataclass(frozen=True)
class Trained:
    """A trained version: the ONNX file and the facts that go on its card."""

    onnx: bytes
    signature: dict[str, Any]
    example: dict[str, Any]
    facts: dict[str, Any]

    @property
    def seconds(self) -> float:
        return float(self.facts["training_seconds"])


def learner(estimator: Estimator, recipe: Recipe) -> Any:
    """A fresh scikit-learn estimator; classifier or regressor by the recipe's task."""
    from sklearn import ensemble, linear_model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = recipe.task == "regression"
    if estimator.kind == "boosting":
        make = (
            ensemble.GradientBoostingRegressor
            if regression
            else ensemble.GradientBoostingClassifier
        )
        return make(
            n_estimators=estimator.trees, max_depth=estimator.depth, subsample=0.7, random_state=0
        )
    if estimator.kind == "forest":
        make = ensemble.RandomForestRegressor if regression else ensemble.RandomForestClassifier
        return make(
            n_estimators=estimator.trees,
            max_depth=estimator.depth,
            min_samples_leaf=10,
            random_state=0,
        )
    line = (
        linear_model.Ridge(alpha=1.0)
        if regression
        else linear_model.LogisticRegression(max_iter=500)
    )
    return make_pipeline(StandardScaler(), line)


def matrix(recipe: Recipe, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Rows × columns in the recipe's order: float32, or object when a column is text."""
    if not has_text(recipe):
        return np.column_stack([inputs[c.name].astype(np.float32) for c in recipe.columns])
    rows = np.empty((len(next(iter(inputs.values()))), len(recipe.columns)), dtype=object)
    for position, column in enumerate(recipe.columns):
        values = inputs[column.name]
        rows[:, position] = values if column.datatype == "BYTES" else values.astype(np.float32)
    return rows


def has_text(recipe: Recipe) -> bool:
    return any(column.datatype == "BYTES" for column in recipe.columns)


def fitted(recipe: Recipe, rows: np.ndarray, target: np.ndarray) -> Any:
    """The learner fitted on `rows`; text columns become one-hot columns in front of it."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    model = learner(recipe.estimator, recipe)
    if has_text(recipe):
        texts = [i for i, c in enumerate(recipe.columns) if c.datatype == "BYTES"]
        numbers = [i for i in range(len(recipe.columns)) if i not in texts]
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        model = make_pipeline(
            ColumnTransformer(
                [("numbers", "passthrough", numbers), ("categories", one_hot, texts)]
            ),
            model,
        )
    return model.fit(rows, target)


def to_onnx(recipe: Recipe, model: Any) -> bytes:
    """The fitted model as an ONNX file of standard operators only.

    Without text columns the graph has one input X[None, k]; with them one input per column.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if has_text(recipe):
        kinds = {"BYTES": StringTensorType}
        types = [
            (c.name, kinds.get(c.datatype, FloatTensorType)([None, 1])) for c in recipe.columns
        ]
    else:
        types = [("X", FloatTensorType([None, len(recipe.columns)]))]
    options = None if recipe.task == "regression" else {"zipmap": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = convert_sklearn(model, initial_types=types, options=options, target_opset=OPSET)
    widen_outputs(proto, recipe)
    return bytes(proto.SerializeToString())


def widen_outputs(proto: Any, recipe: Recipe) -> None:
    """skl2onnx declares one column for a regression of several targets; say how many there are."""
    width = sum(1 for output in recipe.outputs if output.tensor == "variable")
    for output in proto.graph.output:
        if output.name == "variable" and width > 1:
            output.type.tensor_type.shape.dim[1].dim_value = width


def feeds(recipe: Recipe, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What onnxruntime is fed for these rows."""
    if recipe.estimator.kind == "words":
        return {"text": inputs["text"].astype(object)}
    if not has_text(recipe):
        return {"X": matrix(recipe, inputs)}
    return {c.name: graph_column(c.datatype, inputs[c.name]) for c in recipe.columns}


def graph_column(datatype: str, values: np.ndarray) -> np.ndarray:
    return values.astype(object if datatype == "BYTES" else np.float32).reshape(-1, 1)


def run_onnx(
    content: bytes, recipe: Recipe, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Graph outputs by tensor name for these rows, from onnxruntime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds(recipe, inputs)), strict=True))


def train(recipe: Recipe) -> Trained:
    """Generate data, fit, convert, measure on rows the fit did not see."""
    from . import signatures, words
    from .measures import facts

    started = time.perf_counter()
    kept = recipe.sample(np.random.default_rng(recipe.seed), recipe.rows)
    held = recipe.sample(np.random.default_rng(recipe.seed + 1), HOLD_OUT_ROWS)
    fit = words.fitted if recipe.estimator.kind == "words" else fit_tabular
    model, content = fit(recipe, kept)
    difference = disagreement(recipe, model, content, held)
    answers = run_onnx(content, recipe, held.inputs)
    measured = facts(recipe, kept, held, answers)
    measured["onnx_max_difference"] = difference
    measured["onnx_bytes"] = len(content)
    measured["training_seconds"] = round(time.perf_counter() - started, 3)
    return Trained(
        content, signatures.signature(recipe, kept), signatures.example(recipe, held), measured
    )


def fit_tabular(recipe: Recipe, kept: Sample) -> tuple[Any, bytes]:
    model = fitted(recipe, matrix(recipe, kept.inputs), kept.target)
    return model, to_onnx(recipe, model)


def part(sample: Sample, rows: slice) -> Sample:
    return Sample(
        {name: values[rows] for name, values in sample.inputs.items()},
        sample.target[rows],
        {name: values[rows] for name, values in sample.groups.items()},
    )


def disagreement(recipe: Recipe, model: Any, content: bytes, held: Sample) -> float:
    """Largest relative difference between onnxruntime and scikit-learn on 300 hold-out rows."""
    rows = part(held, slice(0, 300))
    answers = run_onnx(content, recipe, rows.inputs)
    data = rows.inputs["text"] if recipe.estimator.kind == "words" else matrix(recipe, rows.inputs)
    if recipe.task == "regression":
        expected = np.asarray(model.predict(data), dtype=float).reshape(len(data), -1)
        scale = np.maximum(np.abs(expected), np.abs(expected).mean(axis=0))
        return float(np.max(np.abs(answers["variable"].reshape(expected.shape) - expected) / scale))
    return float(np.max(np.abs(answers["probabilities"] - model.predict_proba(data))))


def code_hash() -> str:
    """Changes when anything that training reads changes; names the cache directory."""
    here = Path(__file__).parent
    files = [
        here / f"{name}.py" for name in ("training", "listing", "signatures", "measures", "words")
    ]
    files += sorted((here / "models").glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def cached(recipe: Recipe, key: str, directory: Path) -> Trained:
    """The trained version from `directory`, trained and written there first if it is missing."""
    onnx_path, facts_path = directory / f"{key}.onnx", directory / f"{key}.json"
    if onnx_path.exists() and facts_path.exists():
        return Trained(onnx=onnx_path.read_bytes(), **json.loads(facts_path.read_text()))
    result = train(recipe)
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(onnx_path, result.onnx)
    rest = {name: value for name, value in asdict(result).items() if name != "onnx"}
    write_whole(facts_path, json.dumps(rest, ensure_ascii=False, indent=1).encode())
    return result


def write_whole(path: Path, content: bytes) -> None:
    """Rename into place, so that a killed start never leaves half a file."""
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
