"""Bag-of-words text models as ONNX of standard operators.

skl2onnx writes text models with vendor operators (which the package check refuses), so the graph is
built here: split on white space → count known words → weight → scale to unit length → linear → softmax.
Lower-casing needs a system locale in onnxruntime, so each known word is listed in its usual spellings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .listing import Recipe, Sample

TRAILING = ".,;:!?"
OPSET = 20


def tokens(text: str) -> list[str]:
    """Lower-case words without one trailing punctuation mark: the spelling the model knows."""
    return [
        word[:-1] if word[-1] in TRAILING and len(word) > 1 else word
        for word in text.lower().split()
    ]


def fitted(recipe: Recipe, kept: Sample) -> tuple[Any, bytes]:
    """(scikit-learn pipeline, ONNX file) for a text column called `text`."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer=tokens, min_df=3, max_features=800),
        LogisticRegression(max_iter=300, C=4.0),
    )
    model.fit(kept.inputs["text"], kept.target)
    return model, graph(model[0], model[1])


def spellings(word: str) -> list[str]:
    """As typed in lower case, capitalised, in capitals; each also with a trailing mark."""
    cases = dict.fromkeys([word, word.capitalize(), word.upper()])
    return [case + mark for case in cases for mark in ("", *TRAILING)]


def graph(vectoriser: Any, classifier: Any) -> bytes:
    """The pipeline as an ONNX file: text[N] → label[N] (text), probabilities[N, classes]."""
    from onnx import TensorProto, helper, numpy_helper

    vocabulary = sorted(vectoriser.vocabulary_.items())
    pool, places = [], []
    for word, place in vocabulary:
        for spelling in spellings(word):
            pool.append(spelling)
            places.append(int(place))
    constants = [
        numpy_helper.from_array(np.asarray(vectoriser.idf_, np.float32), "idf"),
        numpy_helper.from_array(np.asarray(classifier.coef_.T, np.float32), "weights"),
        numpy_helper.from_array(np.asarray(classifier.intercept_, np.float32), "intercepts"),
        numpy_helper.from_array(np.asarray(1e-9, np.float32), "tiny"),
        numpy_helper.from_array(np.asarray([1], np.int64), "axis"),
        helper.make_tensor(
            "classes",
            TensorProto.STRING,
            [len(classifier.classes_)],
            [c.encode() for c in classifier.classes_],
        ),
    ]
    nodes = [
        helper.make_node("StringSplit", ["text"], ["words", "word_count"]),
        helper.make_node(
            "TfIdfVectorizer",
            ["words"],
            ["counts"],
            mode="TF",
            min_gram_length=1,
            max_gram_length=1,
            max_skip_count=0,
            ngram_counts=[0],
            ngram_indexes=places,
            pool_strings=pool,
        ),
        helper.make_node("Mul", ["counts", "idf"], ["weighted"]),
        helper.make_node("ReduceL2", ["weighted", "axis"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["divisor"]),
        helper.make_node("Div", ["weighted", "divisor"], ["unit"]),
        helper.make_node("MatMul", ["unit", "weights"], ["products"]),
        helper.make_node("Add", ["products", "intercepts"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
        helper.make_node("Gather", ["classes", "best"], ["label"]),
    ]
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    label = helper.make_tensor_value_info("label", TensorProto.STRING, [None])
    shares = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, [None, len(classifier.classes_)]
    )
    body = helper.make_graph(nodes, "bag_of_words", [text], [label, shares], initializer=constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())
