"""Behaviour of real versions: on a benchmark by the evaluation's run, else on made-up rows. Issue 11, items 7 and 9."""

import numpy as np
import onnx
import pytest
from django.test import Client
from django.urls import reverse
from onnx import numpy_helper

from catalog.models import ModelVersion
from governance import evaluation_runs
from governance.actions import current_gates
from marketplace.audit.models import AuditEvent
from publishing import actions, behaviour, evaluation, execution_gates
from tests import factories, tried_once
from tests.api.calls import Api
from tests.tiers import only

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


def scaled(factor):
    """The tiny graph with its answer multiplied."""
    graph = onnx.load_from_string(factories.tiny_onnx())
    graph.graph.node[0].output[0] = "plain"
    weight = numpy_helper.from_array(np.array([factor], dtype=np.float32), "factor")
    graph.graph.initializer.append(weight)
    graph.graph.node.append(onnx.helper.make_node("Mul", ["plain", "factor"], ["score"]))
    return graph.SerializeToString()


@pytest.fixture
def hosted(tmp_path):
    """(content, number) → a version of one model, in review."""
    entry = factories.model()

    def hosted(content, number, tier="medium"):
        draft = factories.draft_version(entry, number, tier=tier)
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        actions.upload(factories.alice(), draft, path, path.name)
        draft = ModelVersion.objects.get(pk=draft.pk)
        actions.describe_interface(
            factories.alice(), draft, factories.signature(), factories.example()
        )
        draft.refresh_from_db()
        return factories.checked(actions.submit(factories.alice(), draft))

    return hosted


@pytest.fixture
def in_use(hosted):
    version = hosted(factories.tiny_onnx(), "1.0.0")
    factories.decide_all(version)
    return version


def result(version):
    return {one.gate: one for one in current_gates(version)}.get("behaviour")


def rows(count=400):
    random = np.random.default_rng(7)
    income, debt = random.uniform(2000, 9000, count), random.uniform(0, 900, count)
    region = np.where(np.arange(count) % 2, "north", "south")
    lines = [
        f"{one:.2f},{two:.2f},{one - two:.2f},{place}"
        for one, two, place in zip(income, debt, region, strict=True)
    ]
    return "\n".join(["income,debt,paid,region", *lines]) + "\n"


def test_the_first_version_follows_none(in_use):
    assert result(in_use).verdict == "not_applicable"


def test_a_patch_answers_made_up_rows_alike(in_use, hosted):
    same = hosted(scaled(1.0), "1.0.1")
    assert result(same).verdict == "pass" and "200 made-up rows" in result(same).summary
    assert same.state == "in_review"
    other = hosted(scaled(1.1), "1.0.2")
    assert result(other).blocks and "needs at least a minor version" in result(other).summary
    assert other.state == "changes_requested"


@pytest.mark.slow
def test_no_limit_is_applied_to_made_up_rows(in_use, hosted):
    minor = hosted(scaled(1.1), "1.1.0")
    assert (result(minor).verdict, result(minor).severity) == ("inconclusive", "info")
    figures = result(minor).metrics["outputs"][0]
    assert figures["rows_that_differ"] == pytest.approx(1, abs=0.05)
    assert figures["largest_difference"] == pytest.approx(0.1, abs=0.01)
    assert result(hosted(scaled(3.0), "2.0.0")).verdict == "pass"


def test_made_up_rows_lie_inside_what_both_take(in_use):
    narrow = factories.signature()
    narrow["inputs"][0] |= {"minimum": 10.0, "maximum": 20.0}
    narrow["inputs"][1] |= {"maximum": -5.0}
    request = behaviour.made_up(factories.signature(), narrow)
    income, debt = (tensor["data"] for tensor in request["inputs"])
    assert min(income) >= 10 and max(income) <= 20 and max(debt) <= -5
    assert request == behaviour.made_up(factories.signature(), narrow)


def test_the_independent_run_compares_on_the_benchmark(in_use, hosted):
    data = factories.benchmark(rows(), capability=in_use.model.capability, groups=["region"])
    minor = hosted(scaled(1.1), "1.1.0")
    assert result(minor) is None, "compared by the run, not on made-up rows"
    run = evaluation_runs.request(factories.evan(), minor)
    evaluation.run(run.pk)
    found = result(minor)
    assert (found.verdict, found.metrics["on"]) == ("fail", f"rows of {data.name}")
    assert found.blocks and "0.1 (limit 0.02)" in found.summary
    assert {one["name"] for one in found.metrics["slices"]} == {"region: north", "region: south"}
    review = Client()
    review.force_login(factories.evan())
    page = review.get(reverse("governance:review", args=[minor.reviews.get(kind="evaluation").pk]))
    shown = page.content.decode()
    assert "How it answers unlike 1.0.0" in shown and "region: north" in shown


def test_it_is_compared_again_when_the_checks_run_again(in_use, hosted):
    minor = hosted(scaled(1.1), "1.1.0")
    before = result(minor).pk
    execution_gates.run(execution_gates.request(factories.rita(), minor).pk)
    assert result(minor).pk > before


@pytest.mark.parametrize("by_api", only((False, True), True))
def test_an_evaluator_records_that_it_is_a_correction(in_use, hosted, by_api):
    factories.benchmark(rows(), capability=in_use.model.capability, groups=["region"])
    minor = hosted(scaled(1.1), "1.1.0")
    run = evaluation_runs.request(factories.evan(), minor)
    evaluation.run(run.pk)
    address = reverse("governance:correct", args=[minor.model.slug, minor.number])
    page = Client()
    page.force_login(factories.alice())
    assert page.get(address).status_code == 403
    page.force_login(factories.evan())
    short = page.post(address, {"reason": "Fine."})
    assert short.status_code == 422 and "Fine." in short.content.decode()
    reason = "Amounts of 1.0.0 were ten percent too low; measured on paid amounts."
    if by_api:
        resource, body = f"versions/{minor.pk}/correction/", {"reason": reason}
        Api(factories.alice()).post(resource, body, expect=403)
        assert Api(factories.evan()).post(resource, body, expect=201)["verdict"] == "pass"
        Api(factories.evan()).post(resource, body, expect=409)
    else:
        assert page.post(address, {"reason": reason}).status_code == 302
    found = result(minor)
    assert found.verdict == "pass" and reason in found.summary
    assert found.metrics["outside"], "the figures stay"
    assert AuditEvent.objects.get(action="behaviour.correct").reason == reason
    again = page.post(address, {"reason": reason})
    assert again.status_code == 422 and "nothing to record" in again.content.decode()
