"""Requirement H11: gross and conservative side by side, every assumption in sight, and it says when it does not pay."""

import csv
import io

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from marketplace.accounts.models import BusinessUnit
from marketplace.core.errors import Invalid, NotAllowed
from marketplace.insights.business_case import actions, calculator, prefill
from marketplace.insights.business_case.calculator import Triple
from marketplace.insights.models import BusinessCase, ProductionModel
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of

ADDRESS = "/insights/business-case/"


def thousands(case):
    return tuple(round(value / 1000) for value in (case.net.p10, case.net.p50, case.net.p90))


def test_the_gross_formula():
    case = calculator.work_out(calculator.usual(34, 5))
    assert calculator.gross(34, 22) == pytest.approx(1_196_800)
    assert case.gross == pytest.approx(1_196_800)
    assert calculator.few_duplicates(calculator.usual()) == (250_000, 1_000_000)


def test_the_company_of_the_story_hardly_pays():
    case = calculator.work_out(calculator.usual(34, 5))
    assert thousands(case) == (-15, 67, 167)
    assert round(case.pays_first_year, 3) == 0.004
    assert case.verdict.startswith("It does not pay back")


def test_a_larger_portfolio_pays():
    case = calculator.work_out(calculator.usual(150, 12))
    assert thousands(case)[:2] == (452, 756) and round(case.net.p90 / 1e6, 2) == 1.16
    assert round(100 * case.pays_first_year) == 97
    assert case.verdict == "It pays, likely within the first year."


def test_a_company_without_models_does_not_pay():
    case = calculator.work_out(calculator.usual(0, 0))
    assert case.net.p90 < 0 and case.payback_years is None and case.break_even_capture is None
    assert case.verdict.startswith("It does not pay:")


def test_without_a_spread_the_draws_are_the_formula():
    one = {name: Triple(t.likely, t.likely, t.likely) for name, t in calculator.usual().items()}
    case = calculator.work_out(one)
    reused = (34 * 0.22 / 3 + 5.1 * 0.22) * 110_000 * 0.5 * 0.85
    enabled = 5 * one["adoption"].likely / 100 * one["impact"].likely * one["weeks"].likely / 52
    year = reused + enabled - 12 * 14_000
    assert case.net.p10 == case.net.p90 == pytest.approx(year) == pytest.approx(case.likely)
    assert case.swings == ()
    assert case.payback_years == pytest.approx(300_000 / year)
    factors = sum(1.08**-number for number in (1, 2, 3))
    assert case.present_value == pytest.approx(year * factors - 300_000)


@pytest.mark.parametrize("name", ["capture", "duplication"])
def test_at_the_break_even_the_likely_year_is_nothing(name):
    assumed = calculator.usual(34, 0)
    share = getattr(calculator.work_out(assumed), f"break_even_{name}")
    at = calculator.work_out(assumed | {name: Triple(share, share, share)})
    assert at.likely == pytest.approx(0, abs=0.01)


TRIPLES = st.fixed_dictionaries(
    {
        one.name: st.tuples(*[st.floats(one.least, min(one.most, 1e6))] * 3).map(
            lambda values: Triple(*sorted(values))
        )
        for one in calculator.ASSUMPTIONS
    }
)


@settings(max_examples=40, deadline=None, database=None)
@given(TRIPLES)
def test_whatever_is_assumed_figures_are_ordered_and_finite(assumed):
    assert calculator.problems(assumed) == {}
    case = calculator.work_out(assumed)
    assert case.net.p10 <= case.net.p50 <= case.net.p90
    assert 0 <= case.pays_first_year <= 1 and 0 <= case.pays_at_all <= 1
    assert [swing.width for swing in case.swings] == sorted(
        (swing.width for swing in case.swings), reverse=True
    )


def test_the_same_assumptions_give_the_same_figures():
    first = calculator.work_out(calculator.usual(20, 3))
    calculator._work_out.cache_clear()
    assert calculator.work_out(calculator.usual(20, 3)) == first


# ── Pages and API ─────────────────────────────────────────────────────────

pytestmark = pytest.mark.django_db


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def typed(**changed):
    data = {
        f"{name}_{end}": getattr(triple, end)
        for name, triple in calculator.usual().items()
        for end in ("low", "likely", "high")
    }
    return data | changed


def test_it_begins_with_the_companys_own_numbers():
    unit = factories.unit("Mortgage")
    for number in range(7):
        ProductionModel.objects.create(name=f"Model {number}", business_unit=unit)
    BusinessUnit.objects.create(slug="new", name="New", has_ai=False)
    assumed = prefill.assumptions()
    assert assumed["models"].likely == 7
    assert assumed["units"].likely == BusinessUnit.objects.filter(has_ai=False).count()
    text = text_of(client_of(factories.charlie()).get(ADDRESS))
    assert "7 models × 22 % built twice" in text.replace("\u00a0", " ")
    assert "Gross, not a saving" in text and "It does not pay" in text


