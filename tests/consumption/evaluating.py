"""Builders for batch evaluations: live versions whose graphs really answer, files, and steps as the workers take them."""

import hashlib

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from onnx import TensorProto, helper

from catalog.models import Artifact, ModelVersion
from consumption import actions
from consumption.evaluations.files import Files  # noqa: F401 - for tests
from consumption.evaluations.mapping import Mapping
from consumption.models import BatchEvaluation
from marketplace.core.errors import Invalid  # noqa: F401 - for tests
from publishing.batch import work
from publishing.packages.inspection import PackageFile
from publishing.storage import store
from tests import factories

MAPPING = {"inputs": {"income": "income", "debt": "debt"}, "label": "paid"}


def graph(node="Sub", sigmoid=False):
    """score = income - debt (or what `node` makes of them), on request as a probability."""

    def tensor(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None])

    inside = "raw" if sigmoid else "score"
    nodes = [helper.make_node(node, ["income", "debt"], [inside])]
    if sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["raw"], ["score"]))
    made = helper.make_graph(nodes, "t", [tensor("income"), tensor("debt")], [tensor("score")])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def answering(version, folder, content=None, signature=None):
    """Give a published version (an external endpoint) a stored graph in its place."""
    content = content or factories.tiny_onnx()
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / f"{sha256}.onnx"
    path.write_bytes(content)
    store(PackageFile("tiny.onnx", sha256, len(content), path))
    Artifact.objects.create(
        version=version,
        name="tiny.onnx",
        size=len(content),
        sha256=sha256,
        uploaded_by=version.created_by,
    )
    facts = {"kind": "onnx", "manifest": version.manifest | {"entry": "tiny.onnx"}}
    if signature:
        facts["signature"] = signature
    ModelVersion.objects.filter(pk=version.pk).update(**facts)
    version.refresh_from_db()
    return version


def live(folder, name="Income verification", number="1.0.0", **facts):
    """A live version that answers income - debt."""
    return answering(
        factories.published_version(factories.model(name=name), number), folder, **facts
    )


def amounts(count=400, noise=50.0, seed=5):
    """CSV: income, debt, paid = income - debt with noise, and a group."""
    random = np.random.default_rng(seed)
    income, debt = random.uniform(2000, 9000, count), random.uniform(0, 900, count)
    paid = income - debt + random.normal(0, noise, count)
    lines = [
        f"{a:.2f},{b:.2f},{c:.2f},{'salaried' if at % 3 else 'self-employed'}"
        for at, (a, b, c) in enumerate(zip(income, debt, paid, strict=True))
    ]
    return "\n".join(["income,debt,paid,employment", *lines]) + "\n"


def uploaded(content, versions, *, by=None, team=None, name="rows.csv", **facts):
    content = content.encode() if isinstance(content, str) else content
    facts = {"name": "October applications", "data_class": "internal", "keep_days": 7} | facts
    return actions.create_evaluation(
        by or factories.maya(),
        team=team or factories.mortgage(),
        versions=list(versions),
        file=SimpleUploadedFile(name, content),
        **facts,
    )


def again(evaluation):
    return BatchEvaluation.objects.get(pk=evaluation.pk)


def read(evaluation):
    work.read(evaluation.pk)
    return again(evaluation)


def checked(evaluation, mapping=None, by=None, **choices):
    mapping = Mapping(**(mapping or MAPPING))
    actions.map_columns(by or factories.maya(), evaluation, mapping, **choices)
    work.check(evaluation.pk)
    return again(evaluation)


def ran(evaluation, by=None):
    actions.start_evaluation(by or factories.maya(), evaluation)
    work.run(evaluation.pk)
    while again(evaluation).state == "running":  # a turn has ended
        work.run(evaluation.pk)
    return again(evaluation)


def evaluated(content, versions, mapping=None, **facts):
    """Through all steps. Returns the evaluation as it ended."""
    return ran(checked(read(uploaded(content, versions, **facts)), mapping))
