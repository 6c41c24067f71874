"""Issue 12, B5: models side by side. Figures compare on the same benchmark only, and a mark stands only where the difference counts."""

import csv
import io
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from catalog import tray
from governance.evaluations import artifact_digest
from governance.models import Evaluation
from marketplace.accounts.models import User
from marketplace.insights import comparison
from marketplace.insights.comparison import significance
from marketplace.insights.comparison.significance import Measured
from marketplace.insights.comparison.table import Mark
from tests import factories
from tests.api.test_answers_keep_the_schema import document, problems  # noqa: F401
from tests.consumption import evaluating
from tests.pages import text_of

SHARED = {"data": "Income benchmark", "data_sha256": "a" * 64}


def measured(version, value, half=50, metric="mae", **facts):
    facts = SHARED | {"n": 2100, "baseline": 5000.0} | facts
    return Evaluation.objects.create(
        version=version,
        kind=Evaluation.Kind.INDEPENDENT,
        suite="regression@1",
        metric=metric,
        value=value,
        low=value - half,
        high=value + half,
        artifact_sha256=artifact_digest(version),
        by=User.objects.system("evaluation-runner"),
        **facts,
    )


@pytest.fixture
def three():
    """Three published models, the third with another input."""
    versions = [
        factories.published_version(factories.model(name=name))
        for name in ("Income check", "Borrower income", "Payroll check")
    ]
    third = versions[2]
    renamed = [third.signature["inputs"][0], third.signature["inputs"][1] | {"name": "employer"}]
    type(third).objects.filter(pk=third.pk).update(signature=third.signature | {"inputs": renamed})
    return versions


def picks(versions):
    return tray.picks_of([version.model.slug for version in versions])


def compared(versions, by=None):
    return comparison.compare(by or factories.maya(), picks(versions))


@pytest.mark.django_db
def test_the_title_says_whether_models_or_versions_are_compared(three):
    older, newer = three[0], factories.published_version(three[0].model, number="1.1.0")
    page = signed_in(factories.maya())
    models = page.get(address(older.model.slug, three[1].model.slug))
    slug = older.model.slug
    versions = page.get(address(f"{slug}@{older.number}", f"{slug}@{newer.number}"))
    assert "<h1>Compare 2 models</h1>" in models.text
    assert "<h1>Compare 2 versions of Income check</h1>" in versions.text


def row(table, label):
    return next(row for group in table.groups for row in group.rows if row.label == label)


def address(*texts, **more):
    return "/compare/?" + "&".join(
        [*(f"model={text}" for text in texts), *(f"{name}={value}" for name, value in more.items())]
    )


def main(response):
    """The page without its frame, whose forms have a new token each time."""
    return text_of(response).split("<main")[1]


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
halves = st.floats(0.01, 1e5)


@given(values, halves, values, halves)
def test_the_order_of_two_figures_does_not_matter(one, one_half, other, other_half):
    first = Measured(one, one - one_half, one + one_half)
    second = Measured(other, other - other_half, other + other_half)
    apart, low, high = significance.difference(first, second)
    back, back_low, back_high = significance.difference(second, first)
    assert (apart, low, high) == pytest.approx((-back, -back_high, -back_low))
    counts = significance.against(first, [second])[0].counts
    assert counts == significance.against(second, [first])[0].counts
    assert counts == (low > 0 or high < 0) or abs(min(abs(low), abs(high))) < 1e-6 * abs(apart)
    if first.high < second.low:
        assert counts  # intervals that do not even touch


@given(st.lists(st.tuples(values, halves), min_size=2, max_size=4), st.booleans())
def test_the_best_is_better_than_every_other_one(figures, lower_is_better):
    row = [Measured(value, value - half, value + half) for value, half in figures]
    best = significance.best_of(row, lower_is_better)
    if best is not None:
        others = [one.value for place, one in enumerate(row) if place != best]
        assert all((row[best].value < one) == lower_is_better for one in others)


@pytest.mark.django_db
def test_only_what_counts_is_marked(three):
    for version, value in zip(three, (2340, 2300, 3470), strict=True):
        measured(version, value)
    table = compared(three)
    cells = row(table, "Mean absolute error").cells
    assert [cell.mark for cell in cells] == [Mark.NONE, Mark.NONE, Mark.WORSE]
    assert cells[1].verdict.text == "No significant difference (−111 to +30.7)"
    assert cells[2].verdict.text.startswith("Worse by 1,130")
    assert str(table.in_short[0]) == (
        "Borrower income and Income check are equally good; Payroll check answers worse: "
        "Mean absolute error 2,300 against 3,470 on Income benchmark."
    )
    assert table.groups[0].title == "Quality on the same benchmark"
    for version in three[:1]:
        measured(version, 1900)
    best = row(compared(three), "Mean absolute error").cells
    assert [cell.mark for cell in best] == [Mark.BEST, Mark.WORSE, Mark.WORSE]


