"""A pipeline publishes with a token: at an address, at once, the same again, and what it is told when something is missing."""

import json
import shutil
import subprocess

import jsonschema
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import ModelVersion, RegisteredModel
from governance import card_schema
from marketplace.audit.models import AuditEvent
from marketplace.launcher.rundir import ROOT
from publishing import progress
from tests import factories
from tests.api.calls import Api
from tests.portal import Portal
from tests.publishing import specimens

CURL = shutil.which("curl")
AT = "models/income-check/versions/1.0.0/"


def entry(**changed):
    """What PUT /models/income-check/ is sent."""
    facts = factories.listing(name="Income check", summary="It checks what people earn.")
    slugs = {name: facts[name].slug for name in ("domain", "capability", "model_type")}
    return facts | slugs | {"owner_team": factories.lending().slug} | changed


def meanings(*names):
    return {name: {"description": f"What {name} is"} for name in names}


def document(**changed):
    """What a publication is sent beside its package."""
    return {
        "changelog": "The first version, from the pipeline.",
        "sla": factories.SLA,
        "card": factories.card_values(),
        "risk": factories.LOW,
        "evaluations": [
            {"suite": "Hold-out", "metric": "roc_auc", "value": 0.71, "data": "Loans of 2025"}
        ],
        "plans": [{"slug": "standard", "name": "Standard", "approval": "automatic"}],
        "fields": meanings("debt", "score")
        | {"income": {"description": "Monthly income", "unit": "USD"}},
    } | changed


class Pipeline:
    """A token of alice's, and what she would send with it."""

    def __init__(self, person=None, **choices):
        _, text = factories.token(person, **choices)
        self.api = Api(token=text)

    def register(self, expect=201, **changed):
        return self.api.put("models/income-check/", entry(**changed), expect=expect)

    def publish(self, sent=None, package=True, expect=201, at=AT):
        parts = {"publication": json.dumps(document() if sent is None else sent)}
        if package:
            content = package if isinstance(package, bytes) else factories.tiny_onnx()
            parts["file"] = SimpleUploadedFile("model.onnx", content)
        self.api.last = self.api.client.post(f"/api/v1/{at}publication/", parts)
        return self.api._checked(expect)


def acts():
    """How many acts are on the record, logins aside."""
    return AuditEvent.objects.exclude(action="login").count()


def automation_of(person):
    """The page that lists what pipelines did last."""
    client = Client()
    client.force_login(person)
    return client.get("/publish/automation/").content.decode()


# ── At an address ─────────────────────────────────────────────────────────


@pytest.mark.django_db
class TestAtAnAddress:
    def test_a_model_is_registered_once(self):
        pipeline = Pipeline()
        assert pipeline.register()["slug"] == "income-check"
        before = acts()
        pipeline.register(expect=200)
        assert acts() == before and RegisteredModel.objects.count() == 1
        assert pipeline.register(expect=200, support_hours="Always")["support_hours"] == "Always"
        assert acts() == before + 1

    def test_an_address_is_taken_or_given_not_changed(self):
        pipeline = Pipeline()
        pipeline.register()
        other = entry(name="Something else entirely", similar_reason="Quite another purpose here.")
        hidden = factories.model(
            factories.maya(), factories.mortgage(), name="Hidden", slug="hidden-one"
        )
        said = pipeline.api.put(f"models/{hidden.slug}/", other, expect=422)
        assert said["field"] == "slug" and "Hidden" not in json.dumps(said)
        said = pipeline.api.put("models/only-us/", other | {"visibility": "restricted"}, expect=422)
        assert said["field"] == "visibility"
        assert pipeline.api.put("models/Bad_Slug/", other, expect=422)["field"] == "slug"
        said = pipeline.register(expect=422, owner_team=factories.mortgage().slug)
        assert said["field"] == "owner_team"

    def test_a_version_is_begun_once(self):
        pipeline = Pipeline()
        pipeline.register()
        first = pipeline.api.put(AT, {"changelog": "Begun."}, expect=201)
        before = acts()
        again = pipeline.api.put(AT, {"changelog": "Begun."})
        assert again["id"] == first["id"] and acts() == before
        assert pipeline.api.put(AT, {"changelog": "More."})["changelog"] == "More."
        assert pipeline.api.put(f"{AT[:-6]}one/", {}, expect=422)["field"] == "number"

    def test_outsiders_begin_nothing(self):
        Pipeline().register()
        Pipeline(factories.charlie()).api.put(AT, {}, expect=404)
        live = factories.published_version()
        at = f"models/{live.model.slug}/versions/{live.number}/"
        outsider = Pipeline(factories.charlie())
        outsider.api.put(at, {}, expect=403)
        said = entry(name="Another name for it", owner_team=live.model.owner_team.slug)
        outsider.api.put(f"models/{live.model.slug}/", said, expect=403)
        outsider.api.put("models/mine-now/", said, expect=403)
        outsider.publish(expect=403, at=at)
        outsider.publish(expect=404)
        Pipeline(scopes=["evaluate"]).publish(expect=403)
        assert live.model.versions.count() == 1


