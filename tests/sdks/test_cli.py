"""The command line `marketplace`: what each command does, and what it ends with."""

import json

import pytest

from catalog import search_record_actions
from catalog.models import ModelVersion, RegisteredModel
from consumption.models import ApiKey, Application, OutcomeReport, Subscription
from consumption.playground.gateway_client import Reply
from marketplace_client.calls import Answer, Core, Settings
from marketplace_client.cli.portal import Portal
from tests import factories
from tests.consumption import evaluating
from tests.publishing.test_publication import document, entry
from tests.sdks.cli import PORTAL, Terminal, through_django

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    version = factories.published_version()
    factories.plan(version.model)
    return version


def test_login_keeps_what_works_where_only_its_owner_reads(tmp_path):
    _, text = factories.token(factories.maya(), scopes=["read"])
    terminal = Terminal(config=tmp_path)
    assert terminal.run("login", PORTAL, "--token-stdin", stdin="mkp_nonsense\n").code == 3
    assert list(tmp_path.rglob("*.json")) == []
    done = terminal.run("login", PORTAL, "--token-stdin", stdin=f"{text}\n")
    assert done.code == 0 and "Maya" in done.out and text not in done.out + done.err
    (kept,) = tmp_path.rglob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert terminal.run("search", "--json").code == 0
    terminal.run("logout")
    nobody = terminal.run("search")
    assert nobody.code == 3 and "marketplace login" in nobody.err


def test_search_and_show(version):
    terminal = Terminal(factories.maya())
    found = terminal.run("search", "income", "--json").document
    assert [row["slug"] for row in found] == [version.model.slug]
    text = terminal.run("search", "income").out
    assert version.model.slug in text and text.startswith("slug")
    shown = terminal.run("show", version.model.slug)
    assert "income" in shown.out and "USD" in shown.out and "standard" in shown.out
    assert (
        terminal.run("show", version.model.slug, "--json").document["version"]["number"] == "1.0.0"
    )
    missing = terminal.run("show", "no-such-model")
    assert missing.code == 4 and missing.out == ""
    assert terminal.run("show").code == 2


def test_a_list_is_read_over_its_pages():
    for number in range(3):
        factories.model(name=f"Model {number}", summary=f"It judges the thing {number} of people.")
    terminal = Terminal(factories.alice())
    assert len(terminal.run("search", "--json", "--limit", 2).document) == 2
    portal = Portal(PORTAL, terminal.environment["MARKETPLACE_TOKEN"], through_django)
    rows = list(portal._rows(portal._address(("models",), {"page_size": 1}), 10))
    assert len({row["slug"] for row in rows}) == len(rows) == RegisteredModel.objects.count()


def test_try(version, monkeypatch, tmp_path):
    asked = []

    def answering(slug, number, body, pass_text):
        asked.append(body)
        if body["inputs"][0]["data"][0] is None:
            return Reply(422, {"detail": "income is needed"}, {}, 1.0)
        output = {"name": "score", "datatype": "FP32", "shape": [1], "data": [3700.0]}
        return Reply(200, {"outputs": [output]}, {"X-Request-Id": "r"}, 12.5)

    monkeypatch.setattr("consumption.playground.gateway_client.infer", answering)
    terminal = Terminal(factories.maya(), scopes=["try"])
    done = terminal.run("try", version.model.slug, "--row", '{"income": 4000, "debt": 300}')
    assert (done.code, done.err) == (0, "") and '{"score": 3700.0}' in done.out
    assert asked[0]["inputs"][0] == {
        "name": "income",
        "datatype": "FP32",
        "shape": [1],
        "data": [4000],
    }
    (tmp_path / "rows.csv").write_text("income,debt\n4000,300\n")
    assert terminal.run("try", version.model.slug, "--input", tmp_path / "rows.csv").code == 0
    refused = terminal.run("try", version.model.slug, "--row", '{"income": null, "debt": 1}')
    assert refused.code == 1 and "income is needed" in refused.out
    assert terminal.run("try", version.model.slug, "--row", "[1]").code == 2
    unasked = Terminal(factories.maya()).run("try", version.model.slug, "--row", '{"income": 1}')
    assert unasked.code == 3 and "scope try" in unasked.err


