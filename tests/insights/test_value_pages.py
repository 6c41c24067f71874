"""The value pages: from a figure to its evidence, what people type stays, the export works out the same outside the product."""

import io
import re
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel, SearchRecord
from consumption.models import KeyDay, SharedCost, UsageHour
from marketplace.insights.claims import actions as claim_actions
from marketplace.insights.ledger import actions, headline, posting, quarters
from marketplace.insights.ledger import views as ledger_views
from marketplace.insights.metrics import rollup
from marketplace.insights.models import ReuseEvent, ValueClaim
from tests import factories
from tests.api.calls import Api
from tests.insights import ledgers
from tests.pages import text_of as markup_of

pytestmark = pytest.mark.django_db
VALUE = "/insights/value/"


def text_of(response):
    """What people read: without the markup."""
    text = unescape(re.sub(r"<[^>]*>", "", markup_of(response)))
    return re.sub(r" +", " ", text)


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def line():
    return ledgers.mortgage_line()


@pytest.fixture
def signed(line):
    factories.called(line.subscription, 5, day=quarters.last_day(line.quarter))
    with ledgers.after_quarter(line):
        return actions.sign_quarter(factories.finn(), line.quarter)


def of_year(line):
    return f"{VALUE}?year={line.quarter.year}"


def test_the_year_says_what_counts_and_what_is_no_saving(line):
    text = text_of(client_of(factories.cleo()).get(of_year(line)))
    assert "131,000 USD" in text and "likely 161,000" in text and "191,000" in text
    assert "Gross, not a saving" in text and "1 reuse decision" in text
    assert "0 signed by Finance, 131,000 open" in text


def test_a_line_opens_in_place_with_its_sum_and_four_links(line, signed):
    page = client_of(factories.cleo()).get(f"{of_year(line)}&line={line.pk}")
    text = text_of(page)
    assert (
        "140,000 to build, large, low end × 1 evidence A × 1 first team of the unit − 9,000 integration, logged = 131,000 USD"
        in text
    )
    for part in ("MO-2026-07", "Confirmed by Hanna", f"{signed.name} signed", "SBR-"):
        assert part in text
    for name in ("line_calls", "line_record", "line_approval"):
        assert f'href="{reverse(f"insights:{name}", args=[line.pk])}"' in page.content.decode()
    assert f'href="{signed.get_absolute_url()}"' in page.content.decode()


def test_many_lines_come_in_pages_with_the_opened_one_always_there(line, monkeypatch):
    monkeypatch.setattr(ledger_views, "LINES", 1)
    team = factories.team("Insurance Pricing", "Insurance")
    held = ledgers.held(team, factories.person("petra", team), line.subscription.pinned_version)
    other = ledgers.swept(ledgers.called(held))
    cleo = client_of(factories.cleo())
    first, second = sorted((line, other), key=lambda one: (one.quarter, -one.low))
    page = cleo.get(of_year(line)).content.decode()
    assert f'id="line-{first.pk}"' in page and f'id="line-{second.pk}"' not in page
    assert f'id="line-{second.pk}"' in cleo.get(f"{of_year(line)}&page=2").content.decode()
    opened = cleo.get(f"{of_year(line)}&line={second.pk}").content.decode()
    assert opened.count(f'id="line-{second.pk}"') == 1 and "Search before build" in opened


def test_each_link_leads_to_its_evidence(line, signed):
    client = client_of(factories.cleo())
    calls = text_of(client.get(reverse("insights:line_calls", args=[line.pk])))
    assert "560 calls on 14 days" in calls and "800 answered calls" not in calls
    record = text_of(client.get(reverse("insights:line_record", args=[line.pk])))
    assert "The record is as it was signed." in record and "Six months of three people" in record
    approval = text_of(client.get(reverse("insights:line_approval", args=[line.pk])))
    assert "reuse.confirm" in approval and "reuse.post" in approval and "Maya" in approval
    quarter = text_of(client.get(signed.get_absolute_url()))
    assert "It is as it was signed." in quarter and signed.sha256 in quarter


