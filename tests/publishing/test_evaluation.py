"""Issue 11, line 4: the marketplace measures a version on rows that its team cannot read, in a limited child."""

import datetime
import re
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance import benchmarks, evaluation_runs, evaluations
from governance.actions import current_gates
from governance.benchmarks import MOST_BYTES
from governance.models import BenchmarkRows, EvaluationRun
from governance.models import evaluations as models
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions as publishing
from publishing import evaluation, predictions, replays
from publishing.packages import limits
from tests import factories, tried_once
from tests.endpoint_permissions import API, PAGES

pytestmark = pytest.mark.django_db
CANARY = "77712.34375"  # a 32-bit float holds it exactly


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


def rows(noise=50.0, count=400, canary=True):
    """CSV whose label is income - debt, which the tiny model answers, and some noise. The same each time."""
    random = np.random.default_rng(5)
    income, debt = random.uniform(2000, 9000, count), random.uniform(0, 900, count)
    paid = income - debt + random.normal(0, noise, count)
    lines = [
        f"{one:.2f},{two:.2f},{three:.2f}"
        for one, two, three in zip(income, debt, paid, strict=True)
    ]
    if canary:
        lines[7] = f"{CANARY},1.0,{CANARY}"
    return "\n".join(["income,debt,paid", *lines]) + "\n"


@pytest.fixture
def version(tmp_path):
    """In review, with the tiny package."""
    draft = factories.draft_version()
    factories.upload_tiny(draft, tmp_path)
    draft = ModelVersion.objects.get(pk=draft.pk)
    publishing.describe_interface(
        factories.alice(), draft, factories.signature(), factories.example()
    )
    draft.refresh_from_db()
    return factories.checked(publishing.submit(factories.alice(), draft))


@pytest.fixture
def benchmark(version):
    return factories.benchmark(rows(), capability=version.model.capability)


def ran(version):
    run = evaluation_runs.request(factories.evan(), version)
    evaluation.run(run.pk)
    run.refresh_from_db()
    return run


def gates(version):
    return {result.gate: result for result in current_gates(version)}


def evaluation_review(version):
    return version.reviews.get(kind="evaluation")


def test_a_run_measures_and_the_review_may_be_approved(version, benchmark):
    with pytest.raises(RuleError, match="has not been run"):
        factories.approve(evaluation_review(version))
    run = ran(version)
    assert run.state == "scored", run.summary
    figures = {row.metric: row for row in version.evaluations.all()}
    assert {"mae", "rmse", "r2", "coverage", "moved_under_noise_5"} <= set(figures)
    mae = figures["mae"]
    assert mae.kind == "independent" and mae.low <= mae.value <= mae.high < mae.baseline
    assert mae.data_sha256 == benchmark.sha256 and mae.n == 400
    gate = gates(version)["evaluation"]
    assert (gate.verdict, gate.manifest_sha256) == ("pass", version.manifest_sha256)
    factories.approve(evaluation_review(version))


def test_the_runner_computes_what_the_arrays_say(version):
    factories.benchmark(rows(canary=False), capability=version.model.capability)
    ran(version)
    content = bytes(BenchmarkRows.objects.get().csv).decode().splitlines()[1:]
    income, debt, paid = np.array([line.split(",") for line in content], dtype=float).T
    mae = version.evaluations.get(metric="mae").value
    assert mae == pytest.approx(np.abs(income - debt - paid).mean(), rel=0.01)


def test_a_version_that_is_worse_than_naive_cannot_be_approved(version):
    factories.benchmark(rows(noise=9000), capability=version.model.capability)
    ran(version)
    assert gates(version)["evaluation"].verdict != "pass"
    with pytest.raises(RuleError, match="does not allow it"):
        factories.approve(evaluation_review(version))


def test_a_run_about_other_bytes_does_not_count(version, benchmark):
    ran(version)
    ModelVersion.objects.filter(pk=version.pk).update(manifest_sha256="0" * 64)
    version.refresh_from_db()
    review = evaluation_review(version)
    assert "evaluation" not in gates(version)
    with pytest.raises(RuleError):
        factories.approve(review)


