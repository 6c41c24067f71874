"""B7: a team evaluates models on its own rows: read, checked, answered in limited children, measured, deleted."""

import csv
import io
import tracemalloc
from datetime import timedelta

import numpy as np
import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelCard
from consumption import actions
from consumption.evaluations import actions as evaluations
from consumption.evaluations import exports as evaluation_exports
from consumption.evaluations.files import Gone, folder_of
from consumption.models import BatchEvaluation, DeletionReceipt, EvaluationKey, Plan
from consumption.tasks import erase_evaluation
from governance.models import Evaluation
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.core.spreadsheets import FORMULA_STARTS
from marketplace.notices.models import Notice
from publishing.batch import answering, kept
from tests import factories, tried_once
from tests.consumption import evaluating
from tests.pages import text_of
from tests.tiers import only

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


@pytest.fixture
def version(tmp_path):
    return evaluating.live(tmp_path)


@pytest.fixture
def maya():
    client = Client()
    client.force_login(factories.maya())
    return client


def test_a_journey_by_pages(maya, version):
    """From the model's page to the figures, without JavaScript."""
    start = f"{reverse('consumption:new_evaluation')}?model={version.model.slug}"
    assert start in maya.get(version.model.get_absolute_url()).content.decode()
    assert str(version) in maya.get(start).content.decode()
    answer = maya.post(
        start,
        {
            "data_class": "personal",
            "file": io.BytesIO(evaluating.amounts().encode()),
            "name": "October applications",
            "team": factories.mortgage().pk,
            "versions": [version.pk],
            "keep_days": "7",
        },
        follow=True,
    )
    assert "Reading the file" in answer.content.decode(), answer.content.decode()
    made = BatchEvaluation.objects.get()
    address = made.get_absolute_url()
    evaluating.read(made)
    text = maya.get(address).content.decode()
    assert "Check the rows" in text and "4 columns" in text
    form = maya.get(address).context["mapping_form"]
    chosen = {field.html_name: field.value() or "" for field in form} | {
        "label": "paid",
        "group_1": "employment",
    }
    assert {chosen["input_0"], chosen["input_1"]} == {"income", "debt"}  # guessed by name
    columns = reverse("consumption:evaluation_columns", args=[made.pk])
    assert maya.post(columns, chosen).status_code == 302
    evaluating.work.check(made.pk)
    text = maya.get(address).content.decode()
    assert "Every row can be answered" in text and "an amount" in text
    maya.post(reverse("consumption:start_evaluation", args=[made.pk]))
    assert "Queued" in maya.get(address).content.decode()
    evaluating.work.run(made.pk)
    text = maya.get(address).content.decode()
    assert "Mean absolute error" in text and "self-employed" in text and "cannot be told" in text
    figures = maya.get(reverse("consumption:download_evaluation", args=[made.pk, "figures"]))
    assert b"Mean absolute error" in b"".join(figures.streaming_content)
    answers = maya.get(reverse("consumption:download_evaluation", args=[made.pk, "answers"]))
    assert len(b"".join(answers.streaming_content).splitlines()) == 401
    assert "October applications" in maya.get(reverse("consumption:evaluations")).content.decode()


def test_the_figures_are_what_the_arrays_say(version):
    content = evaluating.amounts()
    done = evaluating.evaluated(
        content, [version], evaluating.MAPPING | {"groups": ("employment",)}
    )
    assert done.state == "succeeded", done.problem
    rows = [line.split(",") for line in content.splitlines()[1:]]
    income, debt, paid = np.array([row[:3] for row in rows], dtype=float).T
    off = np.abs(income - debt - paid)
    (value,) = done.results["figures"][0]["values"]
    assert value["value"] == pytest.approx(off.mean(), rel=1e-3)
    assert value["low"] < value["value"] < value["high"]
    salaried = np.array([row[3] == "salaried" for row in rows])
    group = next(one for one in done.results["groups"] if one["group"] == "salaried")
    assert group["values"][0]["value"] == pytest.approx(off[salaried].mean(), rel=1e-3)


# --- several models on identical rows ---------------------------------------------------------------------------------