def test_calls_go_down_to_the_hour_and_the_single_call(line):
    day = line.qualified_on
    at = f"{day:%Y-%m-%d}T10:05:00+00:00"
    call = factories.call(line.subscription, at=_moment(at))
    facts = factories.paid_by(line.subscription) | dict.fromkeys(
        ("client_errors", "upstream_errors", "aborted", "unknown"), 0
    )
    UsageHour.objects.create(
        hour=_moment(at).replace(minute=0),
        subscription=line.subscription,
        version=line.subscription.pinned_version,
        calls=40,
        ok=40,
        units=40,
        duration_us=1,
        **facts,
    )
    address = reverse("insights:line_calls", args=[line.pk])
    text = text_of(client_of(factories.cleo()).get(f"{address}?day={day:%Y-%m-%d}&hour=10"))
    assert "10:00 40" in text and str(call.event_id) in text


def _moment(text):
    return datetime.fromisoformat(text)


def test_a_missing_record_is_said(line):
    ReuseEvent.objects.update(search_record=None)
    text = text_of(client_of(factories.cleo()).get(f"{of_year(line)}&line={line.pk}"))
    assert "No record of the team names this model." in text
    answer = client_of(factories.cleo()).get(reverse("insights:line_record", args=[line.pk]))
    assert "No record" in text_of(answer)


def test_others_see_their_unit_and_are_told_so(line):
    text = text_of(client_of(factories.maya()).get(of_year(line)))
    assert "131,000" in text and "not the whole company" in text and "Net value" not in text
    wendy = client_of(factories.person("wendy", factories.wealth()))
    assert "131,000" not in text_of(wendy.get(f"{of_year(line)}&line={line.pk}"))
    for name in ("line_calls", "line_record", "line_approval"):
        assert wendy.get(reverse(f"insights:{name}", args=[line.pk])).status_code == 404


def test_net_value_is_its_parts(line):
    SharedCost.objects.create(
        name="Platform",
        amount_micros=10_000_000_000,
        method="even",
        from_month=line.quarter.replace(month=1),
        set_by=factories.finn(),
    )
    net = headline.headline(factories.cleo(), ledgers.today().year).net
    assert net.platform == 10_000 * ledgers.today().month
    models = {line.model_id}
    assert (net.published, net.publishing) == (len(models), Decimal(40 * 95))
    facts = {"kind": "publication", "note": "Sheet 4", "spent_on": ledgers.today()}
    actions.log_effort(factories.alice(), line.model, amount=Decimal(10), **facts)
    net = headline.headline(factories.cleo(), ledgers.today().year).net
    assert net.publishing == 950
    assert net.total == net.avoided + net.claims - net.platform - 950


def test_an_empty_ledger_says_what_comes_first():
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya()), calls=8, days=15)
    posting.sweep()
    text = text_of(client_of(factories.cleo()).get(VALUE))
    assert (
        "Nothing qualified yet" in text
        and "Mortgage origination with Income verification: 120" in text
    )


@pytest.mark.parametrize(
    "question", ["year=abc", "year=99999", "line=999999", "line=-1", "line=x", "year=" + "9" * 30]
)
def test_odd_addresses_answer(question):
    assert client_of(factories.cleo()).get(f"{VALUE}?{question}").status_code == 200


# ── Forms ─────────────────────────────────────────────────────────────────


def test_a_plan_is_documented_and_what_was_typed_stays():
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    client, address = client_of(factories.maya()), reverse("insights:describe_line", args=[line.pk])
    wrong = client.post(address, {"integration": "700", "plan_reference": "MO-7"})
    assert wrong.status_code == 422
    assert 'value="MO-7"' in wrong.content.decode() and 'value="700"' in wrong.content.decode()
    plan = {name: str(value) for name, value in ledgers.plan().items()}
    assert client.post(address, {"integration": "700", **plan}).status_code == 302
    assert ledgers.line_of(factories.mortgage()).has_plan