def test_a_run_at_random_is_repeated_each_night(version, benchmark):
    assert replays.replay_one() is None
    run = ran(version)
    factories.gus()
    assert replays.replay_one() == run
    event = AuditEvent.objects.get(action="evaluation.replay")
    assert event.detail["is_same"] and event.actor.username == "system:evaluation-runner"
    assert not Notice.objects.filter(key__startswith="replay-differs").exists()
    EvaluationRun.objects.filter(pk=run.pk).update(metrics_sha256="0" * 64)
    replays.replay_one()
    told = Notice.objects.filter(key__startswith="replay-differs").values_list(
        "recipient__username", flat=True
    )
    assert set(told) == {"evan", "gus"}
    ModelVersion.objects.update(kind="external")
    assert replays.replay_one() is None


def test_a_replay_gives_the_same_figures(version, benchmark):
    run = ran(version)
    out = StringIO()
    call_command("replay_evaluation", str(run.pk), stdout=out)
    assert run.metrics_sha256 in out.getvalue()
    EvaluationRun.objects.filter(pk=run.pk).update(metrics_sha256="0" * 64)
    with pytest.raises(CommandError, match="differ"):
        call_command("replay_evaluation", str(run.pk))


def test_the_fourth_scored_run_is_refused_and_a_broken_one_does_not_count(version, benchmark):
    open_run = {"version": version, "dataset": benchmark, "requested_by": factories.evan()}
    for state in ("broken", "scored", "scored"):
        EvaluationRun.objects.create(**open_run, state=state)
    evaluation_runs.request(factories.evan(), version)
    with pytest.raises(RuleError, match="under way"):
        evaluation_runs.request(factories.evan(), version)
    EvaluationRun.objects.filter(state="waiting").update(state="scored")
    with pytest.raises(RuleError, match="at most 3"):
        evaluation_runs.request(factories.evan(), version)


def test_only_evaluators_from_outside_run(version, benchmark):
    for person in (
        factories.alice(),
        factories.also(factories.bob(), "evaluator"),
        factories.rita(),
    ):
        with pytest.raises(NotAllowed):
            evaluation_runs.request(person, version)


def test_a_time_out_blocks_says_so_and_can_be_run_again(version, benchmark, monkeypatch):
    monkeypatch.setattr(limits, "PREDICT_SECONDS", 0.01)
    run = ran(version)
    assert run.state == "broken" and "did not answer within" in run.summary
    assert gates(version)["evaluation"].verdict == "error" and gates(version)["evaluation"].blocks
    with pytest.raises(RuleError):
        factories.approve(evaluation_review(version))
    monkeypatch.undo()
    assert ran(version).state == "scored"


def test_a_run_whose_worker_died_does_not_stay(version, benchmark):
    run = evaluation_runs.request(factories.evan(), version)
    long_ago = timezone.now() - datetime.timedelta(hours=1)
    EvaluationRun.objects.filter(pk=run.pk).update(state="running", started_at=long_ago)
    evaluation_runs.sweep()
    run.refresh_from_db()
    assert run.state == "broken" and gates(version)["evaluation"].verdict == "error"
    assert ran(version).state == "scored"


def test_answers_that_are_not_one_a_row_are_not_taken(version, benchmark, monkeypatch):
    for values in ([1.0], [[1.0, 2.0, 3.0]] * 400, [float("nan")] * 400, ["x"] * 400, None):
        monkeypatch.setattr(
            predictions.running, "predict", lambda *_, answer=values, **__: {"values": answer}
        )
        assert ran(version).state == "broken"


def test_a_capability_whose_benchmark_does_not_fit_blocks(version):
    factories.benchmark("age,paid\n1,2\n2,3\n", capability=version.model.capability)
    with pytest.raises(RuleError, match="has no column debt, income"):
        factories.approve(evaluation_review(version))