def scored(count=600, seed=3):
    """CSV of a yes or no that income - debt foretells."""
    random = np.random.default_rng(seed)
    income, debt = random.normal(0, 2, count), random.normal(0, 2, count)
    chance = 1 / (1 + np.exp(debt - income))
    yes = random.uniform(size=count) < chance
    lines = [
        f"{a:.4f},{b:.4f},{'yes' if y else 'no'}" for a, b, y in zip(income, debt, yes, strict=True)
    ]
    return "\n".join(["income,debt,repaid", *lines]) + "\n"


SCORED = {"inputs": {"income": "income", "debt": "debt"}, "label": "repaid"}


@pytest.fixture
def rivals(tmp_path):
    """A model that knows, its twin, and one that looks at the sum instead."""
    names = ("Knows", "Twin of it", "Adds instead")
    nodes = ("Sub", "Sub", "Add")
    return [
        evaluating.live(tmp_path, name=name, content=evaluating.graph(node, sigmoid=True))
        for name, node in zip(names, nodes, strict=True)
    ]


def test_twins_do_not_differ_and_a_worse_model_does(maya, rivals):
    done = evaluating.evaluated(scored(), rivals, SCORED)
    assert done.state == "succeeded", done.problem
    assert (done.results["task"], done.results["classes"]) == ("binary", ["no", "yes"])
    twin, adds = done.results["figures"][0]["pairs"]
    assert twin["better"] is None and twin["difference"] == 0
    assert adds["better"] == 0 and adds["low"] > 0 and adds["p"] < 0.001
    page = maya.get(done.get_absolute_url())
    text = page.content.decode()
    assert "No significant difference" in text and "Knows 1.0.0 is better than Adds instead" in text
    shown = page.context["page"].threshold
    assert shown.outcomes[0].found + shown.outcomes[0].missed == shown.outcomes[0].positives
    costly = maya.get(done.get_absolute_url(), {"cutoff": "0.2", "needless": "1", "missed": "20"})
    chosen = costly.context["page"].threshold
    assert chosen.cutoff == 0.2 and chosen.best < shown.best < 0.9
    nonsense = {"cutoff": "nan", "needless": "-1", "missed": "x", "calls": "9" * 40}
    assert maya.get(done.get_absolute_url(), nonsense).status_code == 200


def test_the_cost_of_the_expected_calls_stands_beside_the_figures(maya, version):
    Plan.objects.filter(model=version.model).delete()
    factories.plan(version.model, slug="dear", price_micros_per_1000=9_000_000)
    factories.plan(version.model, slug="cheap", price_micros_per_1000=4_000_000)
    done = evaluating.evaluated(evaluating.amounts(60), [version])
    text = maya.get(done.get_absolute_url(), {"calls": "12000"}).content.decode()
    assert "48.00" in text and "Cheap, the cheapest plan" in text and "108.00" not in text


def test_figures_are_over_the_rows_that_all_take(tmp_path, rivals):
    narrow = factories.signature()
    narrow["inputs"][0]["maximum"] = 1.0
    rivals[1] = evaluating.answering(
        factories.published_version(factories.model(name="Narrow")),
        tmp_path,
        evaluating.graph(sigmoid=True),
        narrow,
    )
    found = evaluating.checked(evaluating.read(evaluating.uploaded(scored(), rivals[:2])), SCORED)
    wide, few = [one["valid"] for one in found.report["versions"]]
    assert wide == 600 > few == found.report["shared"]
    done = evaluating.ran(found)
    assert done.results["used"] == done.results["measured"] == few
    assert done.results["answered"] == [600, few]