def test_what_is_typed_is_worked_out_at_its_own_address():
    client = client_of(factories.charlie())
    answer = client.post(
        ADDRESS, typed(models_low=150, models_likely=150, models_high=150, step="work")
    )
    assert answer.status_code == 302 and "models_low=150" in answer.headers["Location"]
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200 and 'value="150.0"' in page.content.decode()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"capture_low": 90}, "capture"),
        ({"capture_high": 900}, "capture"),
        ({"cost_low": "much"}, "cost"),
        ({"cost_low": "nan"}, "cost"),
        ({"cycle_low": 0}, "cycle"),
    ],
)
def test_numbers_that_cannot_be_used_stay_on_the_form(changed, field):
    answer = client_of(factories.charlie()).post(ADDRESS, typed(**changed, step="work"))
    assert answer.status_code == 422
    ((name, value),) = changed.items()
    assert f'value="{value}"' in answer.content.decode() and "errorlist" in answer.content.decode()


def test_a_scenario_is_saved_changed_shared_and_deleted():
    maya, charlie = client_of(factories.maya()), client_of(factories.charlie())
    made = maya.post(ADDRESS, typed(name="Careful", shared="private"))
    case = BusinessCase.objects.get()
    assert made.headers["Location"] == case.get_absolute_url()
    assert charlie.get(case.get_absolute_url()).status_code == 404
    maya.post(case.get_absolute_url(), typed(name="Careful", shared="company", run_high=30_000))
    case.refresh_from_db()
    assert case.assumptions["run"][2] == 30_000 and BusinessCase.objects.count() == 1
    assert "Careful" in text_of(charlie.get(ADDRESS))
    delete = f"{case.get_absolute_url()}delete/"
    assert charlie.post(delete).status_code == 403
    copied = charlie.post(case.get_absolute_url(), typed(name="Mine", shared="private"))
    assert (
        copied.status_code == 302
        and BusinessCase.objects.filter(owner__username="charlie").exists()
    )
    assert (
        maya.post(delete).status_code == 302
        and not BusinessCase.objects.filter(pk=case.pk).exists()
    )


def test_shared_with_finance_is_for_those_who_see_all():
    case = saved(shared="finance")
    assert client_of(factories.vera()).get(case.get_absolute_url()).status_code == 200
    assert client_of(factories.charlie()).get(case.get_absolute_url()).status_code == 404


def saved(shared="private", name="Careful"):
    return actions.save_case(factories.maya(), name=name, assumed=calculator.usual(), shared=shared)


def test_a_name_is_ones_own_once_and_no_case_is_changed_by_others():
    case = saved()
    with pytest.raises(Invalid) as refused:
        saved()
    assert refused.value.field == "name"
    with pytest.raises(NotAllowed):
        actions.save_case(
            factories.vera(), name="x", assumed=calculator.usual(), shared="private", case=case
        )


def test_files_hold_every_assumption_and_result():
    client = client_of(factories.charlie())
    book = load_workbook(io.BytesIO(client.get(f"{ADDRESS}?as=xlsx").content))
    assert book.sheetnames == ["Assumptions", "Results", "What moves it"]
    assert book["Assumptions"].max_row == 1 + len(calculator.ASSUMPTIONS)
    results = {row[0]: row[2] for row in book["Results"].iter_rows(values_only=True)}
    case = calculator.work_out(prefill.assumptions())
    assert results["Conservative net value, P50"] == round(case.net.p50, 2)
    rows = list(csv.reader(io.StringIO(client.get(f"{ADDRESS}?as=csv").content.decode())))
    assert ["Found and reused instead", "%", "30", "50", "70"] in rows
    assert any(row[:1] == ["Gross, not a saving: every duplicate there is"] for row in rows)


def test_the_api_saves_and_works_out_the_same():
    api = Api(factories.maya())
    given = {"name": "Larger", "shared": "company", "assumptions": {"models": [150, 150, 150]}}
    row = api.post("business-cases/", given, expect=201)
    assert row["assumptions"]["models"] == [150, 150, 150]
    assumed = calculator.usual() | {"models": Triple(150, 150, 150)}
    assert row["result"]["p50"] == calculator.work_out(assumed).net.p50
    wrong = api.post("business-cases/", given | {"assumptions": {"luck": [1, 2, 3]}}, expect=422)
    assert wrong["field"] == "assumptions"
    changed = api.put(f"business-cases/{row['id']}/", given | {"name": "Largest"})
    assert changed["name"] == "Largest"
    assert Api(factories.charlie()).delete(f"business-cases/{row['id']}/", expect=403)