def test_subscribe_once_and_make_a_key(version):
    application = factories.application()
    terminal = Terminal(factories.maya(), scopes=["subscribe", "keys"])
    words = ["subscribe", version.model.slug, "--application", application.slug, "--purpose"]
    first = terminal.run(*words, "Check incomes of applicants.", "--json")
    again = terminal.run(*words, "Check incomes of applicants.", "--json")
    assert first.code == again.code == 0 and first.document["id"] == again.document["id"]
    subscription = Subscription.objects.get()
    assert subscription.state == "active" and subscription.requested_by == factories.maya()
    made = terminal.run("keys", "create", "--subscription", subscription.pk)
    text = made.out.strip()
    assert made.code == 0 and text.startswith("mkc_") and text not in made.err
    rotated = terminal.run(
        "keys", "rotate", ApiKey.objects.get().kid, "--overlap-hours", 0, "--json"
    )
    assert rotated.document["text"] not in (text, None)
    assert terminal.run("keys", "revoke", rotated.document["kid"]).code == 0
    assert {row["state"] for row in terminal.run("keys", "list", "--json").document} <= {
        "revoked",
        "rotating",
    }
    assert terminal.run("keys", "create").code == 2
    short = terminal.run(*words, "No.", "--set", "nonsense")
    assert short.code == 0, "it is subscribed already"


def test_subscribe_needs_its_scope_and_a_plan(version):
    application = factories.application()
    words = [
        "subscribe",
        version.model.slug,
        "--application",
        application.slug,
        "--purpose",
        "Check incomes.",
    ]
    assert Terminal(factories.maya(), scopes=["keys"]).run(*words).code == 3
    factories.plan(version.model, slug="gold")
    which = Terminal(factories.maya(), scopes=["subscribe"]).run(*words)
    assert which.code == 2 and "gold" in which.err and "standard" in which.err
    assert Subscription.objects.count() == 0 and Application.objects.count() == 1


def test_usage_is_the_statement_of_a_month(version):
    subscription = factories.subscription(version)
    factories.called(subscription, 7)
    terminal = Terminal(factories.maya())
    lines = terminal.run("usage", "--json").document
    assert sum(line["calls"] for line in lines) == 7
    assert terminal.run("usage", "--model", "another", "--json").document == []
    assert terminal.run("usage", "--month", "2026-1").code == 4


def test_publish_the_same_twice(tmp_path):
    (tmp_path / "entry.json").write_text(json.dumps(entry()))
    (tmp_path / "publication.json").write_text(json.dumps(document()))
    (tmp_path / "model.onnx").write_bytes(factories.tiny_onnx())
    terminal = Terminal(factories.alice(), scopes=["publish"])
    words = ["publish", "income-check", "1.0.0", tmp_path / "model.onnx"]
    papers = ["--entry", tmp_path / "entry.json", "--publication", tmp_path / "publication.json"]
    first = terminal.run(*words, *papers)
    assert first.code == 0 and "is submitted" in first.out, first.err
    again = terminal.run(*words, *papers)
    assert again.code == 0 and "submitted before" in again.out
    assert (
        terminal.run("status", "income-check", "1.0.0", "--json").document["state"] == "submitted"
    )
    waiting = terminal.run("status", "income-check", "1.0.0", "--wait", "0.01")
    assert waiting.code == 6, "not decided yet"


def test_publish_names_each_field_that_is_missing(tmp_path):
    (tmp_path / "entry.json").write_text(json.dumps(entry()))
    (tmp_path / "model.onnx").write_bytes(factories.tiny_onnx())
    terminal = Terminal(factories.alice(), scopes=["publish"])
    words = [
        "publish",
        "income-check",
        "1.0.0",
        tmp_path / "model.onnx",
        "--entry",
        tmp_path / "entry.json",
    ]
    done = terminal.run(*words)
    assert done.code == 1 and "card." in done.err and "sla" in done.err
    told = terminal.run("status", "income-check", "1.0.0")
    assert told.code == 0 and "missing card." in told.out and "/publish/income-check/" in told.out
    (tmp_path / "entry.json").write_text("{")
    assert terminal.run(*words).code == 2


def test_status_of_what_is_live_and_what_is_not(version):
    terminal = Terminal(factories.alice())
    slug = version.model.slug
    assert terminal.run("status", slug, "1.0.0", "--wait", 5).code == 0
    factories.draft_version(version.model, "2.0.0")
    assert terminal.run("status", slug, "2.0.0", "--wait", 5).code == 5
    assert terminal.run("status", slug, "3.0.0").code == 4


def test_evaluate_waits_and_compares(tmp_path):
    version = evaluating.live(tmp_path)
    (tmp_path / "rows.csv").write_text(evaluating.amounts(60))
    terminal = Terminal(factories.maya(), scopes=["evaluate"])

    def work():
        found = evaluating.BatchEvaluation.objects.latest("pk")
        step = {"received": "read", "checking": "check", "queued": "run"}.get(found.state)
        if step:
            getattr(evaluating.work, step)(found.pk)

    terminal.while_waiting = work
    words = ["evaluate", tmp_path / "rows.csv", "--team", factories.mortgage().slug]
    words += [
        "--version",
        version.model.slug,
        "--map",
        "income=income",
        "--map",
        "debt=debt",
        "--label",
        "paid",
    ]
    done = terminal.run(*words, "--require", "mae<=500", "--answers", tmp_path / "answers.csv")
    assert done.code == 0, done.err
    assert "mae" in done.out and len((tmp_path / "answers.csv").read_text().splitlines()) == 61
    unmet = terminal.run(*words, "--require", "mae<=0.001")
    assert unmet.code == 5 and "mae is" in unmet.err
    assert terminal.run(*words, "--require", "mae around 3").code == 2


