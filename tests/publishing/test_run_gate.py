"""Issue 9, line 17: nothing is submitted that has not run. The graphs are real ones, and so is the child that runs them."""

import json
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from django.urls import reverse
from onnx import TensorProto, helper, numpy_helper

from governance import actions as governance
from hosting.model_server.examples import example_from_signature
from marketplace.core.errors import RuleError
from marketplace.launcher.rundir import ROOT
from publishing import actions, trials
from publishing.contract import Contract
from publishing.packages import Refused, limits
from tests import endpoints, factories, tried_once
from tests.hosting import packages
from tests.publishing.test_one_judge import described

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_inspected_once(monkeypatch):
    tried_once.remember(monkeypatch, "gates_child")


FLOAT, TEXT = TensorProto.FLOAT, TensorProto.STRING


def graph(nodes, shape=("N",), result=None, *, elements=FLOAT, opset=17, **constants):
    """ONNX bytes of nodes from x to y."""
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    x = helper.make_tensor_value_info("x", elements, list(shape))
    y = helper.make_tensor_value_info("y", elements, list(result or shape))
    made = helper.make_graph(nodes, "made", [x], [y], tensors)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
    ).SerializeToString()


def same(opset=17):
    return graph([helper.make_node("Identity", ["x"], ["y"])], opset=opset)


def convolution():
    """3 × 3 over images of any size: those of 2 × 2 do not fit."""
    node = helper.make_node("Conv", ["x", "kernel"], ["y"])
    return graph(
        [node], ("N", 1, "H", "W"), ("N", 1, "H2", "W2"), kernel=np.ones((1, 1, 3, 3), np.float32)
    )


def lower_case(**locale):
    node = helper.make_node(
        "StringNormalizer", ["x"], ["y"], case_change_action="LOWER", is_case_sensitive=0, **locale
    )
    return graph([node], elements=TEXT)


def over_the_batch():
    return graph([helper.make_node("Softmax", ["x"], ["y"], axis=0)])


@pytest.fixture
def draft(tmp_path):
    """content → a draft with everything but a trial; its signature is the one that was read from the package."""

    def draft(content, **interface):
        version = factories.draft_version()
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        actions.upload(factories.alice(), version, path, "model.onnx")
        version.refresh_from_db()
        if interface:
            actions.describe_interface(
                factories.alice(),
                version,
                interface.get("signature", version.signature),
                interface["example"],
            )
        factories.explain(version)
        return version

    return draft


def tried(version):
    actions.try_out(version)
    return trials.latest(version)


# --- what runs ---------------------------------------------------------------------------------------------------------


def test_what_answers_is_submitted_with_figures_as_evidence(draft):
    version = factories.checked(actions.submit(factories.alice(), draft(same())))
    assert version.state == "in_review"
    [evidence] = [gate for gate in governance.current_gates(version) if gate.gate == "run"]
    assert (evidence.verdict, evidence.severity) == ("pass", "block")
    assert (
        evidence.metrics["rows"] == [1, 3]
        and evidence.metrics["output"] == {"y": [1.0]}
        and evidence.metrics["memory_mb"] > 10
    )
    assert (
        "answered 1 row in" in evidence.summary
        and "row by row the same" in evidence.summary
        and evidence.duration_ms > 0
    )


@pytest.mark.parametrize("locale", [{}, {"locale": "en_US"}, {"locale": "de_DE.UTF-8"}])
def test_the_locale_ships(draft, locale):
    example = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["ÄÖÜ Straße"]}]}
    result = tried(draft(lower_case(**locale), example=example))
    assert result.verdict == "pass", result.summary
    assert result.metrics["output"] == {"y": ["äöü straße"]}


def test_a_locale_with_case_rules_of_its_own_is_not_stood_in_for(draft):
    """Dotted and dotless i: the upload is refused, in the same words."""
    with pytest.raises(Refused, match="needs the locale tr_TR.UTF-8") as refusal:
        draft(lower_case(locale="tr_TR.UTF-8"))
    assert "Let it use en_US" in refusal.value.sentence


def test_a_row_too_large_to_show_is_tried_without_an_example(draft):
    mean = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3], keepdims=0)
    version = draft(graph([mean], ("N", 3, 500, 500), ("N",)))
    assert version.example == {}
    assert actions.submit(factories.alice(), version).state == "submitted"


