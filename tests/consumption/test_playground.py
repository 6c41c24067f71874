"""The playground without a gateway: forms from signatures, what is pasted, what is counted, who may."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.core.cache import caches
from django.db import connections
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import LatencyRun, SandboxHour
from consumption.playground import allowance, history, latency, movement, rows, sandbox_pass, tries
from consumption.playground.fields import InputField
from consumption.playground.gateway_client import Reply
from consumption.playground.sandbox_pass import SandboxPass
from hosting.model_server import coercion, datatypes, signatures, wire
from hosting.model_server.columns import Signature
from marketplace.core.errors import RuleError
from tests import factories
from tests.api.calls import Api

NUMBERS = sorted(datatypes.NUMBERS)
# Letters, marks, quotes, brackets, line breaks, emoji: what a form has to carry unharmed. A browser sends \r\n for a line break.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=20)
NAMES = st.text(
    st.characters(categories=["Lu", "Ll", "Nd", "Pd", "Sm"]) | st.sampled_from("_ .:"),
    min_size=1,
    max_size=12,
).filter(signatures.is_name)


@pytest.fixture(autouse=True)
def forgotten():
    caches["tries"].clear()


# ── Any signature → form → request ────────────────────────────────────────


def number_of(datatype):
    if datatype in datatypes.INTEGERS:
        return st.integers(*map(int, datatypes.span(datatype)))
    width = int(datatype[2:])
    return st.floats(width=width, allow_nan=False, allow_infinity=False)


def values_of(spec):
    """Values that an input takes, None among them where it may be missing."""
    if spec.get("enum"):
        values = st.sampled_from(spec["enum"])
    elif spec["datatype"] == "BOOL":
        values = st.booleans()
    elif spec["datatype"] == "BYTES":
        formats = {"date": st.dates(), "date-time": st.datetimes()}
        values = (
            formats[spec["format"]].map(lambda at: at.isoformat()) if spec.get("format") else TEXTS
        )
        if not spec["required"]:
            values = values.filter(bool)  # an empty field is a missing value
    else:
        values = number_of(spec["datatype"])
    for size in reversed(spec["shape"][1:]):
        values = st.lists(values, min_size=size, max_size=size)
    return values if spec["required"] else st.none() | values


@st.composite
def inputs(draw):
    datatype = draw(st.sampled_from([*NUMBERS, "BOOL", "BYTES"]))
    shape = [-1, *draw(st.lists(st.integers(1, 3), max_size=2))]
    spec = {"name": draw(NAMES), "datatype": datatype, "shape": shape, "required": True}
    if datatype == "BYTES" and draw(st.booleans()):
        spec["format"] = draw(st.sampled_from(["date", "date-time"]))
    if shape == [-1] and datatype != "BOOL" and not spec.get("format") and draw(st.booleans()):
        spec["enum"] = draw(st.lists(values_of(spec), min_size=1, max_size=3, unique=True))
    if datatype in (*datatypes.FLOATS, "BYTES") and not spec.get("enum"):
        spec["required"] = draw(st.booleans())
    return spec


@st.composite
def signatures_with_rows(draw):
    specs = draw(st.lists(inputs(), min_size=1, max_size=4, unique_by=lambda spec: spec["name"]))
    made = st.fixed_dictionaries({spec["name"]: values_of(spec) for spec in specs})
    given_rows = draw(st.lists(made, min_size=1, max_size=4))
    outputs = [{"name": "score", "datatype": "FP64", "shape": [-1]}]
    return {"inputs": specs, "outputs": outputs}, given_rows


@settings(max_examples=150, deadline=None)
@given(signatures_with_rows())
def test_any_signature_any_rows_come_through_the_form_as_they_were(drawn):
    """Values → what a form shows → what it posts → the request → what a replica would compute with."""
    signature, given_rows = drawn
    try:
        signatures.check_signature(signature)
    except signatures.Unfit:  # such as allowed values that are one in FP16
        return
    fields = rows.fields_of(signature)
    typed = [{field.name: field.text_of(row[field.name]) for field in fields} for row in given_rows]
    posted = [{name: text.replace("\n", "\r\n") for name, text in row.items()} for row in typed]
    judged = rows.judge(signature, posted)
    assert judged.sent == list(range(len(given_rows))), judged.errors
    sent = computed(signature, judged.body)
    for at, row in enumerate(given_rows):
        alone = computed(signature, rows.request(fields, [row]))
        for name in alone:
            np.testing.assert_array_equal(sent[name][at], alone[name][0])
    again = rows.judge(signature, rows.of_request(signature, judged.body))
    assert again.body == judged.body  # as JSON, written and read again


def computed(signature, body):
    return coercion.columns_of(wire.read(json.dumps(body).encode()), Signature.of(signature))[0]


# ── What people paste ─────────────────────────────────────────────────────

PASTED = [
    ("income,debt\n4000,300\n5200.5,0\n", [("4000", "300"), ("5200.5", "0")]),
    ("Monthly Account Credits;DEBT;note\n4000,5;300;x\n", [("4000.5", "300")]),
    ("\ufeffdebt\tincome\r\n300\t4,000\r\n", [("4,000", "300")]),
    ("4000,300", [("4000", "300")]),
    ('{"income": 4000, "debt": 300}', [("4000", "300")]),
    ('[{"income": 4000.0, "debt": 300}, {"debt": 1, "income": 2}]', [("4000", "300"), ("2", "1")]),
    (
        '{"dataframe_split": {"columns": ["debt", "income"], "data": [[300, 4000]]}}',
        [("4000", "300")],
    ),
    (json.dumps(factories.example()), [("4000", "300"), ("5200.5", "0")]),
]


@pytest.mark.parametrize(("text", "expected"), PASTED)
def test_what_is_pasted_becomes_rows(text, expected):
    signature = factories.signature()
    if "\t" in text:  # cells of a spreadsheet: a comma there is a decimal one
        expected = [("4.000", "300")]
    found = [(row["income"], row["debt"]) for row in rows.of_paste(signature, text)]
    assert found == expected
    assert not rows.judge(signature, rows.of_paste(signature, text)).errors


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2,3", "{", '{"inputs": []}', '{"x": 1}', "income,debt\n"]
)
def test_what_holds_no_rows_says_so(text):
    with pytest.raises(rows.Unpasteable):
        rows.of_paste(factories.signature(), text)


def test_each_row_is_judged_by_itself_at_its_field():
    signature = factories.signature()
    signature["inputs"][0] |= {"minimum": 0, "maximum": 10_000}
    typed = [
        {"income": "58,00", "debt": "1"},
        {"income": "4,000", "debt": "300"},
        {"income": "-1", "debt": ""},
        {"income": "20000", "debt": "1"},
    ]
    judged = rows.judge(signature, typed)
    assert judged.sent == [1] and judged.body["inputs"][0]["data"] == [4000.0]
    assert "number" in judged.errors[0]["income"] and judged.errors[2] == {"debt": "Fill this in."}
    assert "out of range" in judged.errors[3]["income"]


def test_the_points_of_a_movement():
    bounded = InputField(
        {"name": "x", "datatype": "FP32", "shape": [-1], "minimum": 0, "maximum": 1}
    )
    points = movement.points(bounded, "0.5")
    assert len(points) == movement.POINTS and (points[0], points[10], points[-1]) == (
        "0",
        "0.5",
        "1",
    )
    assert movement.nearest(bounded, "0.52", points) == 10
    whole = InputField({"name": "x", "datatype": "INT8", "shape": [-1], "minimum": 0, "maximum": 4})
    assert movement.points(whole, "") == ["0", "1", "2", "3", "4"]
    free = InputField({"name": "x", "datatype": "FP64", "shape": [-1]})
    assert movement.points(free, "100")[0] == "50"
    truth = InputField({"name": "x", "datatype": "BOOL", "shape": [-1]})
    assert movement.points(truth, "true") == ["true", "false"]


# ── Passes and how many ───────────────────────────────────────────────────


@given(st.binary(max_size=80), st.integers(0, 79))
def test_no_other_text_is_a_pass(noise, place):
    granted = SandboxPass(7, 8, 9, 1_800_000_000)
    text = sandbox_pass.mint(granted, 1, "pepper").encode()
    assert sandbox_pass.read(text, {1: b"pepper"}) == granted
    assert (
        sandbox_pass.read(text, {1: b"other"}) is None
        and sandbox_pass.read(text, {2: b"pepper"}) is None
    )
    assert sandbox_pass.read(sandbox_pass.PREFIX + noise, {1: b"pepper"}) is None
    changed = bytearray(text)
    changed[4 + place] ^= 1
    assert sandbox_pass.read(bytes(changed), {1: b"pepper"}) in (
        None,
        granted,
    )  # base64 has unused bits
    assert len(text) < 200


@pytest.mark.django_db(transaction=True)
def test_an_hour_has_sixty_calls_however_many_ask_at_once():
    maya = factories.maya()

    def take(count):
        try:
            allowance.take(maya, count)
            return count
        except allowance.NoneLeft:
            return 0
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(take, [7] * 12))
    assert taken == 56 == SandboxHour.objects.get(user=maya).calls
    with pytest.raises(allowance.NoneLeft, match="4 of 60"):
        allowance.take(maya, 5)
    assert allowance.of(maya).left == 4 and allowance.of(factories.alice()).left == 60


# ── The page and the API, with an answer as the gateway gives it ──────────


class Answering:
    """In the place of the gateway: adds income and debt. `asked` are (slug, number, body, pass)."""

    def __init__(self):
        self.asked = []

    def __call__(self, slug, number, body, pass_text):
        self.asked.append((slug, number, body, pass_text))
        columns = {tensor["name"]: tensor["data"] for tensor in body["inputs"]}
        sums = [
            income + debt for income, debt in zip(columns["income"], columns["debt"], strict=True)
        ]
        outputs = [{"name": "score", "datatype": "FP32", "shape": [len(sums)], "data": sums}]
        headers = {"X-Request-Id": "req_1", "X-Model-Version": number}
        return Reply(200, {"outputs": outputs}, headers, 12.5)


@pytest.fixture
def answering(monkeypatch):
    fake = Answering()
    monkeypatch.setattr("consumption.playground.gateway_client.infer", fake)
    return fake


@pytest.fixture
def live(db):
    version = factories.published_version()
    factories.plan(version.model, price_micros_per_1000=4_000_000)
    return version


@pytest.fixture
def maya(live):
    client = Client()
    client.force_login(factories.maya())
    return client


def address(version):
    return reverse("consumption:try", args=[version.model.slug])


def form(*typed, do="run", **more):
    """What the page posts: the shown row is the last of `typed`."""
    last = {f"in:{name}": text for name, text in typed[-1].items()} if typed else {}
    return {"do": do, "rows": json.dumps(typed), "at": len(typed) - 1, "mode": "form"} | last | more


def test_the_first_page_holds_the_owners_example_and_asks_nobody(maya, live, answering):
    page = maya.get(address(live)).content.decode()
    assert 'value="4000"' in page and "60</strong> of 60 calls left" in page
    assert "Run to see the answer" in page and not answering.asked


def test_a_run_shows_answers_costs_and_what_is_left(maya, live, answering):
    page = maya.post(
        address(live), form({"income": "4000", "debt": "300"}, {"income": "1", "debt": "2"})
    )
    text = page.content.decode()
    assert page.status_code == 200 and "4,300" in text and "0.004" in text and "req_1" in text
    assert "59</strong> of 60 calls left" in text and "12.5 ms" in text
    ((slug, number, body, pass_text),) = answering.asked
    assert (slug, number) == (live.model.slug, live.number) and body["inputs"][0]["data"] == [
        4000.0,
        1.0,
    ]
    granted = sandbox_pass.read(pass_text.encode(), {1: settings_pepper()})
    assert (granted.person, granted.model, granted.version) == (
        factories.maya().pk,
        live.model_id,
        live.pk,
    )
    assert pass_text not in text


def settings_pepper():
    from django.conf import settings as configured

    return configured.KEY_PEPPERS[1].encode()


def test_a_wrong_row_is_said_at_its_field_and_everything_typed_stays(maya, live, answering):
    page = maya.post(
        address(live), form({"income": "4000", "debt": "300"}, {"income": "a lot", "debt": "7"})
    )
    text = page.content.decode()
    assert page.status_code == 422 and "Write a number" in text and 'value="a lot"' in text
    assert answering.asked[0][2]["inputs"][0]["data"] == [4000.0]  # the other row stands
    alone = maya.post(address(live), form({"income": "", "debt": "7"}))
    assert "Fill this in." in alone.content.decode() and len(answering.asked) == 1


def test_every_other_button_keeps_the_rows_and_asks_nobody(maya, live, answering):
    typed = {"income": "5", "debt": "odd"}
    for act in (
        "add-row",
        "drop-row",
        "row-0",
        "row-999",
        "mode-json",
        "mode-paste",
        "clear",
        "nonsense",
        "add-version",
    ):
        page = maya.post(address(live), form({"income": "1", "debt": "2"}, typed, do=act))
        kept = page.context["bench"].sheet.rows
        assert page.status_code in (200, 422) and not answering.asked, act
        assert kept[0] == {"income": "1", "debt": "2"} and (
            act == "drop-row" or kept[1] == typed
        ), act
    odd = {
        "rows": "[[",
        "at": "x",
        "mode": "no",
        "on": ["a/b", "\x7f", "a/\0"],
        "do": "run",
        "in:debt": "1",
    }
    assert maya.post(address(live), odd).status_code == 422


def test_json_is_the_same_request(maya, live, answering):
    page = maya.post(address(live), form({"income": "4000", "debt": "300"}, do="mode-json"))
    written = page.context["bench"].sheet.typed
    maya.post(
        address(live), {"do": "run", "mode": "json", "typed": written.replace("4000.0", "4100")}
    )
    assert answering.asked[0][2]["inputs"][0]["data"] == [4100.0]
    broken = maya.post(address(live), {"do": "run", "mode": "json", "typed": '{"inputs": ['})
    assert broken.status_code == 422 and "not JSON" in broken.content.decode()
    assert broken.context["bench"].sheet.typed == '{"inputs": ['


def test_moving_one_input_is_one_call(maya, live, answering):
    page = maya.post(
        address(live), form({"income": "100", "debt": "300"}, do="move", move="income")
    )
    moved = page.context["bench"].movement
    assert len(answering.asked) == 1 and len(moved.points) == 21 and moved.here == 10
    assert moved.series[0].values[0] == 350 and "changes evenly" in page.content.decode()
    assert 'class="here-dot"' in page.content.decode()


def test_versions_beside_each_other(maya, live, answering):
    other = factories.published_version(live.model, "1.1.0")
    ModelVersion.objects.filter(pk=other.pk).update(
        signature={
            **other.signature,
            "inputs": [
                *other.signature["inputs"],
                {"name": "years", "datatype": "INT64", "shape": [-1]},
            ],
        }
    )
    keys = [f"{live.model.slug}/{number}" for number in ("1.0.0", "1.1.0")]
    page = maya.post(address(live), form({"income": "4", "debt": "3", "years": "2"}, on=keys))
    text = page.content.decode()
    assert sorted(number for _, number, *_ in answering.asked) == ["1.0.0", "1.1.0"]
    assert "Only 1.1.0 asks" in text and "1.0.0 answers the same as 1.1.0." in text
    lacking = maya.post(address(live), form({"income": "4", "debt": "3"}, on=keys)).content.decode()
    assert "Fill this in." in lacking and len(answering.asked) == 3  # 1.0.0 alone


def test_runs_are_remembered_for_this_sign_in_alone(maya, live, answering):
    maya.post(address(live), form({"income": "4000", "debt": "300"}))
    (run,) = history.runs(maya.session.session_key)
    again = maya.get(f"{address(live)}?run={run.id}")
    assert "4,300" in again.content.decode() and len(answering.asked) == 1
    elsewhere = Client()
    elsewhere.force_login(factories.maya())
    assert elsewhere.get(f"{address(live)}?run={run.id}").context["bench"].answer is None
    for _ in range(12):
        maya.post(address(live), form({"income": "1", "debt": "1"}))
    assert len(history.runs(maya.session.session_key)) == history.MOST
    maya.post(address(live), form({"income": "1", "debt": "1"}, do="clear"))
    assert history.runs(maya.session.session_key) == []


def test_nothing_is_sent_when_the_hour_is_used_up(maya, live, answering):
    allowance.take(factories.maya(), 60)
    text = maya.post(address(live), form({"income": "4000", "debt": "300"})).content.decode()
    assert (
        "No calls are left in this hour." in text and 'value="4000"' in text and not answering.asked
    )


def test_what_cannot_be_tried_says_why(maya, live, answering):
    facts = {"suspended_at": live.published_at, "suspension_reason": "Wrong for the self-employed."}
    ModelVersion.objects.filter(pk=live.pk).update(**facts)
    assert "Wrong for the self-employed." in maya.get(address(live)).content.decode()
    live.refresh_from_db()
    with pytest.raises(RuleError, match="is suspended"):
        tries.try_versions(factories.maya(), [tries.Asked(live, factories.example())])
    assert not answering.asked and allowance.of(factories.maya()).left == 60


def test_who_may_not_see_a_model_cannot_try_it(maya, live, answering):
    RegisteredModel.objects.filter(pk=live.model_id).update(visibility="restricted")
    assert maya.get(address(live)).status_code == 404
    assert maya.post(address(live), form({"income": "1", "debt": "1"})).status_code == 404
    path = f"models/{live.model.slug}/versions/{live.number}/tries/"
    Api(factories.maya()).post(path, {"request": factories.example()}, expect=404)
    open_one = factories.published_version(factories.model(name="Another model"))
    typed = form({"income": "1", "debt": "1"}, on=[f"{live.model.slug}/1.0.0"])
    maya.post(reverse("consumption:try", args=[open_one.model.slug]), typed)
    assert [slug for slug, *_ in answering.asked] == [open_one.model.slug]


def test_a_program_tries_with_its_own_scope(live, answering):
    path = f"models/{live.model.slug}/versions/{live.number}/tries/"
    _, reader = factories.token(by=factories.maya(), scopes=["publish"])
    Api(token=reader).post(path, {"request": factories.example()}, expect=403)
    _, text = factories.token(by=factories.maya(), name="Tries", scopes=["try"])
    api = Api(token=text)
    answer = api.post(path, {"request": factories.example()}, expect=201, key="once")
    assert answer["answer"]["outputs"][0]["data"] == [4300.0, 5200.5] and answer["status"] == 200
    assert answer["calls_left"] == 59 and answer["costs"][0]["cost"] == "0.004000000"
    again = api.post(path, {"request": factories.example()}, expect=201, key="once")
    assert again == answer | {"answer": None} and len(answering.asked) == 1
    api.post(path, {"request": {"inputs": ["x" * 300_000]}}, expect=422)
    allowance.take(factories.maya(), 59)
    api.post(path, {"request": factories.example()}, expect=429)


# ── Benchmark ─────────────────────────────────────────────────────────────


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300).map(sorted))
def test_percentiles_are_values_that_were_measured_inside_their_interval(values):
    for share in (0.5, 0.95, 0.99):
        found, (low, high) = latency.percentile(values, share), latency.interval(values, share)
        assert low <= found <= high and {found, low, high} <= set(values)
        assert sum(value <= found for value in values) >= share * len(values)


def test_an_open_loop_tells_of_a_version_that_falls_behind():
    """Calls of 20 ms, one at a time, due every 10 ms: each waits longer than the one before."""

    def slow():
        time.sleep(0.02)
        return True

    stage = latency.stage_of(slow, 1, 20, 100.0)
    assert stage.answered == 20 and stage.p95 > 150 and stage.answered_per_s < 55
    assert stage.p50 == pytest.approx(110, abs=60)


def test_a_benchmark_from_the_form_to_its_figures(maya, live, monkeypatch):
    monkeypatch.setattr(latency, "STAGE_S", 0.05)
    monkeypatch.setattr("consumption.playground.gateway_client.infer", Answering())
    page = reverse("consumption:latency", args=[live.model.slug])
    wanted = {"version": live.pk, "rows": 3, "expected_calls": 1_000_000}
    assert maya.post(page, wanted).status_code == 302
    (run,) = LatencyRun.objects.all()
    refused = maya.post(page, wanted)
    assert refused.status_code == 422 and "under way" in refused.content.decode()
    latency.measure(run.pk)
    latency.measure(run.pk)  # a task that comes twice
    run.refresh_from_db()
    assert (run.state, [stage["concurrency"] for stage in run.stages]) == ("done", [1, 4, 16])
    text = maya.get(page).content.decode()
    assert "4,000.00" in text and "Sandbox environment, not a service level" in text
    stranger = Client()
    stranger.force_login(factories.alice())
    assert "Nothing measured yet" in stranger.get(page).content.decode()
    for _ in range(2):
        again = latency.start(factories.maya(), live)
        LatencyRun.objects.filter(pk=again.pk).update(
            state="running", state_since=live.created_at - 400 * allowance.HOUR
        )
        latency.sweep()
        again.refresh_from_db()
        assert again.state == "failed"
    with pytest.raises(allowance.NoneLeft):
        latency.start(factories.maya(), live)


def test_a_version_that_does_not_answer_fails_its_benchmark(live, monkeypatch):
    monkeypatch.setattr(
        "consumption.playground.gateway_client.infer", lambda *_: Reply(503, {}, {}, 1.0)
    )
    run = latency.start(factories.maya(), live)
    latency.measure(run.pk)
    run.refresh_from_db()
    assert (run.state, run.stages, run.reason) == ("failed", [], "It did not answer.")