@pytest.mark.django_db
def test_other_rows_are_another_benchmark_even_under_the_same_name(three):
    measured(three[0], 2340)
    measured(three[1], 1200, data_sha256="b" * 64)
    table = compared(three)
    assert table.groups[0].hint.startswith("Not measured on the same benchmark")
    measured(three[2], 3470)
    cells = row(compared(three), "Mean absolute error").cells
    assert cells[1].verdict.text == "Other rows of Income benchmark" and not cells[1].mark
    assert cells[1].estimate is None


@pytest.mark.django_db
def test_figures_about_other_files_do_not_count(three):
    for version in three[:2]:
        measured(version, 2340)
    first = compared(three[:2])
    assert first.groups[0].title == "Quality on the same benchmark"
    type(three[1]).objects.filter(pk=three[1].pk).update(external_url="https://elsewhere.example")
    assert compared(three[:2]).groups[0].title == "Quality"


@pytest.mark.django_db
def test_inputs_say_what_is_shared_missing_and_extra(three):
    cells = row(compared(three), "Inputs").cells
    assert [(one.name, one.state) for one in cells[2].fields] == [
        ("income", "has"),
        ("debt", "lacks"),
        ("employer", "extra"),
    ]
    assert row(compared(three), "Outputs").is_same


@pytest.mark.django_db
def test_what_one_may_not_see_drops_out_like_what_is_not_there(three):
    hidden = factories.published_version(
        factories.model(name="Secret salary", visibility="restricted")
    )
    slugs = [version.model.slug for version in three[:2]]
    client = signed_in(factories.maya())
    with_hidden = main(client.get(address(*slugs, hidden.model.slug)))
    with_nothing = main(client.get(address(*slugs, "no-such-model")))
    assert "1 model is no longer available to you." in with_hidden
    assert with_hidden == with_nothing and "Secret" not in with_hidden
    alone = text_of(client.get(address(slugs[0], hidden.model.slug)))
    assert "Pick at least two models" in alone
    owner = text_of(signed_in(factories.alice()).get(address(*slugs, hidden.model.slug)))
    assert "Compare 3 models" in owner and "Secret salary" in owner


@pytest.mark.django_db
def test_versions_of_one_model_are_compared_too(three):
    model = three[0].model
    newer = factories.published_version(model, "1.1.0")
    names = [f"{model.slug}@1.0.0", f"{model.slug}@{newer.number}"]
    page = text_of(signed_in(factories.maya()).get(address(*names)))
    assert "Version 1.0.0" in page and "Version 1.1.0" in page
    drafts = factories.draft_version(model, "2.0.0")
    stranger = signed_in(factories.maya()).get(address(names[0], f"{model.slug}@{drafts.number}"))
    assert "1 model is no longer available" in text_of(stranger)


@pytest.mark.django_db
def test_only_differences_are_shown_until_all_rows_are_asked(three):
    slugs = [version.model.slug for version in three[:2]]
    client = signed_in(factories.maya())
    short, whole = (text_of(client.get(address(*slugs, rows=rows))) for rows in ("", "all"))
    assert "the same for all and left out:" in short and "Model type </th>" not in short
    assert "Model type" in whole and "left out:" not in whole


@pytest.mark.django_db
def test_four_columns_keep_the_budget(three, django_assert_max_num_queries):
    for version in three:
        measured(version, 2340)
    client, slugs = signed_in(factories.maya()), [version.model.slug for version in three]
    client.get(address(*slugs))
    with django_assert_max_num_queries(12 + 14 * len(slugs)):
        client.get(address(*slugs))


@pytest.mark.django_db
def test_the_price_is_of_the_asked_volume(three):
    table = comparison.compare(factories.maya(), picks(three), 12_000)
    plan = three[0].model.plans.get()
    amount = plan.price_micros_per_1000 * 12 / 1_000_000
    assert row(table, "At 12,000 calls a month").cells[0].text.startswith(f"{amount:.2f}")