def test_without_a_truth_there_are_answers_and_no_metrics(maya, rivals):
    done = evaluating.evaluated(scored(), rivals[:2], SCORED | {"label": ""})
    assert done.state == "succeeded" and done.results["task"] == ""
    assert done.results["agreement"][0]["correlation"] == pytest.approx(1)
    assert "no metrics" in maya.get(done.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("value", "sentence"), [(38.0, "in line with it"), (90.0, "your population differs")]
)
def test_own_figures_stand_beside_the_independent_ones(maya, version, value, sentence):
    facts = {"kind": "independent", "suite": "regression/1.1.0", "data": "Loans of 2025"}
    figure = {"metric": "mae", "value": value, "low": value - 4, "high": value + 4}
    Evaluation.objects.create(version=version, by=factories.evan(), **facts, **figure)
    done = evaluating.evaluated(evaluating.amounts(), [version])
    text = maya.get(done.get_absolute_url()).content.decode()
    assert sentence in text and "Loans of 2025" in text
    assert Notice.objects.filter(recipient=factories.maya(), kind="batch_evaluation").exists()
    assert (
        not Notice.objects.filter(kind="batch_evaluation")
        .exclude(recipient=factories.maya())
        .exists()
    )


def test_small_groups_are_not_shown(version):
    content = evaluating.amounts(60).replace("salaried", "s")
    lines = content.splitlines()
    lines[1:10] = [line.rpartition(",")[0] + ",rare" for line in lines[1:10]]
    done = evaluating.evaluated(
        "\n".join(lines), [version], evaluating.MAPPING | {"groups": ("employment",)}
    )
    assert "rare" not in {one["group"] for one in done.results["groups"]}
    assert done.results["hidden"] == {"employment": 1}


def test_an_external_endpoint_is_refused_with_a_reason(version):
    outside = factories.published_version(factories.model(name="Hosted elsewhere"))
    with pytest.raises(Invalid, match="rows do not leave the marketplace"):
        evaluating.uploaded(evaluating.amounts(), [version, outside])
    with pytest.raises(Invalid, match="Special categories"):
        evaluating.uploaded(evaluating.amounts(), [version], data_class="special")


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    only(
        ("alice", "bob", "charlie", "rita", "otto", "vera", "finn", "gus", "mira", "root"),
        "alice",
        "vera",
        "root",
    ),
)
def test_nobody_but_the_team_sees_anything(version, who):
    """The publisher, every role and the superuser: 404 everywhere, and no count, name or figure in the record."""
    done = evaluating.evaluated(evaluating.amounts(), [version], name="Names of our applicants.csv")
    stranger = Client()
    stranger.force_login(getattr(factories, who)())
    for name in ("evaluation", "evaluation_columns"):
        assert stranger.get(reverse(f"consumption:{name}", args=[done.pk])).status_code == 404
    for name in ("start", "cancel", "delete", "read"):
        route = f"consumption:{name}_evaluation"
        assert stranger.post(reverse(route, args=[done.pk])).status_code == 404
    for kind in ("figures", "answers", "problems"):
        address = reverse("consumption:download_evaluation", args=[done.pk, kind])
        assert stranger.get(address).status_code == 404
    assert stranger.get(f"/api/v1/batch-evaluations/{done.pk}/").status_code == 404
    assert "October" not in stranger.get(reverse("consumption:evaluations")).content.decode()
    assert stranger.get("/api/v1/batch-evaluations/").json()["results"] == []
    told = AuditEvent.objects.filter(object_type="consumption.batchevaluation")
    record = str(list(told.values("object_label", "detail", "reason")))
    assert told.exists() and "October" not in record and "applicants" not in record


def test_what_lies_on_disk_tells_nothing(version):
    done = evaluating.evaluated(evaluating.amounts(), [version])
    files = list(folder_of(done).iterdir())
    assert len(files) >= 3
    for path in files:
        content = path.read_bytes()
        assert b"salaried" not in content and b"income" not in content


# --- cancelled, killed, deleted ---------------------------------------------------------------------------------------


