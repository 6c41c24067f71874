"""Endpoints hosted outside stand the execution gates and the independent run over the network. Issue 11, items 4 and 6."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from governance import benchmarks, evaluation_runs
from governance.actions import current_gates
from governance.models import Evaluation
from hosting import actions as hosting
from hosting import credentials, health, reconcile
from hosting.model_server import coercion, wire
from hosting.model_server.columns import Signature
from hosting.model_server.problems import Problem
from hosting.models import Upstream
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import RuleError
from publishing import actions, endpoint_gates, evaluation, execution_gates
from tests import endpoints, factories
from tests.hosting import engines

pytestmark = pytest.mark.django_db


class Vendor:
    """A server that answers income - debt, and refuses what the signature excludes. `asked` keeps what it was told."""

    def __init__(self, monkeypatch, signature):
        self.asked, self.signature, self.calls, self.status = [], Signature.of(signature), 0, 0
        self.noise, self.wants, self.told = 0.0, None, set()

        def request(connection, method, path, body=None, headers=None):
            connection.asked, connection.body = (method, path), body
            self.told.add((headers or {}).get("Authorization"))
            connection.is_known = self.wants in (None, (headers or {}).get("Authorization"))

        monkeypatch.setattr(endpoints.Answering, "request", request)
        monkeypatch.setattr(
            endpoints.Answering, "getresponse", lambda connection: self.answer(connection)
        )

    def answer(self, connection):
        self.calls += 1
        status, document = 401, {"error": "who are you"}
        if connection.is_known:
            status, document = self.reply(*connection.asked, connection.body)
        content = json.dumps(document).encode()
        return SimpleNamespace(status=status, read=lambda most=None: content)

    def reply(self, method, path, body):
        if self.status:
            return self.status, {"error": "not now"}
        if method == "GET":
            return 200, {"ready": True}
        self.asked.append(body.decode())
        try:
            columns, _ = coercion.columns_of(wire.read(body), self.signature)
        except Problem as problem:
            return problem.status, {"error": problem.detail}
        data = columns["income"] - columns["debt"] + self.noise * self.calls
        output = {"name": "score", "datatype": "FP32", "shape": [len(data)], "data": data.tolist()}
        return 200, {"id": str(self.calls), "outputs": [output]}


def declared():
    signature = factories.signature()
    for field in signature["inputs"]:
        field.update(minimum=0, maximum=100_000)
    return signature


@pytest.fixture
def vendor(settings, monkeypatch):
    settings.ENDPOINT_CHECKS = True
    return Vendor(monkeypatch, declared())


def submitted(number="1.0.0", entry=None, tier="low"):
    draft = factories.draft_version(entry, number, tier=tier)
    actions.describe_interface(draft.created_by, draft, declared(), factories.example())
    draft.refresh_from_db()
    return factories.checked(actions.submit(draft.created_by, draft))


def verdicts(version):
    return {result.gate: result.verdict for result in current_gates(version)}


def test_an_endpoint_stands_the_same_gates_over_the_network(vendor):
    version = submitted()
    found = {result.gate: result for result in current_gates(version)}
    passed = {gate for gate, result in found.items() if result.verdict == "pass"}
    assert {"determinism", "batch", "refusals", "boundaries", "latency", "health"} <= passed
    assert (
        found["startup"].verdict == "not_applicable"
        and "hosted outside" in found["startup"].summary
    )
    assert (
        "over the network" in found["latency"].summary and found["latency"].metrics["calls"] == 200
    )
    assert version.state == "in_review"
    again = execution_gates.request(factories.alice(), version)
    execution_gates.run(again.pk)
    assert again.__class__.objects.get(pk=again.pk).state == "done"


def test_an_endpoint_that_draws_at_random_or_answers_what_it_must_refuse_is_sent_back(vendor):
    vendor.noise = 1.0
    vendor.signature = Signature.of(factories.signature())  # knows no range
    version = submitted()
    assert version.state == "changes_requested"
    assert {verdicts(version)[gate] for gate in ("determinism", "batch", "refusals")} == {"fail"}


def test_an_endpoint_that_wants_a_credential_is_checked_measured_and_published(vendor):
    """Its team stores it in the draft; it goes to that address alone, and nothing else has it."""
    vendor.wants = "Bearer s3cret"
    draft = factories.draft_version()
    benchmark(draft, may_leave=True)
    actions.describe_interface(draft.created_by, draft, declared(), factories.example())
    draft.refresh_from_db()
    hosting.set_credential(draft.created_by, draft, "s3cret")
    version = factories.checked(actions.submit(draft.created_by, draft))
    assert version.state == "in_review" and vendor.told == {"Bearer s3cret"}
    passed = {gate for gate, verdict in verdicts(version).items() if verdict == "pass"}
    assert {"run", "determinism", "batch", "refusals", "latency", "health"} <= passed
    run = evaluation_runs.request(factories.evan(), version)
    evaluation.run(run.pk)
    run.refresh_from_db()
    assert run.state == "scored", run.summary
    factories.decide_all(version)
    reconcile.reconcile(engines.FakeEngine())
    upstream = Upstream.objects.get(version=version)
    assert health.probe(upstream) and "s3cret" not in str(list(AuditEvent.objects.values()))
    vendor.wants = "Bearer another"
    assert not health.probe(upstream)


def test_a_draft_at_another_address_has_no_credential(vendor):
    draft = factories.draft_version()
    hosting.set_credential(draft.created_by, draft, "s3cret")
    assert credentials.of(draft) == "Bearer s3cret"
    actions.name_endpoint(draft.created_by, draft, "https://models.example.com/elsewhere")
    draft.refresh_from_db()
    assert credentials.of(draft) == "" and not Upstream.objects.filter(version=draft).exists()
    page = reverse("hosting:credential", args=[draft.model.slug, draft.number])
    client = Client()
    client.force_login(draft.created_by)
    shown = client.get(page).content.decode()
    assert "No credential is stored" in shown and "elsewhere" in shown
    answer = client.post(page, {"credential": "s4cret"})
    assert "/package/" in answer.url and credentials.of(draft) == "Bearer s4cret"


def test_what_cannot_be_asked_blocks_and_what_wants_a_credential_warns(vendor):
    version = submitted()
    for status, verdict, blocks in ((500, "fail", True), (401, "inconclusive", False)):
        vendor.status = status
        run = execution_gates.request(factories.alice(), version)
        execution_gates.run(run.pk)
        result = next(one for one in current_gates(version) if one.gate == "latency")
        assert (result.verdict, result.blocks) == (verdict, blocks and version.risk_tier != "low")
    assert "credential" in result.summary


def test_an_endpoint_that_never_ends_is_left_alone_after_its_time(vendor, monkeypatch):
    monkeypatch.setattr(endpoint_gates, "SECONDS", 0.0)
    version = submitted()
    assert version.state == "changes_requested"
    assert {verdicts(version)[gate] for gate in ("health", "determinism", "latency")} == {"error"}


def rows(count=400):
    random = np.random.default_rng(7)
    income, debt = random.uniform(2000, 9000, count), random.uniform(0, 900, count)
    lines = [
        f"{one:.2f},{two:.2f},{one - two:.2f},secret-{place % 2}"
        for place, (one, two) in enumerate(zip(income, debt, strict=True))
    ]
    return "\n".join(["income,debt,paid,region", *lines]) + "\n"


def benchmark(version, may_leave, name="Hidden loans"):
    return factories.benchmark(
        rows(),
        capability=version.model.capability,
        groups=["region"],
        may_leave=may_leave,
        name=name,
    )


def test_confidential_rows_do_not_leave_and_the_gate_says_so(vendor):
    first = submitted()
    benchmark(first, may_leave=False)
    told = len(vendor.asked)
    version = submitted("1.1.0", first.model)
    result = next(one for one in current_gates(version) if one.gate == "evaluation")
    assert (result.verdict, result.severity) == ("inconclusive", "warn")
    assert "must not be sent" in result.summary and "team's own" in result.summary
    with pytest.raises(RuleError, match="must not be sent"):
        evaluation_runs.request(factories.evan(), version)
    client = Client()
    client.force_login(factories.evan())
    page = client.get(reverse("governance:figures", args=[version.model.slug, version.number]))
    assert "must not be sent" in page.content.decode()
    factories.approve(version.reviews.get(kind="evaluation"))
    version.risk_tier = "high"
    assert "must not be sent" in benchmarks.fit_of(version).problem
    sent = "".join(vendor.asked[told:])
    assert "4321.99" not in sent and "secret-" not in sent


def test_rows_that_may_leave_measure_the_endpoint_without_labels_and_groups(vendor):
    version = submitted()
    data = benchmark(version, may_leave=True)
    told = len(vendor.asked)
    run = evaluation_runs.request(factories.evan(), version)
    evaluation.run(run.pk)
    run.refresh_from_db()
    assert run.state == "scored", run.summary
    figure = Evaluation.objects.get(version=version, metric="mae", slice="")
    assert figure.value < 0.01 and figure.data == data.name and figure.kind == "independent"
    found = verdicts(version)
    assert (found["evaluation"], found["perturbation"]) == ("pass", "pass")
    sent = "".join(vendor.asked[told:])
    assert '"income"' in sent and "paid" not in sent and "secret-" not in sent
    vendor.status = 500
    broken = evaluation_runs.request(factories.evan(), version)
    evaluation.run(broken.pk)
    broken.refresh_from_db()
    assert broken.state == "broken" and "500" in broken.summary