def test_a_team_says_once_what_it_would_have_done():
    subscription = ledgers.called(
        ledgers.held(factories.mortgage(), factories.maya(), counterfactual="")
    )
    assert posting.sweep().posted == []
    maya, address = (
        client_of(factories.maya()),
        reverse("insights:state_counterfactual", args=[subscription.pk]),
    )
    assert address in maya.get(VALUE).content.decode()
    assert address not in client_of(factories.cleo()).get(VALUE).content.decode()
    assert maya.post(address, {"counterfactual": "luck"}).status_code == 422
    assert maya.post(address, {"counterfactual": "would_build"}).status_code == 302
    assert len(posting.sweep().posted) == 1
    assert maya.get(address).status_code == 404
    again = {"counterfactual": "would_buy"}
    assert Api(factories.maya()).put(f"counterfactuals/{subscription.pk}/", again, expect=409)


def test_a_lead_confirms_on_the_page():
    hanna = ledgers.hanna()
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    address = reverse("insights:confirm_line", args=[line.pk])
    given = {
        "counterfactual": "would_build",
        "reason": ledgers.LONG,
        **line.complexity,
        "labels": "made",
        "task": "text",
    }
    assert client_of(factories.maya()).get(address).status_code == 404
    assert client_of(hanna).get(address).status_code == 200
    wrong = client_of(hanna).post(address, given | {"reason": "short"})
    assert wrong.status_code == 422 and "At least" in text_of(wrong) or "at least" in text_of(wrong)
    assert client_of(hanna).post(address, given).status_code == 302
    line.refresh_from_db()
    assert (line.grade, line.size, line.confirmed_by) == ("B", "M", hanna)


def test_finance_signs_on_the_page(line):
    factories.called(line.subscription, 5, day=quarters.last_day(line.quarter))
    address = reverse("insights:quarter", args=[quarters.name_of(line.quarter)])
    finn = factories.finn()
    with ledgers.after_quarter(line):
        client = client_of(finn)
        assert "Sign" in text_of(client.get(address))
        assert client_of(factories.vera()).post(address).status_code == 403
        assert client.post(address).status_code == 302
        assert f"Signed by {finn}" in text_of(client.get(address))


@pytest.mark.parametrize("name", ["2026-Q5", "2026", "1999-Q1", "2026-q3"])
def test_what_is_no_quarter_is_not_found(name):
    assert client_of(factories.cleo()).get(f"{VALUE}quarters/{name}/").status_code == 404


# ── The export ────────────────────────────────────────────────────────────