@pytest.mark.parametrize(
    ("field", "content", "facts"),
    [
        ("file", "income,debt\n1\n", {}),
        ("file", "income,income,paid\n1,2,3\n", {}),
        ("file", "\n", {}),
        ("file", "x" * (MOST_BYTES + 1), {}),
        ("label", "income,debt\n1,2\n", {}),
        ("label", f"income,paid\n1,{CANARY}x\n", {}),
        ("positive", "income,paid\n1,a\n2,b\n", {"task": "binary", "positive": "c"}),
        ("groups", "income,paid\n1,2\n", {"groups": ["sex"]}),
    ],
)
def test_wrong_benchmark_data_is_refused_at_its_field_without_a_value(field, content, facts):
    with pytest.raises(Invalid) as refusal:
        factories.benchmark(content, **facts)
    assert refusal.value.field == field and CANARY not in str(refusal.value)


def test_nobody_but_an_evaluator_uploads():
    page = Client()
    page.force_login(factories.rita())
    assert b"Upload benchmark data" not in page.get(reverse("governance:benchmarks")).content


def walked(person, version, benchmark, things):
    """The bytes of every page and operation that a person can read about these things, by the words of the permission table."""
    about = {
        None: {},
        "model": {"slug": version.model.slug},
        "version": {"slug": version.model.slug, "number": version.number},
        "draft": {"slug": version.model.slug, "number": version.number},
        "live id": {"pk": version.pk},
        "draft id": {"pk": version.pk},
        "review": {"pk": evaluation_review(version).pk},
        "benchmark": {"pk": benchmark.pk},
    }
    client = Client()
    client.force_login(person)
    for (name, method), (thing, _) in (PAGES | API).items():
        if method == "get" and thing in things and name not in ("catalog:version", "api:nowhere"):
            yield name, client.get(reverse(name, kwargs=about[thing])).content


EVALUATED = ("version", "draft", "draft id", "review", "benchmark")


@pytest.mark.parametrize(
    ("people", "things"),
    [
        pytest.param(("evan",), EVALUATED, id="who evaluates"),
        *(
            pytest.param(people, (None, "model", "live id", *EVALUATED), marks=pytest.mark.slow)
            for people in (("alice", "evan"), ("maya", "vera"))
        ),
    ],
)
def test_no_row_reaches_anybody(version, benchmark, caplog, people, things):
    caplog.set_level("DEBUG")
    ran(version)
    factories.benchmark(
        rows().replace("1.0," + CANARY, f"x{CANARY},{CANARY}"),
        capability=version.model.capability,
        name="Broken loans",
    )
    assert ran(version).state == "broken"
    # Neither a time of 27.77 s nor the path of an icon (8.839-7.77) is the canary, rounded.
    mark = re.compile(rb"77712[.,]3|(?<![\d-])7\.77")
    for person in people:
        seen = list(walked(getattr(factories, person)(), version, benchmark, things))
        assert len(seen) > (60 if None in things else 15)
        assert [name for name, content in seen if mark.search(content)] == []
    events = [str(event.content()) for event in AuditEvent.objects.all()]
    runs = [f"{run.summary} {run.record}" for run in EvaluationRun.objects.all()]
    assert not [text for text in events + runs + [caplog.text] if CANARY in text]


def test_an_unforeseen_error_holds_no_row_in_the_log(version, benchmark, monkeypatch):
    run = evaluation_runs.request(factories.evan(), version)
    monkeypatch.setattr(
        evaluation.suites, "assess", lambda case: (_ for _ in ()).throw(ValueError(CANARY))
    )
    with pytest.raises(RuntimeError) as broken:
        evaluation.run(run.pk)
    run.refresh_from_db()
    assert run.state == "broken" and CANARY not in run.summary
    assert broken.value.__suppress_context__ and CANARY not in str(broken.value)