@pytest.mark.django_db
def test_the_api_and_the_csv_say_what_the_page_says(three, document):  # noqa: F811
    for version, value in zip(three, (2340, 2300, 3470), strict=True):
        measured(version, value)
    client = signed_in(factories.maya())
    query = address(*(version.model.slug for version in three)).removeprefix("/compare/")
    data = client.get(f"/api/v1/comparisons/{query}").json()
    answers = document["paths"]["/api/v1/comparisons/"]["get"]["responses"]
    assert problems(document, answers["200"]["content"]["application/json"]["schema"], data) == []
    table = compared(three)
    assert [column["name"] for column in data["columns"]] == [one.name for one in table.columns]
    assert data["in_short"] == [str(sentence) for sentence in table.in_short]
    assert [one["mark"] for one in data["groups"][0]["rows"][0]["cells"]] == ["", "", "worse"]
    lines = list(csv.reader(io.StringIO(client.get(f"/compare/{query}&as=csv").content.decode())))
    assert lines[0][2:] == ["Income check 1.0.0", "Borrower income 1.0.0", "Payroll check 1.0.0"]
    assert len(lines) == 1 + sum(len(group.rows) for group in table.groups)
    for wrong in ("", "?model=one", "?model=a&model=b&calls=0", "?model=a&model=b&more=1"):
        assert client.get(f"/api/v1/comparisons/{wrong}").status_code == 400, wrong


@pytest.mark.django_db
def test_access_is_offered_to_those_who_have_none_where_it_is_open(three):
    """Issue 13: it was offered to who had it, and where the approval had ended."""
    first, second, third = three
    factories.subscription(first)
    type(second).objects.filter(pk=second.pk).update(
        approved_until=timezone.now() - timedelta(days=400)
    )
    client, slugs = signed_in(factories.maya()), [version.model.slug for version in three]
    text = text_of(client.get(address(*slugs)))
    assert text.count(">Request access<") == 1
    assert f"/models/{third.model.slug}/subscribe/?version={third.number}" in text
    assert "You have access" in text and "its approval ended on" in text
    assert "Your subscription" in text
    stranger = text_of(signed_in(factories.charlie()).get(address(*slugs)))
    assert stranger.count(">Request access<") == 2


# --- rows of one's own ------------------------------------------------------------------------------------------------


def scored(count=400):
    """CSV of a yes or no that income - debt foretells."""
    random = np.random.default_rng(3)
    income, debt = random.normal(0, 2, count), random.normal(0, 2, count)
    yes = random.uniform(size=count) < 1 / (1 + np.exp(debt - income))
    lines = [f"{a:.4f},{b:.4f},{int(y)}" for a, b, y in zip(income, debt, yes, strict=True)]
    return "\n".join(["income,debt,repaid", *lines]) + "\n"


@pytest.mark.django_db
def test_rows_of_the_own_team_are_compared_in_pairs(tmp_path):
    """Issue 12, done 3: the comparison has a team's own rows, and says where there is no significant difference."""
    rivals = [
        evaluating.live(tmp_path, name=name, content=evaluating.graph(node, sigmoid=True))
        for name, node in (("Knows", "Sub"), ("Twin of it", "Sub"), ("Adds instead", "Add"))
    ]
    mapping = {"inputs": {"income": "income", "debt": "debt"}, "label": "repaid"}
    done = evaluating.evaluated(scored(), rivals, mapping)
    assert done.state == "succeeded", done.problem
    table = compared(rivals)
    own = next(group for group in table.groups if group.title == "On your own rows")
    assert (
        "October applications, 400 of 400 rows" in own.hint and own.url == done.get_absolute_url()
    )
    knows, twin, adds = own.rows[0].cells
    assert knows.verdict.text == "Reference" and adds.mark == Mark.WORSE
    assert twin.verdict.text.startswith("No significant difference (0") and not twin.mark
    assert adds.verdict.text.startswith("Worse by")
    assert [cell.text for cell in row(table, "Rows not answered").cells] == ["0", "0", "0"]
    assert str(table.in_short[0]) == (
        "On your own rows: Adds instead answers worse than Knows; no significant difference between Knows and Twin of it."
    )
    best = row(
        compared([rivals[2], rivals[0]]), own.rows[0].label
    ).cells  # another order, the same run
    assert [cell.mark for cell in best] == [Mark.WORSE, Mark.BEST]
    outsider = compared(rivals, factories.charlie())
    assert not any(group.title == own.title for group in outsider.groups)
    maya = signed_in(factories.maya())
    page = maya.get(address("knows", "twin-of-it"))
    assert "On your own rows" in main(page)
    run = maya.get(page.context["run_url"])
    assert run.context["form"].initial["versions"] == [one.pk for one in rivals[:2]]
