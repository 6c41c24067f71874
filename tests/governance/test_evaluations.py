"""Issue 11, line 4: a figure says who measured it. What a team declares is labelled so wherever it shows."""

import pytest
from django.db import DatabaseError, connection, transaction

from governance import actions, evaluations
from governance.models import Evaluation
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from publishing import actions as publishing
from tests import factories

pytestmark = pytest.mark.django_db
FIGURE = {
    "suite": "Hold-out 2025 Q4",
    "metric": "roc_auc",
    "value": 0.71,
    "low": 0.69,
    "high": 0.73,
    "n": 2100,
    "data": "Loans of the last quarter",
}


@pytest.fixture
def draft():
    return factories.draft_version()


def address(version):
    return f"/api/v1/models/{version.model.slug}/versions/{version.number}/evaluations/"


def page(version):
    return f"/models/{version.model.slug}/versions/{version.number}/figures/"


def test_a_declared_figure_is_about_the_present_graph_and_on_the_record(draft, tmp_path):
    factories.upload_tiny(draft, tmp_path)
    draft.refresh_from_db()
    figure = evaluations.declare(factories.alice(), draft, **FIGURE)
    graph = draft.artifacts.get(name=draft.manifest["entry"])
    assert (figure.kind, figure.artifact_sha256) == (Evaluation.Kind.DECLARED, graph.sha256)
    event = AuditEvent.objects.get(action="evaluation.declare")
    assert event.actor == factories.alice() and event.detail["value"] == "0.71"


def test_the_same_figure_twice_is_one_row(draft):
    rows = {evaluations.declare(factories.alice(), draft, **FIGURE).pk for _ in range(3)}
    assert len(rows) == 1
    evaluations.declare(factories.alice(), draft, **FIGURE | {"value": 0.72})
    assert draft.evaluations.count() == 2


def test_only_the_owner_team_declares_and_only_of_a_draft(draft):
    for person in (factories.charlie(), factories.rita(), factories.evan()):
        with pytest.raises(NotAllowed):
            evaluations.declare(person, draft, **FIGURE)
    with pytest.raises(NotAllowed):
        evaluations.declare(
            factories.alice(), factories.in_review_version(draft.model, "2.0.0"), **FIGURE
        )
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("value", {"value": float("nan")}),
        ("high", {"high": float("inf")}),
        ("low", {"low": 0.8}),
        ("high", {"high": None}),
        ("low", {"low": None}),
        ("n", {"n": 0}),
        ("data_sha256", {"data_sha256": "abc"}),
    ],
)
def test_a_wrong_figure_is_refused_at_its_field(draft, field, wrong):
    with pytest.raises(Invalid) as refusal:
        evaluations.declare(factories.alice(), draft, **FIGURE | wrong)
    assert refusal.value.field == field


def test_a_version_has_a_bounded_number_of_declared_figures(draft, monkeypatch):
    monkeypatch.setattr(evaluations, "MOST_DECLARED", 2)
    for value in (0.1, 0.2):
        evaluations.declare(
            factories.alice(), draft, **FIGURE | {"value": value, "low": 0, "high": 1}
        )
    with pytest.raises(RuleError, match="at most 2"):
        evaluations.declare(factories.alice(), draft, **FIGURE)


@pytest.mark.parametrize(
    "change", ["value = 0.99", "kind = 'independent'", "artifact_sha256 = 'another'"]
)
def test_a_figure_never_changes(draft, change):
    evaluations.declare(factories.alice(), draft, **FIGURE)
    with (
        pytest.raises(DatabaseError, match="immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE governance_evaluation SET {change}")


def test_a_tool_declares_over_the_api_and_reads_it_back(client, draft):
    client.force_login(factories.alice())
    sent = client.post(address(draft), FIGURE, content_type="application/json")
    assert sent.status_code == 201, sent.json()
    assert sent.json()["kind"] == "declared" and sent.json()["by"] == "alice"
    assert [row["metric"] for row in client.get(address(draft)).json()["results"]] == ["roc_auc"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("metric", {"metric": ""}),
        ("value", {"value": "much"}),
        ("value", {"value": 1e300}),
        ("low", {"low": 0.8}),
        ("n", {"n": 0}),
        ("data_sha256", {"data_sha256": "x" * 64}),
        ("suite", {"suite": "s" * 81}),
        ("kind", {"kind": "independent"}),
    ],
)
def test_the_api_names_the_wrong_field(client, draft, field, wrong):
    client.force_login(factories.alice())
    answer = client.post(address(draft), FIGURE | wrong, content_type="application/json")
    assert answer.status_code == 422 and field in str(answer.json())
    assert not Evaluation.objects.exists()


def test_a_person_declares_on_the_page_and_everybody_reads_who_said_it(client, draft):
    client.force_login(factories.alice())
    assert b"Declare a figure" in client.get(page(draft)).content
    assert client.post(page(draft), FIGURE).status_code == 302
    refused = client.post(page(draft), FIGURE | {"low": "0.9"})
    assert refused.status_code == 422 and b"above the upper end" in refused.content
    client.force_login(factories.rita())
    shown = client.get(page(draft)).content.decode()
    assert "Declared by the team" in shown and "Measured by the marketplace" not in shown
    assert "Declare a figure" not in shown


def test_a_figure_of_other_files_says_so(client, draft, tmp_path):
    evaluations.declare(factories.alice(), draft, **FIGURE)
    factories.upload_tiny(draft, tmp_path)
    client.force_login(factories.alice())
    assert b"About other files" in client.get(page(draft)).content


def test_a_reviewer_reads_the_label_on_the_review(client):
    version = factories.draft_version()
    evaluations.declare(factories.alice(), version, **FIGURE)
    version = actions.check(publishing.submit(factories.alice(), version))
    review = version.reviews.get(kind="evaluation")
    client.force_login(factories.evan())
    assert b"Declared by the team" in client.get(f"/reviews/{review.pk}/").content