@pytest.fixture
def unpacked(line, signed, tmp_path):
    reversal = _claimed_and_reversed(line)
    answer = client_of(factories.vera()).get("/insights/value/export/")
    assert answer.headers["Content-Type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    return tmp_path, line, reversal


def _claimed_and_reversed(line):
    with ledgers.after_quarter(line):
        return actions.reject_line(factories.finn(), line, ledgers.LONG)


def run(folder):
    """The script, with a Python that knows nothing of the product."""
    done = subprocess.run(
        [sys.executable, "-I", folder / "recompute.py", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_export_works_out_the_same_outside(unpacked):
    folder, _, _ = unpacked
    assert run(folder) == (0, "avoided, USD: low 0.00, likely 0.00, high 0.00\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("lines", "131000.00", "132000.00", "worked out 131000.00"),
        ("quarters", "131000.00", "130000.00", "worked out 131000.00"),
        ("calls", ",40\n", ",4\n", "its calls do not qualify"),
    ],
)
def test_the_script_finds_what_was_changed(unpacked, name, old, new, said):
    folder, _, _ = unpacked
    file = folder / f"{name}.csv"
    file.write_text(file.read_text().replace("\r\n", "\n").replace(old, new))
    status, output = run(folder)
    assert status == 1 and said in output


def test_the_csv_of_a_year_has_every_input(line):
    text = client_of(factories.cleo()).get(f"{of_year(line)}&as=csv").content.decode()
    assert "131000.00" in text and "regulated=eligibility" in text and "MO-2026-07" in text


# ── The API ───────────────────────────────────────────────────────────────


def test_the_api_says_the_same(line):
    api = Api(factories.cleo())
    year = api.get(f"value/?year={line.quarter.year}")
    assert year["avoided"] == {"low": "131000.00", "mid": "161000.00", "high": "191000.00"}
    assert year["is_whole"] and year["units"][0]["unit_name"] == "Mortgage"
    (row,) = api.get("reuse-events/")["results"]
    assert (row["low"], row["grade"], row["is_signed"], row["search_record"]) == (
        "131000.00",
        "A",
        False,
        str(line.search_record),
    )
    assert api.get("value/?year=12", expect=400)


def test_the_api_has_the_same_verbs():
    hanna = ledgers.hanna()
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    own = f"reuse-events/{line.pk}/"
    Api(factories.maya()).post(f"{own}describe/", {"integration": "9000.00"})
    given = {"counterfactual": "would_build", "reason": ledgers.LONG, "complexity": ledgers.LARGE}
    assert Api(factories.maya()).post(f"{own}confirm/", given, expect=403)
    row = Api(hanna).post(f"{own}confirm/", given)
    assert (row["size"], row["grade"], row["low"]) == ("L", "B", "89000.00")
    row = Api(factories.finn()).post(f"{own}reject/", {"reason": ledgers.LONG}, expect=201)
    assert (row["kind"], row["low"]) == ("reversal", "-89000.00")


def test_quarters_are_signed_through_the_api(line):
    factories.called(line.subscription, 5, day=quarters.last_day(line.quarter))
    name = quarters.name_of(line.quarter)
    with ledgers.after_quarter(line):
        row = Api(factories.finn()).post("signed-quarters/", {"quarter": name}, expect=201)
        assert row["quarter"] == name
        assert Api(factories.finn()).post("signed-quarters/", {"quarter": name}, expect=409)


def test_uncounted_uses_through_the_api():
    ledgers.called(ledgers.held(factories.lending(), factories.alice()))
    posting.sweep()
    (row,) = Api(factories.cleo()).get("uncounted-uses/")
    assert (row["team"], row["why_not"]) == (factories.lending().slug, "its own model")


# ── Claims ────────────────────────────────────────────────────────────────

CLAIM = {
    "title": "More offers accepted",
    "kind": "revenue",
    "gross": "96000",
    "attribution_percent": "50",
    "method": "Accepted offers of the quarter against the year before, at the mean margin.",
    "evidence": "Report OP-12 of the origination platform, sheet 4.",
}


def written(**changed):
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    return claimed(line, **changed)


def claimed(line, **changed):
    """Maya claims on the page what the model of a line brings."""
    client = client_of(factories.maya())
    given = CLAIM | {
        "team": factories.mortgage().pk,
        "model": line.model.slug,
        "quarter": quarters.name_of(quarters.quarter_of(ledgers.today())),
    }
    return client.post("/insights/value/claims/new/", given | changed)


def test_a_claim_is_counted_only_once_finance_validated_it():
    assert written().status_code == 302
    claim = ValueClaim.objects.get()
    address = claim.get_absolute_url()
    assert counted() == 0
    assert client_of(factories.maya()).post(f"{address}confirm/").status_code == 403
    assert client_of(ledgers.hanna()).post(f"{address}confirm/").status_code == 302
    assert counted() == 0
    answer = {"answer": "validate", "reason": ledgers.LONG}
    assert client_of(ledgers.hanna()).post(address, answer).status_code == 403
    assert client_of(factories.finn()).post(address, answer).status_code == 302
    assert counted() == 48_000
    text = text_of(client_of(factories.cleo()).get(VALUE))
    assert "+ 48,000" in text and "1 of 1 claim" in text


def counted():
    return headline.headline(factories.cleo(), ledgers.today().year).net.claims


def built(number, days):
    """A project that built its model, in production so many days after it began."""
    record = factories.search_record(title=f"Project {number}")
    entry = factories.model(name=f"{chr(65 + number) * 5} forecast")
    factories.published_version(entry)
    RegisteredModel.objects.filter(pk=entry.pk).update(search_record=record)
    began = timezone.now() - timedelta(days=days)
    facts = {"decision": "build", "decided_by": factories.maya(), "sponsor": "The board"}
    SearchRecord.objects.filter(pk=record.pk).update(
        state="decided",
        opened_at=began,
        decided_at=began,
        expires_at=began + timedelta(days=400),
        signature="x",
        **facts,
    )


def answered_by_key(line, day):
    """The day's first answered production call, as the metrics read it."""
    key, _ = factories.key(line.subscription)
    KeyDay.objects.create(
        day=day,
        subscription=line.subscription,
        version=line.subscription.pinned_version,
        key=key,
        environment="prod",
        **dict.fromkeys(("calls", "ok", "units", "duration_us"), 1),
        **dict.fromkeys(("client_errors", "upstream_errors", "aborted", "unknown"), 0),
        **factories.paid_by(line.subscription),
    )


def accelerated(line, *, is_independent):
    """(weeks, acceleration) of a validated claim of 48,000 a year."""
    claimed(line)
    claim = claim_actions.confirm_claim(ledgers.hanna(), ValueClaim.objects.latest("pk"))
    claim_actions.validate_claim(
        factories.finn(), claim, ledgers.LONG, is_independent=is_independent
    )
    return claim.weeks_saved, claim.acceleration


def test_what_came_earlier_is_measured_against_the_cohort_that_built():
    line = ledgers.mortgage_line()
    began = ledgers.today() - timedelta(days=35)
    answered_by_key(line, began + timedelta(days=14))
    SearchRecord.objects.update(opened_at=began, decided_at=began)
    for number, days in enumerate((70, 105, 112, 133)):
        built(number, days)
    rollup.count_due(timezone.now())
    assert accelerated(line, is_independent=True) == (0, 0)  # four are no cohort
    built(4, 126)
    rollup.count_due(timezone.now())
    assert accelerated(line, is_independent=False) == (Decimal(14), 0)  # its cost is avoided, too
    assert accelerated(line, is_independent=True) == (Decimal(14), Decimal("12923.08"))  # ÷ 52


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"attribution_percent": "60"}, "attribution_reason"),
        ({"method": "short"}, "method"),
        ({"gross": "0"}, "gross"),
        ({"quarter": "2098-Q1"}, "quarter"),
    ],
)
def test_a_claim_that_is_not_whole_keeps_what_was_typed(changed, field):
    wrong = written(**changed)
    assert wrong.status_code == 422
    assert f'id="field-{field}"' in wrong.content.decode()
    assert 'class="field field-invalid" id="field-' + field in wrong.content.decode()
    assert "More offers accepted" in wrong.content.decode()


