"""Issue 11, line 6 and "done when" 4: gates that run the version. The graphs are real, and so is the child that runs them."""

import hashlib
import io
import os
import signal
import threading
import time
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from onnx import TensorProto, helper

from catalog.models import ModelVersion
from governance import gates
from governance.actions import current_gates
from governance.models import GateResult
from hosting.model_server import checks
from marketplace.accounts.models import User
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions, execution_gates
from publishing.models import GateRun
from publishing.packages import limits, running
from tests import factories, tried_once
from tests.hosting import packages

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_inspected_once(monkeypatch):
    tried_once.remember(monkeypatch, "run_child")


FLOAT = TensorProto.FLOAT


def graph(*nodes, **constants):
    """ONNX bytes: income, debt → score, by these nodes."""
    return packages._plain("made", list(nodes), **constants)


def random():
    return graph(
        helper.make_node("RandomNormalLike", ["income"], ["drawn"]),
        helper.make_node("Add", ["income", "drawn"], ["noisy"]),
        helper.make_node("Add", ["noisy", "nothing"], ["score"]),
    )


def over_the_batch():
    """Divided by the mean of the batch, as a normalisation that was left in training mode."""
    return graph(
        helper.make_node("ReduceMean", ["income"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Div", ["income", "mean"], ["scaled"]),
        helper.make_node("Add", ["scaled", "nothing"], ["score"]),
    )


def failing_at(limit):
    """Looks income / limit up in a table of one: at the limit, the place does not exist."""
    return graph(
        helper.make_node("Div", ["income", "limit"], ["share"]),
        helper.make_node("Cast", ["share"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["looked_up"]),
        helper.make_node("Add", ["looked_up", "income"], ["sum"]),
        helper.make_node("Add", ["sum", "nothing"], ["score"]),
        limit=np.array([limit], np.float32),
        table=np.zeros(1, np.float32),
    )


def root():
    """Of income: not a number below zero."""
    return graph(
        helper.make_node("Sqrt", ["income"], ["rooted"]),
        helper.make_node("Add", ["rooted", "nothing"], ["score"]),
    )


def hanging():
    """Income - debt, after a loop of as many turns as the largest income: 1e12 never ends."""
    loop = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["turns"], ["same"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("turns", FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("same", FLOAT, [1]),
        ],
    )
    return graph(
        helper.make_node("ReduceMax", ["income"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["times"], to=TensorProto.INT64),
        helper.make_node("Loop", ["times", "", "zero"], ["counted"], body=loop),
        helper.make_node("Add", ["income", "counted"], ["reached"]),
        helper.make_node("Add", ["reached", "nothing"], ["score"]),
        zero=np.zeros(1, np.float32),
    )


def declared(minimum=0, maximum=10_000):
    signature = factories.signature()
    for field in signature["inputs"]:
        field.update(minimum=minimum, maximum=maximum)
    return signature


def found(content, signature=None, sla=factories.SLA):
    """{gate: finding} of the child, without a version; and why it ended early."""
    lines, early = running.check(
        io.BytesIO(content),
        hashlib.sha256(content).hexdigest(),
        signature or declared(),
        factories.example(),
        sla,
        512,
    )
    return {line["finding"]["gate"]: line["finding"] for line in lines if "finding" in line}, early


@pytest.fixture
def submitted(tmp_path):
    """content → a submitted version of it, with these ranges; the trial of its example is real."""

    def submitted(content, **ranges):
        draft = factories.draft_version()
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        actions.upload(factories.alice(), draft, path, path.name)
        draft = ModelVersion.objects.get(pk=draft.pk)
        actions.describe_interface(
            factories.alice(), draft, declared(**ranges), factories.example()
        )
        draft.refresh_from_db()
        return actions.submit(factories.alice(), draft)

    return submitted


def results(version):
    return {result.gate: result for result in current_gates(version)}


# --- what the child finds ----------------------------------------------------------------------------------------------


def test_a_sound_model_passes_every_gate_with_figures():
    findings, early = found(factories.tiny_onnx())
    assert early == "" and set(findings) == set(gates.RUN)
    assert {finding["verdict"] for finding in findings.values()} == {"pass"}, findings
    assert findings["boundaries"]["metrics"]["asked"] == 6
    latency = findings["latency"]["metrics"]
    assert latency["limit_ms"] == 80 and 0 < latency["p95_ms"] < 80 and latency["rps"] == 20
    assert findings["startup"]["metrics"]["memory_mb"] > 10


def test_random_answers_fail():
    findings, _ = found(random())
    assert findings["determinism"]["verdict"] == "fail"
    assert "different answers" in findings["determinism"]["summary"]
    assert "fixed seed" in findings["determinism"]["remedy"]


def test_a_batch_that_differs_from_its_rows_fails():
    findings, _ = found(over_the_batch())
    assert findings["batch"]["verdict"] == "fail"
    assert "change each other's answers" in findings["batch"]["summary"]
    assert findings["determinism"]["verdict"] == "pass"


def test_a_failure_at_the_declared_maximum_is_named():
    findings, _ = found(failing_at(10_000))
    assert findings["boundaries"]["verdict"] == "fail" and findings["boundaries"]["crashed"]
    assert "income at its declared maximum 10000" in findings["boundaries"]["summary"]
    assert found(failing_at(10_001))[0]["boundaries"]["verdict"] == "pass"


def test_numbers_that_are_none_fail():
    findings, _ = found(root(), declared(minimum=-5))
    assert findings["boundaries"]["verdict"] == "fail"
    assert "NaN or infinity: income at its declared minimum -5" in findings["boundaries"]["summary"]


def test_every_allowed_value_and_gap_is_asked():
    signature = factories.signature()
    signature["inputs"][0]["enum"] = [4000.0, 5200.5, 10_000.0]
    signature["inputs"][1].update(required=False, default=0.0, minimum=0, maximum=900)
    findings, _ = found(failing_at(10_000), signature)
    assert "income at its allowed value 10000.0" in findings["boundaries"]["summary"]
    findings, _ = found(factories.tiny_onnx(), signature)
    assert findings["boundaries"]["metrics"]["cases"] == 3 + 2 + 1 + 2


def test_a_promise_that_cannot_be_kept_fails(monkeypatch):
    hurried = factories.SLA | {"p95_ms": 0.001}
    finding = found(factories.tiny_onnx(), sla=hurried)[0]["latency"]
    assert finding["verdict"] in ("fail", "inconclusive"), "inconclusive where this machine is busy"
    assert finding["metrics"]["repeats"] == 3 and "p95" in finding["summary"]


def figures(p95_ms, **changed):
    return {
        "calls": 1000,
        "failed": 0,
        "rps": 20.0,
        "replicas_needed": 1,
        "p95_ms": p95_ms,
        "processor_share": 0.3,
        "promised_p95_ms": 100.0,
        "limit_ms": 80.0,
    } | changed


@pytest.mark.parametrize(
    ("measured", "is_busy", "verdict"),
    [
        (figures(80.0), False, "pass"),
        (figures(80.0), True, "pass"),
        (figures(80.1), False, "fail"),
        (figures(80.1), True, "inconclusive"),
        (figures(80.1, processor_share=0.95), True, "fail"),
        (figures(50.0, calls=199), False, "inconclusive"),
        (figures(1.0, replicas_needed=9), False, "fail"),
        (figures(1.0, failed=1), False, "fail"),
    ],
)
def test_latency_is_judged_with_the_machine_in_mind(measured, is_busy, verdict):
    assert checks.judged_latency(measured, is_saturated=is_busy).verdict == verdict


def test_a_slow_call_delays_those_behind_it():
    """Three calls a second of which the first takes two seconds: measured from when each was due."""
    waits = checks.from_schedule(np.array([2.0, 0.1, 0.1]), 1.0)
    assert waits.tolist() == pytest.approx([2.0, 1.1, 0.2])


def test_verdicts_are_those_of_governance():
    assert {one.value for one in checks.Verdict} == set(GateResult.Verdict.values)


# --- the way of a version ----------------------------------------------------------------------------------------------


def test_people_look_at_a_version_after_it_was_run(submitted):
    version = submitted(factories.tiny_onnx())
    version = factories.governance.check(version)
    assert version.state == "checking", "nobody looks at what was not run"
    version = factories.checked(version)
    assert version.state == "in_review"
    assert set(gates.REQUIRED) <= set(results(version))
    assert results(version)["latency"].metrics["run"] == version.gate_runs.get().pk


def test_what_fails_at_its_boundary_is_sent_back_and_can_be_run_again(submitted):
    version = factories.checked(submitted(failing_at(10_000)))
    assert version.state == "changes_requested"
    boundary = results(version)["boundaries"]
    assert boundary.blocks and boundary.remedy
    told = AuditEvent.objects.get(action="version.gates_failed").reason
    assert "income at its declared maximum" in told and boundary.remedy in told
    again = execution_gates.request(factories.alice(), version)
    execution_gates.run(again.pk)
    assert version.gate_results.filter(gate="boundaries").count() == 2


def test_what_was_measured_is_not_measured_again(submitted, monkeypatch):
    """Corrected and submitted again with the same bytes, signature and promise: the findings are repeated as evidence."""
    version = factories.checked(submitted(factories.tiny_onnx()))
    review = version.reviews.get(kind="curation")
    factories.governance.decide(
        factories.rita(), review, "changes_requested", factories.REASON, True
    )
    version.refresh_from_db()
    actions.edit_card(
        factories.alice(), version, {"evaluation.baseline": "What the team did by hand last year."}
    )
    monkeypatch.setattr(running, "check", None)
    version = factories.governance.check(actions.submit(factories.alice(), version))
    assert version.state == "in_review"
    assert results(version)["batch"].metrics["run"] == version.gate_runs.get().pk


@pytest.mark.slow
def test_a_hang_blocks_says_where_and_can_be_run_again(submitted, monkeypatch):
    version = submitted(hanging(), maximum=1e12)
    monkeypatch.setattr(limits, "GATES_SECONDS", 6)
    version = factories.checked(version)
    assert version.state == "changes_requested"
    boundary = results(version)["boundaries"]
    assert boundary.verdict == "error" and boundary.blocks
    assert "did not end within 6 seconds" in boundary.summary
    assert "its declared maximum" in boundary.summary
    assert "Not reached" in results(version)["robustness"].summary
    assert results(version)["health"].verdict == "pass", "what was found before it counts"
    assert execution_gates.request(factories.rita(), version).state == "waiting"


def test_a_killed_child_blocks_and_the_next_run_mends_it(submitted, monkeypatch):
    version = submitted(factories.tiny_onnx())
    ask = running._reply_of

    def killed(*arguments):
        """The child is killed by somebody else while it works."""
        popen = running.subprocess.Popen

        def watched(*args, **kwargs):
            child = popen(*args, **kwargs)
            threading.Thread(target=kill, args=(child.pid,)).start()
            return child

        def kill(pid):
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)

        monkeypatch.setattr(running.subprocess, "Popen", watched)
        try:
            return ask(*arguments)
        finally:
            monkeypatch.setattr(running.subprocess, "Popen", popen)

    monkeypatch.setattr(running, "_reply_of", killed)
    version = factories.checked(version)
    errors = [result for result in current_gates(version) if result.verdict == "error"]
    assert version.state == "changes_requested" and errors
    assert all(result.blocks and "SIGKILL" in result.summary for result in errors)
    monkeypatch.setattr(running, "_reply_of", ask)
    execution_gates.run(execution_gates.request(factories.alice(), version).pk)
    assert {results(version)[gate].verdict for gate in gates.RUN} == {"pass"}
    version.refresh_from_db()
    version = factories.checked(actions.submit(factories.alice(), version))
    assert version.state == "in_review"


def test_a_worker_that_died_leaves_nothing_stuck(submitted):
    version = submitted(factories.tiny_onnx())
    run = version.gate_runs.get()
    long_ago = timezone.now() - timedelta(hours=1)
    GateRun.objects.filter(pk=run.pk).update(state="running", started_at=long_ago)
    execution_gates.run(run.pk)
    assert version.gate_runs.get().state == "running", "a second task does nothing"
    assert execution_gates.sweep() == 1
    version = factories.governance.check(version)
    assert version.state == "changes_requested"
    assert "its worker ended" in results(version)["latency"].summary
    assert execution_gates.request(factories.alice(), version).state == "waiting"


def test_a_new_submission_replaces_a_run_that_is_under_way(submitted, monkeypatch):
    version = factories.checked(submitted(failing_at(10_000)))
    again = execution_gates.request(factories.alice(), version)

    def meanwhile(_):
        """While the child works, the team corrects and submits."""
        actions.describe_interface(
            factories.alice(), version, declared(maximum=9_000), factories.example()
        )
        version.refresh_from_db()
        actions.submit(factories.alice(), version)
        return []

    monkeypatch.setattr(execution_gates, "findings_of", meanwhile)
    execution_gates.run(again.pk)
    monkeypatch.undo()
    again.refresh_from_db()
    assert again.state == "broken" and "submitted again" in again.summary
    version.refresh_from_db()
    assert factories.checked(version).state == "in_review"


def test_a_submission_without_a_run_gets_one(submitted):
    version = submitted(factories.tiny_onnx())
    version.gate_runs.all().delete()
    assert execution_gates.sweep() == 1
    assert version.gate_runs.get().requested_by == User.objects.system("gates")


def test_who_runs_the_checks(submitted):
    version = factories.checked(submitted(factories.tiny_onnx()))
    for person in (factories.maya(), factories.charlie()):
        with pytest.raises(NotAllowed):
            execution_gates.request(person, version)
    execution_gates.request(factories.bob(), version)
    with pytest.raises(RuleError, match="under way"):
        execution_gates.request(factories.rita(), version)


def test_a_version_that_was_edited_since_is_submitted_instead(submitted):
    version = factories.checked(submitted(failing_at(10_000)))
    actions.describe_interface(
        factories.alice(), version, declared(maximum=9_000), factories.example()
    )
    version.refresh_from_db()
    with pytest.raises(RuleError, match="changed since"):
        execution_gates.request(factories.alice(), version)
    version = factories.checked(actions.submit(factories.alice(), version))
    assert version.state == "in_review"


def test_the_final_approval_waits_for_a_check_that_blocks(submitted):
    version = factories.checked(submitted(factories.tiny_onnx()))
    factories.decide_all(version, but=["final"])
    factories.governance.record_gate(version, "latency", "error", "It broke off.", tool="test")
    final = version.reviews.get(kind="final")
    with pytest.raises(RuleError, match="A check blocks: Latency"):
        factories.approve(final)
    factories.governance.record_gate(version, "latency", "pass", "Run again.", tool="test")
    factories.approve(final)


def test_what_is_hosted_outside_is_not_run():
    version = factories.in_review_version()
    assert {results(version)[gate].verdict for gate in gates.RUN} == {"not_applicable"}
    with pytest.raises(RuleError, match="for their example only"):
        execution_gates.request(factories.alice(), version)


def test_the_page_shows_figures_remedy_and_the_button(submitted):
    version = factories.checked(submitted(failing_at(10_000)))
    address = reverse("publishing:gate_runs", args=[version.model.slug, version.number])
    page = Client()
    page.force_login(factories.alice())
    shown = page.get(address).content.decode()
    assert "income at its declared maximum" in shown and "What to do" in shown
    assert "Run the checks again" in shown
    assert page.post(f"{address}run/").status_code == 302
    part = page.get(address, headers={"hx-request": "true"})
    assert b"every 3s" in part.content and b"Run the checks again" not in part.content
    execution_gates.run_open(version)
    done = page.get(f"{address}?open", headers={"hx-request": "true"})
    assert done.headers["HX-Refresh"] == "true"
    page.force_login(factories.maya())
    assert page.get(address).status_code == 404


def test_the_api_runs_the_checks(submitted):
    version = factories.checked(submitted(factories.tiny_onnx()))
    api = Client()
    api.force_login(factories.rita())
    address = f"/api/v1/versions/{version.pk}/gate-runs/"
    assert api.post(address, content_type="application/json").status_code == 201
    newest, first = api.get(address).json()
    assert (newest["state"], first["state"], first["summary"]) == ("waiting", "done", "All passed.")
    shown = api.get(f"/api/v1/versions/{version.pk}/gates/").json()
    assert {row["gate"] for row in shown} >= set(gates.RUN)
    assert {"label", "asks", "remedy", "metrics"} <= shown[0].keys()