def test_the_page_offers_the_run_to_those_who_may(version, benchmark):
    address = reverse("governance:figures", args=[version.model.slug, version.number])
    for person, offered in ((factories.evan(), True), (factories.alice(), False)):
        client = Client()
        client.force_login(person)
        assert (b"Run the evaluation" in client.get(address).content) == offered
    client.force_login(factories.evan())
    assert client.post(f"{address}run/").status_code == 302
    assert version.evaluation_runs.get().requested_by == factories.evan()


def test_a_row_outside_of_the_declared_ranges_counts_as_the_naive_answer(version, benchmark):
    """Narrow ranges hide no hard row: what the version refuses costs it."""
    whole = ran(version)
    signature = version.signature
    signature["inputs"][0]["maximum"] = 45_000
    ModelVersion.objects.filter(pk=version.pk).update(signature=signature)
    narrow = ran(ModelVersion.objects.get(pk=version.pk))

    def figure(run, metric):
        about = version.evaluations.filter(metric=metric).order_by("id")
        return about.first().value if run == whole else about.last().value

    assert figure(whole, "coverage") == 1
    assert 0 < figure(narrow, "coverage") < 1
    assert figure(narrow, "mae") > figure(whole, "mae")


def test_a_run_says_how_the_version_answers_changed_rows(version, benchmark):
    """The tiny model answers income - debt: noise of its inputs moves it as much, and no range refuses a wrong unit."""
    ran(version)
    figures = {row.metric: row for row in version.evaluations.filter(suite="robustness/1.1.0")}
    moved = figures["moved_under_noise_5"]
    assert 0.02 < moved.low < moved.value < moved.high < 0.06 and moved.threshold == 0.1
    assert figures["moved_by_search"].value > moved.value
    assert figures["edges_answered"].value == 1
    gate = gates(version)["perturbation"]
    assert (gate.verdict, gate.manifest_sha256) == ("pass", version.manifest_sha256)


def test_a_version_that_fails_on_changed_rows_fails_the_check(version, benchmark, monkeypatch):
    answer = predictions.running.predict

    def crashed(*args, **facts):
        return answer(*args, **facts) | {"probe": {"crashed": True}}

    monkeypatch.setattr(predictions.running, "predict", crashed)
    ran(version)
    assert gates(version)["perturbation"].verdict == "fail"


def test_what_was_measured_together_is_shown_together(version, benchmark):
    ran(version)
    measurement, robustness = evaluations.measurements_of(version)
    assert robustness.first.suite == "robustness/1.1.0" and robustness.is_measured
    assert measurement.is_measured and measurement.is_current
    assert [row.label for row in measurement.figures][0] == "Mean absolute error"
    client = Client()
    client.force_login(factories.evan())
    page = client.get(reverse("governance:figures", args=[version.model.slug, version.number]))
    assert page.content.count(b"Measured by the marketplace") == 2


def test_hidden_data_wears_out_and_what_it_measured_stays(version, benchmark, monkeypatch):
    ran(version)
    monkeypatch.setattr(models, "MOST_SCORES", 1)
    assert benchmarks.fit_of(version).dataset == benchmark, "measured while it was fresh"
    factories.approve(evaluation_review(version))
    ModelVersion.objects.filter(pk=version.pk).update(manifest_sha256="0" * 64)
    version.refresh_from_db()
    assert "uploads fresh data" in benchmarks.fit_of(version).problem
    with pytest.raises(RuleError, match="uploads fresh data"):
        evaluation_runs.request(factories.evan(), version)
    fresh = factories.benchmark(rows(), capability=version.model.capability, name="Fresh loans")
    assert benchmarks.fit_of(version).dataset == fresh


def test_a_model_is_scored_ten_times_a_quarter_on_the_same_data(version, benchmark, monkeypatch):
    monkeypatch.setattr(evaluation_runs, "MOST_OF_MODEL", 1)
    ran(version)
    with pytest.raises(RuleError, match="within a quarter"):
        evaluation_runs.request(factories.evan(), version)
    version.evaluation_runs.update(finished_at=timezone.now() - datetime.timedelta(days=100))
    assert evaluation_runs.request(factories.evan(), version)