def test_a_rejected_claim_stays_grey_with_its_reason():
    written()
    claim = ValueClaim.objects.get()
    hanna = client_of(ledgers.hanna())
    assert hanna.post(f"{claim.get_absolute_url()}reject/", {"reason": "no"}).status_code == 422
    assert (
        hanna.post(f"{claim.get_absolute_url()}reject/", {"reason": ledgers.LONG}).status_code
        == 302
    )
    claim.refresh_from_db()
    assert (claim.state, claim.counts, claim.decision_reason) == ("rejected", 0, ledgers.LONG)


def test_the_api_takes_a_claim_the_same_way():
    line = ledgers.swept(ledgers.called(ledgers.held(factories.mortgage(), factories.maya())))
    given = CLAIM | {
        "team": factories.mortgage().slug,
        "model": line.model.slug,
        "quarter": quarters.name_of(quarters.quarter_of(ledgers.today())),
        "attribution_percent": 40,
    }
    row = Api(factories.maya()).post("value-claims/", given, expect=201)
    assert (row["value"], row["counts"], row["state"]) == ("38400.00", "0.00", "draft")
    Api(ledgers.hanna()).post(f"value-claims/{row['id']}/confirm/", {})
    row = Api(factories.finn()).post(
        f"value-claims/{row['id']}/validate/", {"reason": ledgers.LONG}
    )
    assert row["counts"] == "38400.00"


def test_nothing_is_posted_by_looking():
    ledgers.called(ledgers.held(factories.mortgage(), factories.maya()))
    client_of(factories.cleo()).get(VALUE)
    assert not ReuseEvent.objects.exists()
    assert posting.sweep().posted