# --- what does not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says", "remedy"),
    [
        (convolution, "Invalid input shape: {2,2}", "With x [1, 1, 3, 3] it runs"),
        (over_the_batch, "Rows of one call change each other's answers", "model.eval()"),
        (
            lambda: graph([helper.make_node("RandomNormalLike", ["x"], ["y"])]),
            "answers the same call twice and differs",
            "fixed seed",
        ),
        (
            lambda: graph([helper.make_node("ReduceSum", ["x"], ["y"], keepdims=1)]),
            "Asked for 3 rows, the output y has 1 rows",
            "model.eval()",
        ),
    ],
    ids=["convolution", "softmax over the batch", "random", "sum over the batch"],
)
def test_what_does_not_answer_is_not_submitted_and_says_why(draft, content, says, remedy):
    version = draft(content())
    with pytest.raises(RuleError) as refusal:
        actions.submit(factories.alice(), version)
    assert says in refusal.value.message and remedy in refusal.value.message
    version.refresh_from_db()
    assert version.state == "draft" and version.is_editable, "it can still be mended"
    assert trials.latest(version).verdict == "fail"


def test_an_answer_that_is_not_what_the_signature_promises_is_told_with_what_it_is(draft):
    version = draft(same())
    promised = json.loads(json.dumps(version.signature))
    promised["outputs"][0]["shape"] = [-1, 5]
    actions.describe_interface(factories.alice(), version, promised, version.example)
    assert (
        tried(version).summary
        == "The output y has the shape [-1]; the signature says [-1, 5]. Declare it [-1]."
    )


def test_an_opset_newer_than_the_engines_is_told_with_the_one_to_use(tmp_path):
    """As the child says it: this onnx may not know the opset that this ONNX Runtime does not serve."""
    found = run(same(opset=99), {"x": "FP32"})
    assert "exported with opset 99 of ai.onnx" in found["problem"]
    assert "Export it again with opset" in found["problem"]
    assert "ValidateOpsetForDomain" in found["said"], "its own words are there too, whole"
    assert "ValidateOpsetForDomain" not in found["problem"]


def run(content, types, example=None, memory_mb=512):
    """A trial without a version: what the child answers."""
    import hashlib
    import io

    from publishing.packages import running

    def fields(names):
        return [
            {"name": name, "datatype": datatype, "shape": [-1], "required": True}
            for name, datatype in names.items()
        ]

    signature = {
        "inputs": fields(types),
        "outputs": fields({"y" if "x" in types else "score": "FP32"}),
    }
    made = example_from_signature(signature) if example is None else example
    return running.try_out(
        io.BytesIO(content), hashlib.sha256(content).hexdigest(), signature, made, memory_mb
    )


@pytest.mark.slow
def test_the_child_ends_what_takes_for_ever_or_too_much(monkeypatch):
    monkeypatch.setattr(limits, "RUN_SECONDS", 4)
    found = run(
        packages.looping(), {"income": "FP32", "debt": "FP32"}, packages.plain_request(1e12)
    )
    assert "did not answer its example within 4 seconds" in found["problem"]
    monkeypatch.setattr(limits, "RUN_SECONDS", 60)
    found = run(packages.hungry(), {"income": "FP32", "debt": "FP32"}, packages.plain_request(1e9))
    assert "Out of memory" in found["problem"] and "declares 512 MB" in found["problem"]


def test_the_child_loads_nothing_of_the_marketplace():
    program = "import sys, publishing.packages.run_child; from hosting.model_server import session, trial; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"marketplace", "django", "celery"} & set(loaded)


def test_the_portal_loads_no_runtime_to_ask_for_a_trial():
    program = "import django; django.setup(); import sys, publishing.views, publishing.tasks; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "onnxruntime" not in loaded


# --- numbers in a file ---


@pytest.mark.parametrize("shape", [("N", 30_000_000), ("N", 2**40), ("N", 3000, 3000, 3)])
def test_nothing_in_the_portal_is_as_large_as_a_number_in_a_file(tmp_path, shape):
    """Issue 8, line 3: 76 bytes of ONNX took 600 MB, or were a 500."""
    version = factories.draft_version()
    path = tmp_path / "model.onnx"
    path.write_bytes(graph([helper.make_node("Identity", ["x"], ["y"])], shape))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="a call carries at most"):
            actions.upload(factories.alice(), version, path, "model.onnx")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [[-1, 2**40], [-1, 8_000_000, 100]])
def test_no_document_is_as_large_as_a_number_in_a_signature(shape):
    signature = {
        "inputs": [described("x", "FP32")],
        "outputs": [described("y", "FP32") | {"shape": shape}],
    }
    contract = Contract(
        gateway_url="http://gateway",
        model="m",
        name="M",
        number="1.0.0",
        signature=signature,
        example=example_from_signature(signature),
    )
    assert len(json.dumps(contract.openapi())) < 50_000


# --- when it is tried --------------------------------------------------------------------------------------------------