def test_check_reuse_is_a_step_of_a_pipeline():
    record = factories.search_record()
    terminal = Terminal(factories.maya())
    done = terminal.run("check-reuse", record)
    assert done.code == 5 and "does not let this begin" in done.out and "not decided" in done.out
    assert terminal.run("check-reuse", record.pk, "--json").document["passes"] is False
    assert Terminal(factories.charlie()).run("check-reuse", record.pk).code == 4
    assert terminal.run("check-reuse", "none").code == 2


def decided(found=0, **decision):
    record = factories.search_record()
    if found:
        decision |= {"position": found}
    facts = {"sponsor": "Head of mortgage", "reason": "Ours reads other papers than these."}
    return search_record_actions.decide_search_record(factories.maya(), record, **facts | decision)


def test_check_reuse_stops_what_is_reused(version):
    record = decided(found=1, decision="reuse")
    terminal = Terminal(factories.maya())
    done = terminal.run("check-reuse", record)
    assert done.code == 5 and "It says reuse" in done.out
    assert terminal.run("check-reuse", record, "--json").document["passes"] is False
    assert terminal.run("check-reuse", record, "--expect", "reuse").code == 0
    assert terminal.run("check-reuse", f"SBR-{record.pk + 99}").code == 4
    assert terminal.run("check-reuse", record, "--expect", "buy").code == 2


def test_a_comment_shows_what_was_found(version, tmp_path):
    RegisteredModel.objects.filter(pk=version.model_id).update(name="Income | <b>#1</b>")
    record = decided(found=1, decision="extend")
    terminal, file = Terminal(factories.maya()), tmp_path / "reuse.md"
    assert terminal.run("check-reuse", record, "--comment", file).code == 0
    text = file.read_text()
    assert f"[{record}]({PORTAL}/search-records/{record.pk}/) holds" in text
    assert f"({PORTAL}/models/{version.model.slug}/)" in text
    assert "Income \\| \\<b\\>\\#1" in text and "no reason yet" in text
    shown = terminal.run("check-reuse", record, "--comment")
    assert shown.out == text
    document = terminal.run("check-reuse", record, "--comment", "--json").document
    assert document["comment"] + "\n" == text


def test_publish_takes_a_card_as_text(tmp_path):
    factories.vocabulary()
    said = document()
    del said["card"]["limitations.text"]
    (tmp_path / "model.onnx").write_bytes(factories.tiny_onnx())
    (tmp_path / "entry.json").write_text(json.dumps(entry()))
    (tmp_path / "publication.json").write_text(json.dumps(said))
    (tmp_path / "README.md").write_text(
        "# X\n\n## Limitations\nIt says little about people who live without pay.\n"
    )
    terminal = Terminal(factories.alice(), scopes=["publish"])
    words = ["publish", "income-check", "1.0.0", tmp_path / "model.onnx"]
    words += ["--entry", tmp_path / "entry.json", "--publication", tmp_path / "publication.json"]
    assert terminal.run(*words).code == 1
    done = terminal.run(*words, "--card", tmp_path / "README.md")
    assert done.code == 0, done.err
    version = ModelVersion.objects.get()
    assert "without pay" in str(version.card.data["limitations.text"])
    assert "nothing changed" in terminal.run(*words, "--card", tmp_path / "README.md").out
    (tmp_path / "README.md").write_text("no card at all")
    assert terminal.run(*words, "--card", tmp_path / "README.md").code == 1
    assert terminal.run(*words, "--card", tmp_path / "none.txt").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(shell):
    done = Terminal().run("completion", shell)
    assert done.code == 0
    for word in ("check-reuse", "subscribe", "resume", "overlap-hours"):
        assert word in done.out


def test_feedback_of_a_client_reaches_the_portal():
    """With the key that made the call, as the client sends it."""
    held = factories.subscription()
    _, text = factories.key(held)
    call, other = factories.call(held), "0192f0c4-0000-7000-8000-000000000002"
    core = Core(Settings(held.model.slug, gateway="http://gateway", key=text, portal=PORTAL))
    steps = core.feedback(
        [
            {"request_id": str(call.event_id), "actual": 4120.0, "predicted": 4050.5},
            {"request_id": other, "actual": "paid"},
        ]
    )
    send = next(steps)
    answer = through_django(send.method, send.url, send.headers, send.body)
    with pytest.raises(StopIteration) as end:
        steps.send(Answer(answer.status, answer.headers, answer.body))
    assert end.value.value["taken"] == 1
    assert [row["request_id"] for row in end.value.value["refused"]] == [other]
    assert OutcomeReport.objects.get().actual_number == 4120.0