def test_a_cancelled_run_stops_and_its_rows_go(
    version, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(kept, "CHUNK_ROWS", 50)
    found = evaluating.checked(
        evaluating.read(evaluating.uploaded(evaluating.amounts(), [version]))
    )
    actions.start_evaluation(factories.maya(), found)
    asked = answering.predictions.answer_rows

    def cancelling(*arguments):
        if len(evaluating.Files(found).names("answers-")) == 2:
            actions.cancel_evaluation(factories.maya(), evaluating.again(found))
        return asked(*arguments)

    monkeypatch.setattr(answering.predictions, "answer_rows", cancelling)
    evaluating.work.run(found.pk)
    ended = evaluating.again(found)
    assert ended.state == "cancelled" and ended.answers_done == 100 and not ended.has_rows
    erase_evaluation(found.pk)
    assert ended.receipt.rows_left == 0 and not folder_of(ended).exists()


def test_a_killed_worker_is_followed_by_one_that_goes_on(version, monkeypatch):
    monkeypatch.setattr(kept, "CHUNK_ROWS", 50)
    found = evaluating.checked(
        evaluating.read(evaluating.uploaded(evaluating.amounts(), [version]))
    )
    actions.start_evaluation(factories.maya(), found)
    asked, calls = answering.predictions.answer_rows, []

    def dying(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return asked(*arguments)

    monkeypatch.setattr(answering.predictions, "answer_rows", dying)
    with pytest.raises(KeyboardInterrupt):
        evaluating.work.run(found.pk)
    assert evaluating.again(found).state == "running"
    evaluating.work.run(found.pk)
    done = evaluating.again(found)
    assert done.state == "succeeded" and done.results["used"] == 400
    assert len(calls) == 9  # eight chunks, and the one that was lost


def test_runs_take_turns(version, monkeypatch):
    """A long run gives way after each turn to the one that has worked least; it goes on behind."""
    monkeypatch.setattr(kept, "CHUNK_ROWS", 50)
    monkeypatch.setattr(answering, "TURN_S", 0)
    content = evaluating.amounts(200)
    both = [
        evaluating.checked(evaluating.read(evaluating.uploaded(content, [version])))
        for _ in range(2)
    ]
    for one in both:
        actions.start_evaluation(factories.maya(), one)
    sent, order = [both[0].pk], []
    monkeypatch.setattr(evaluations, "enqueue", lambda name, pk: sent.append(pk))
    while sent:
        order.append(sent[0])
        sent.clear()
        evaluating.work.run(order[-1])
    assert {evaluating.again(one).state for one in both} == {"succeeded"}
    assert 8 <= len(order) <= 10 and order[1] != order[0]
    assert max(order.index(one.pk) for one in both) == 1  # nobody waits for the end of another


def test_two_runs_of_a_team_at_a_time(version):
    waiting = [
        evaluating.checked(evaluating.read(evaluating.uploaded(evaluating.amounts(40), [version])))
        for _ in range(3)
    ]
    for one in waiting:
        actions.start_evaluation(factories.maya(), one)
    assert [actions.begin_run(one) for one in waiting] == [True, True, False]
    evaluating.work.run(waiting[2].pk)
    assert evaluating.again(waiting[2]).state == "queued"
    evaluating.work.run(waiting[0].pk)
    evaluating.work.run(waiting[2].pk)
    assert evaluating.again(waiting[2]).state == "succeeded"


@pytest.mark.parametrize("keep_days", [0, 7])
def test_rows_go_when_they_should_and_leave_a_receipt(maya, version, keep_days):
    done = evaluating.evaluated(evaluating.amounts(), [version], keep_days=keep_days)
    now = timezone.now()
    actions.sweep_evaluations(now + timedelta(days=keep_days, hours=-1 if keep_days else 1))
    assert evaluating.again(done).has_rows == (keep_days > 0)
    actions.sweep_evaluations(now + timedelta(days=keep_days, hours=1))
    ended = evaluating.again(done)
    assert not ended.has_rows and not EvaluationKey.objects.filter(evaluation=ended).exists()
    with pytest.raises(Gone):
        evaluating.Files(ended)
    erase_evaluation(ended.pk)
    erase_evaluation(ended.pk)
    receipt = DeletionReceipt.objects.get(evaluation=ended)
    assert (receipt.rows, receipt.rows_left) == (400, 0) and receipt.files >= 3
    assert receipt.reason == ("retention" if keep_days else "after_run")
    event = AuditEvent.objects.get(action="batch_evaluation.delete_rows")
    assert event.detail["receipt"] == receipt.pk and event.detail["key_destroyed"] is True
    assert not folder_of(ended).exists()
    text = maya.get(ended.get_absolute_url()).content.decode()
    assert "Mean absolute error" in text and f"receipt {receipt.pk}" in text
    address = reverse("consumption:download_evaluation", args=[ended.pk, "answers"])
    assert maya.get(address).status_code == 409


def test_a_file_that_is_never_run_does_not_stay(version):
    found = evaluating.read(evaluating.uploaded(evaluating.amounts(), [version]))
    actions.sweep_evaluations(timezone.now() + timedelta(hours=25))
    ended = evaluating.again(found)
    assert ended.state == "cancelled" and not ended.has_rows and "within a day" in ended.problem


def test_a_file_that_no_worker_survives_is_given_up(version):
    made = evaluating.uploaded(evaluating.amounts(40), [version])
    actions.sweep_evaluations(timezone.now() + timedelta(minutes=10))
    assert evaluating.again(made).state == "received"
    actions.sweep_evaluations(timezone.now() + timedelta(minutes=16))
    ended = evaluating.again(made)
    assert ended.state == "failed" and "whichever worker" in ended.problem


def test_downloads_are_safe_for_spreadsheets(maya, version):
    lines = evaluating.amounts(60).splitlines()
    evil = ["=1+1", "+1", "-x", "@SUM(A1)", "\tx"]
    lines[1:6] = [f"{cell},1,2,x" for cell in evil]
    done = evaluating.evaluated("\n".join(lines), [version])
    for kind in evaluation_exports.KINDS:
        rows = csv.reader(io.TextIOWrapper(evaluation_exports.write(done, kind), "utf-8"))
        cells = [cell for row in rows for cell in row]
        assert cells
        for cell in cells:
            assert not cell.startswith(FORMULA_STARTS) or float(cell) < 0, cell


def test_by_machine_from_upload_to_receipt(version):
    _, text = factories.token(by=factories.maya(), scopes=["evaluate"])
    client, headers = Client(), {"Authorization": f"Bearer {text}"}
    made = client.post(
        "/api/v1/batch-evaluations/",
        {
            "file": io.BytesIO(evaluating.amounts().encode()),
            "name": "By machine",
            "team": factories.mortgage().slug,
            "data_class": "internal",
            "keep_days": "7",
            "versions": [version.model.slug],
        },
        headers=headers,
    )
    assert made.status_code == 201, made.content
    address = f"/api/v1/batch-evaluations/{made.json()['id']}/"
    evaluating.work.read(made.json()["id"])
    mapped = client.put(
        f"{address}mapping/", evaluating.MAPPING, content_type="application/json", headers=headers
    )
    assert mapped.json()["state"] == "checking", mapped.content
    evaluating.work.check(made.json()["id"])
    started = client.post(f"{address}start/", content_type="application/json", headers=headers)
    assert started.json()["state"] == "queued", started.content
    evaluating.work.run(made.json()["id"])
    done = client.get(address, headers=headers).json()
    assert done["state"] == "succeeded" and done["results"]["figures"][0]["metric"] == "mae"
    assert len(b"".join(client.get(f"{address}answers/", headers=headers)).splitlines()) == 401
    gone = client.delete(f"{address}rows/", headers=headers).json()
    assert gone["receipt"]["key_destroyed_at"] and gone["results"] == done["results"]
    _, text = factories.token(by=factories.maya(), scopes=["read"])
    reader = {"Authorization": f"Bearer {text}"}
    refused = client.post(f"{address}cancel/", content_type="application/json", headers=reader)
    assert refused.status_code == 403


def test_a_file_that_is_too_large_is_refused_before_it_is_read(maya, version, settings):
    settings.EVALUATION_MAX_BYTES = 1000
    address = f"{reverse('consumption:new_evaluation')}?model={version.model.slug}"
    answer = maya.post(address, {"file": io.BytesIO(b"x" * 200_000)})
    assert answer.status_code == 413 and "sample of the rows" in answer.content.decode()
    assert not BatchEvaluation.objects.exists()


def test_an_upload_passes_through_the_portal_in_blocks(version):
    """30 MiB from the temporary file into the encrypted one, a few blocks in memory at a time."""
    file = TemporaryUploadedFile("rows.csv", "text/csv", 0, None)
    for _ in range(30):
        file.write(b"x" * 2**20)
    file.size = file.tell()
    file.seek(0)
    facts = {"name": "Large", "data_class": "internal", "keep_days": 7, "versions": [version]}
    maya, team = factories.maya(), factories.mortgage()
    tracemalloc.start()
    made = actions.create_evaluation(maya, team=team, file=file, **facts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20 and made.file_bytes == 30 * 2**20
    assert sum(map(len, evaluating.Files(made).read("upload"))) == made.file_bytes


@pytest.mark.slow
def test_two_hundred_thousand_rows_of_three_models(maya, rivals):
    done = evaluating.evaluated(scored(200_000), rivals, SCORED)
    assert done.state == "succeeded", done.problem
    assert done.results["used"] == 200_000 and done.worked_s < 300
    assert maya.get(done.get_absolute_url()).status_code == 200


def test_a_team_shares_its_figures_and_nothing_else(maya, version):
    done = evaluating.evaluated(evaluating.amounts(), [version])
    address = reverse("consumption:share_evaluation", args=[done.pk])
    assert address in maya.get(done.get_absolute_url()).content.decode()
    with pytest.raises(NotAllowed):
        actions.share_figures(factories.alice(), done)
    assert maya.post(address).status_code == 302
    shown = {row["metric"]: row["values"][0] for row in done.results["figures"]}
    kept = {row.metric: row for row in Evaluation.objects.filter(kind="consumer")}
    assert set(kept) == {name for name, value in shown.items() if value["value"] is not None}
    mae = kept["mae"]
    assert (mae.version, mae.slice, mae.by) == (version, "", factories.maya())
    assert {name: getattr(mae, name) for name in ("value", "low", "high")} == shown["mae"]
    assert mae.n == done.results["measured"] and "Own rows of" in mae.data
    told = Notice.objects.get(recipient=factories.alice(), key__startswith="figures-shared")
    owner = Client()
    owner.force_login(factories.alice())
    page = text_of(owner.get(told.url))
    assert "Measured by a consumer" in page and str(factories.mortgage()) in page
    assert AuditEvent.objects.get(action="batch_evaluation.share").actor == factories.maya()
    page = maya.get(done.get_absolute_url()).content.decode()
    assert address not in page and "Whoever sees the models reads" in page
    with pytest.raises(RuleError, match="shared already"):
        actions.share_figures(factories.maya(), evaluating.again(done))


def test_few_rows_and_own_models_are_not_shared(version):
    few = evaluating.evaluated(evaluating.amounts(60), [version])
    with pytest.raises(RuleError, match="nothing to share"):
        actions.share_figures(factories.maya(), few)
    mine = evaluating.evaluated(evaluating.amounts(), [version])
    type(mine).objects.filter(pk=mine.pk).update(team=version.model.owner_team)
    with pytest.raises(RuleError, match="nothing to share"):
        actions.share_figures(factories.alice(), evaluating.again(mine))
    assert not Evaluation.objects.filter(kind="consumer").exists()


# --- against the training data ----------------------------------------------------------------------------------------


def test_rows_that_are_far_from_training_are_said_to_be(maya, version):
    spread = [
        "income: 2700 3400 4100 4800 5500 6200 6900 7600 8300",  # as evaluating.amounts draws them
        "debt: 5 10 15 20 25 30 35 40 45",
    ]
    ModelCard.objects.update_or_create(
        version=version, defaults={"data": {"data.training.spread": spread}}
    )
    found = evaluating.checked(
        evaluating.read(evaluating.uploaded(evaluating.amounts(), [version]))
    )
    income, debt = sorted(found.report["drift"], key=lambda one: one["index"])
    assert income["input"] == "income" and income["index"] < 0.1
    assert debt["input"] == "debt" and debt["index"] > 0.25
    for state in (found, evaluating.ran(found)):
        text = text_of(maya.get(state.get_absolute_url()))
        shown = text.split("Your rows against the training data")[1].split("</section>")[0]
        assert shown.index("debt") < shown.index("Shifted") < shown.index("income")