def test_an_upload_is_tried_in_the_background_and_the_page_shows_it(draft, client, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "publishing.actions.uploads.enqueue", lambda name, *args, **when: sent.append((name, *args))
    )
    version = draft(convolution())
    assert ("publishing.try_out", version.pk) in sent
    client.force_login(factories.alice())
    page = reverse("publishing:interface", args=[version.model.slug, version.number])
    waiting = client.get(page).content.decode()
    assert "Being tried" in waiting and 'hx-trigger="every 3s"' in waiting
    actions.try_out(version)
    shown = client.get(page)
    assert (
        "Invalid input shape" in shown.content.decode()
        and 'hx-trigger="every 3s"' not in shown.content.decode()
    )
    assert [item.step for item in shown.context["missing"]] == ["run"]
    submit = client.get(reverse("publishing:submit", args=[version.model.slug, version.number]))
    [entry] = [
        item for item in submit.context["checklist"] if "answers its own example" in item.label
    ]
    assert entry.ok is False and entry.url == page


def test_a_trial_holds_for_what_was_tried_and_words_do_not_matter(draft):
    version = draft(same())
    assert actions.try_out(version) and not actions.try_out(version)
    worded = json.loads(json.dumps(version.signature))
    worded["inputs"][0] |= {"description": "What the applicant says", "unit": "USD"}
    actions.describe_interface(factories.alice(), version, worded, version.example)
    assert trials.latest(version), "what people write about a field is not run"
    worded["inputs"][0] |= {"minimum": 0.5}
    actions.describe_interface(factories.alice(), version, worded, version.example)
    assert trials.latest(version) is None


def test_another_person_does_not_try(client):
    version = factories.draft_version()
    client.force_login(factories.charlie())
    assert (
        client.post(
            reverse("publishing:try_again", args=[version.model.slug, version.number])
        ).status_code
        == 404
    )


def test_submitted_before_there_was_a_gate_is_tried_by_the_sweep(draft):
    version = actions.submit(factories.alice(), draft(same()))
    type(version).objects.filter(pk=version.pk).update(manifest_sha256="0" * 64)
    assert actions.try_what_waits() == 1 and actions.try_what_waits() == 0


# --- external endpoints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": 500}, "answered its own example"),
        ({"answer": b"<html>"}, "not JSON with a list of outputs"),
        (
            {
                "answer": b'{"outputs": [{"name": "other", "datatype": "FP32", "shape": [1], "data": [1]}]}'
            },
            "lacks the output score",
        ),
        (
            {
                "answer": b'{"outputs": [{"name": "score", "datatype": "FP64", "shape": [1], "data": [1]}]}'
            },
            "the signature says FP32",
        ),
        (
            {
                "answer": b'{"outputs": [{"name": "score", "datatype": "FP32", "shape": [1], "data": [1]}]}'
            },
            "3 row(s) were asked",
        ),
    ],
)
def test_an_endpoint_is_asked_by_the_way_of_the_gateway_before_submission(
    monkeypatch, change, says
):
    version = factories.draft_version()
    monkeypatch.setattr(endpoints.Answering, "getresponse", lambda self: answer_of(self, **change))
    with pytest.raises(RuleError, match="not ready to submit") as refusal:
        actions.submit(factories.alice(), version)
    assert says in refusal.value.message


def answer_of(connection, status=200, answer=None):
    return SimpleNamespace(
        status=status, read=lambda most=None: answer if answer is not None else connection.read()
    )


def test_an_endpoint_that_was_repaired_is_asked_again(monkeypatch):
    version = factories.draft_version()
    with monkeypatch.context() as broken:
        broken.setattr(endpoints.Answering, "getresponse", lambda self: answer_of(self, status=503))
        with pytest.raises(RuleError, match="503"):
            actions.submit(factories.alice(), version)
    assert actions.submit(factories.alice(), version).state == "submitted"


def test_an_endpoint_that_asks_for_its_credential_is_told_and_not_stopped(monkeypatch):
    """Its credential is entered when it is approved; nothing is public before it answered."""
    version = factories.draft_version()
    monkeypatch.setattr(
        endpoints.Answering, "getresponse", lambda self: answer_of(self, status=401)
    )
    version = governance.check(actions.submit(factories.alice(), version))
    [evidence] = [gate for gate in governance.current_gates(version) if gate.gate == "run"]
    assert (
        version.state == "in_review" and evidence.verdict == "inconclusive" and not evidence.blocks
    )


def test_rows_of_an_example_are_its_first_ones_from_the_beginning_again():
    signature = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "shape": [-1]}],
    }
    example = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}]
    }
    made = trials.rows_of(signature, example, 3)
    assert made["inputs"][0] == {
        "name": "x",
        "datatype": "FP32",
        "shape": [3, 2],
        "data": [1, 2, 3, 4, 1, 2],
    }