# ── At once ───────────────────────────────────────────────────────────────


@pytest.mark.django_db
class TestAtOnce:
    def test_one_request_publishes_and_the_same_again_changes_nothing(self):
        pipeline = Pipeline()
        pipeline.register()
        status = pipeline.publish()
        assert (status["state"], status["missing"]) == ("submitted", [])
        version = ModelVersion.objects.get(number="1.0.0")
        assert version.evaluations.get().kind == "declared"
        assert version.model.plans.get().slug == "standard"
        assert version.signature["inputs"][0]["unit"] == "USD"
        before = acts()
        again = pipeline.publish(expect=200)
        assert again["id"] == status["id"] and acts() == before
        assert "version.submit" in automation_of(factories.alice())
        assert "version.submit" not in automation_of(factories.maya())

    def test_what_was_submitted_is_not_changed_by_sending_something_else(self):
        pipeline = Pipeline()
        pipeline.register()
        pipeline.publish()
        sla = factories.SLA | {"p95_ms": 7}
        other = specimens.onnx_bytes()
        said = pipeline.publish(document(sla=sla), package=other, expect=409)
        assert "package, sla" in said["detail"] and said["remedy"]
        assert ModelVersion.objects.get().sla == factories.SLA

    def test_everything_that_is_missing_is_listed_with_the_page_that_mends_it(self):
        pipeline = Pipeline()
        pipeline.register()
        said = pipeline.publish({}, package=False, expect=409)
        missing = {error["field"]: error for error in said["errors"]}
        assert {"package", "signature", "risk", "plans"} <= set(missing)
        cards = [name for name in missing if name.startswith("card.")]
        asked = [name for name in card_schema.required("low") if name != "technical.task_type"]
        assert cards == [f"card.{name}" for name in asked]
        alice = Client()
        alice.force_login(factories.alice())
        assert {alice.get(error["page"]).status_code for error in said["errors"]} == {200}
        version = ModelVersion.objects.get()
        rows = Api(factories.alice()).get(f"versions/{version.pk}/missing/")
        assert [row["field"] for row in rows] == [error["field"] for error in said["errors"]]

    def test_what_is_right_stays_and_the_rest_can_follow(self):
        pipeline = Pipeline()
        pipeline.register()
        whole = document()
        card = whole.pop("card")
        said = pipeline.publish(whole, expect=409)
        assert {error["field"].split(".")[0] for error in said["errors"]} == {"card"}
        pipeline.publish({"card": card}, package=False)

    def test_what_cannot_be_used_is_named_at_once_and_nothing_is_kept(self):
        pipeline = Pipeline()
        pipeline.register()
        wrong = document(
            card={"nonsense": "x", "limitations.text": 7}, sla={"p95_ms": "fast"}, typo=1
        )
        said = pipeline.publish(wrong, expect=422)
        fields = {error["field"] for error in said["errors"]}
        assert {"card.nonsense", "card.limitations.text", "sla.p95_ms"} <= fields
        assert not ModelVersion.objects.exists()
        assert pipeline.publish(document(typo=1), expect=422)["errors"][0]["field"] == "typo"

    @pytest.mark.parametrize(
        ("parts", "status", "field"),
        [
            ({"publication": "{"}, 422, "publication"),
            ({"publication": "[]"}, 422, "publication"),
            ({"publication": '{"card": {"a": "\\u0000"}}'}, 422, "card.a"),
            ({"publication": "{}", "extra": "1"}, 422, "extra"),
            ({"publication": " " * 1_100_000}, 413, None),
        ],
    )
    def test_a_part_that_cannot_be_read(self, parts, status, field):
        pipeline = Pipeline()
        pipeline.register()
        pipeline.api.last = pipeline.api.client.post(f"/api/v1/{AT}publication/", parts)
        assert pipeline.api._checked(status).get("field") == field

    def test_a_refused_package_is_a_problem_of_its_field(self):
        pipeline = Pipeline()
        pipeline.register()
        said = pipeline.publish(package=b"\x80\x04pickle", expect=422)
        assert said["remedy"] and not ModelVersion.objects.get().artifacts.exists()

    def test_details_of_a_field_that_is_not_there(self):
        pipeline = Pipeline()
        pipeline.register()
        said = pipeline.publish(document(fields={"wages": {"unit": "USD"}}), expect=422)
        assert said["field"] == "fields.wages" and "income" in said["remedy"]


