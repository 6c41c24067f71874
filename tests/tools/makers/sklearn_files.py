"""Scikit-learn and skl2onnx, with ZipMap and everything else as it comes."""

import numpy as np
from registry import AMOUNT, ROWS, TABLE, THREE, TWO, WORDS, facts, maker


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

    return sk(
        folder,
        LinearRegression(),
        AMOUNT,
        sample=TABLE.astype(np.float64),
        rows=ROWS.astype(np.float64),
    )


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

    return sk(
        folder,
        IsolationForest(n_estimators=8, random_state=0),
        TWO,
        target_opset={"": 18, "ai.onnx.ml": 3},
    )


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

    return sk(
        folder, DecisionTreeClassifier(max_depth=3), THREE, target_opset={"": 12, "ai.onnx.ml": 1}
    )


@maker("skl2onnx")
def sk_fixed_batch(folder):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression

    made = to_onnx(
        LogisticRegression().fit(TABLE, TWO), initial_types=[("X", FloatTensorType([1, 4]))]
    )
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

    frame = pandas.DataFrame(
        {"income": TABLE[:, 0].astype(np.float32), "age": THREE.astype(np.int64), "region": WORDS}
    )
    split = ColumnTransformer(
        [("n", StandardScaler(), ["income", "age"]), ("c", OneHotEncoder(), ["region"])]
    )
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