# ── How far it got ────────────────────────────────────────────────────────


@pytest.mark.django_db
class TestStatus:
    def test_the_mark_changes_with_the_state_and_a_wait_ends_with_it(self):
        draft = factories.draft_version()
        at = f"models/{draft.model.slug}/versions/{draft.number}/status/"
        pipeline = Pipeline()
        first = pipeline.api.get(at)
        assert first["state"] == "draft" and not first["is_in_progress"]
        assert "Retry-After" not in pipeline.api.last
        slept = []

        def submit_meanwhile(seconds):
            slept.append(seconds)
            factories.publishing.submit(factories.alice(), draft)

        progress.wait_for_change(draft.pk, first["mark"], 5, sleep=submit_meanwhile)
        assert len(slept) == 1
        second = pipeline.api.get(f"{at}?since={first['mark']}&wait=5")
        assert second["mark"] != first["mark"] and second["is_in_progress"]
        assert pipeline.api.last["Retry-After"] == str(progress.RETRY_AFTER_S)

    def test_few_wait_at_once(self):
        draft = factories.draft_version()
        mark = progress.mark(draft.pk)
        inner = []

        def one_more(_):
            inner.append(progress._places.acquire(blocking=False))
            progress.wait_for_change(draft.pk, mark, 5, sleep=pytest.fail)
            factories.publishing.submit(factories.alice(), draft)

        progress.wait_for_change(draft.pk, mark, 5, sleep=one_more)
        assert inner == [True]
        progress._places.release()

    @pytest.mark.parametrize("query", ["wait=6", "wait=x", "since=x", "since=&wait=1", "until=1"])
    def test_waits_are_bounded(self, query):
        draft = factories.draft_version()
        at = f"models/{draft.model.slug}/versions/{draft.number}/status/"
        Pipeline().api.get(f"{at}?{query}", expect=400)


# ── What a card must hold ─────────────────────────────────────────────────


@pytest.mark.django_db
@pytest.mark.parametrize("tier", card_schema.TIERS)
def test_the_cards_schema_says_what_each_tier_requires(tier):
    schema = Pipeline().api.get("card-schema/")
    of_tier = {**schema, **schema["$defs"][tier]}
    full, validator = factories.card_values(), jsonschema.Draft202012Validator(of_tier)
    validator.check_schema(of_tier)
    narrow = jsonschema.Draft202012Validator(schema["$defs"][tier])
    assert narrow.is_valid(full) and jsonschema.Draft202012Validator(schema).is_valid(full)
    for name in card_schema.required(tier):
        assert not narrow.is_valid({key: value for key, value in full.items() if key != name})
        assert not narrow.is_valid(full | {name: ""})


# ── The script of docs/machines.md ────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.skipif(not CURL, reason="there is no curl")
@pytest.mark.django_db(transaction=True)
def test_the_script_of_the_docs_publishes_an_mlflow_directory_twice(tmp_path):
    """Issue 11, done when 6: exactly docs/publish.sh, against a live portal; the second run changes nothing."""
    factories.vocabulary()
    _, token = factories.token(team=factories.lending())
    for name, content in specimens.mlflow_files().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "entry.json").write_text(json.dumps(entry()))
    told = document(fields=meanings("income", "age", "debt", "Y"))
    (tmp_path / "publication.json").write_text(json.dumps(told))
    (tmp_path / "run").mkdir()
    with Portal(tmp_path / "run") as portal:

        def run():
            return subprocess.run(
                ["sh", ROOT / "docs" / "publish.sh", "income-check", "1.0.0", tmp_path / "model"]
                + [tmp_path / "entry.json", tmp_path / "publication.json"],
                env={
                    "PATH": "/usr/bin:/bin",
                    "MARKETPLACE_URL": f"http://127.0.0.1:{portal.port}",
                    "MARKETPLACE_TOKEN": token,
                },
                capture_output=True,
                text=True,
                timeout=60,
            )

        first = run()
        assert (first.returncode, first.stdout) == (0, "income-check 1.0.0 is submitted.\n"), (
            first.stderr
        )
        version = ModelVersion.objects.get()
        assert version.kind == "mlflow" and version.submitted_by == factories.alice()
        before = acts()
        second = run()
        assert second.returncode == 0 and "nothing changed" in second.stdout, second.stderr
        assert acts() == before
        log = portal.folder / "portal.log"
        assert token not in log.read_text()
