"""Answers from what exists: what is read is right, what is not is said, and nothing is overwritten that nobody chose."""

import json

import pytest
from django.urls import reverse

from governance import cards, hf_card, ml_bom
from marketplace.core.errors import Invalid
from publishing import actions, card_import
from tests import factories

README = """---
license: apache-2.0
base_model: acme/base
language: en
datasets: [acme/loans-2024]
pipeline_tag: tabular-regression
model-index:
- name: income
  results:
  - dataset: {name: hold-out 2025, type: internal}
    metrics:
    - {type: mae, value: 212.5}
---
# Income

## Uses
<!-- say what it is for -->
### Direct Use
Estimates the monthly income of salaried applicants from account credits.

### Out-of-Scope Use
[More Information Needed]

## Bias, Risks, and Limitations
It was trained on one country only; elsewhere it is wrong.

## Factors
- age band
- region

## Citation
Somebody, 2024.
"""
MLMODEL = """
flavors:
  python_function: {loader_module: mlflow.sklearn}
  sklearn: {sklearn_version: 1.5.0, serialization_format: skops}
  onnx: {data: model.onnx}
signature: {inputs: '[]', outputs: '[]'}
"""


def test_a_readme_is_read_by_its_metadata_and_headings():
    found = card_import.read(README)
    assert found.source == "the Hugging Face README"
    assert found.values == {
        "identity.license": "apache-2.0",
        "identity.base_models": ["acme/base"],
        "technical.languages": ["en"],
        "data.training.datasets": ["acme/loans-2024"],
        "technical.task_type": "regression",
        "evaluation.results": ["mae 212.5 on hold-out 2025, self-reported"],
        "intended_use.summary": "Estimates the monthly income of salaried applicants from account credits.",
        "limitations.text": "It was trained on one country only; elsewhere it is wrong.",
        "evaluation.factors": ["age band", "region"],
    }
    assert found.left_out == ["No place on the card: Citation."]


def test_an_mlmodel_tells_its_libraries():
    found = card_import.read(MLMODEL)
    assert found.source == "the MLmodel file"
    assert found.values == {"technical.architecture": "sklearn 1.5.0, onnx"}
    assert "Signature step" in found.left_out[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "{",
        "[1]",
        '{"bomFormat": "CycloneDX"}',
        "---\na: &a [x]\nb: *a\n---\n# Bomb",
        "---\n- a\n---\n# No mapping",
        "flavors: !!python/object:os.system {}",
        "flavors: " + "[" * 500,
        "x" * (card_import.LONGEST + 1),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_field(text):
    with pytest.raises(Invalid) as refusal:
        card_import.read(text)
    assert refusal.value.field == "paste"


@pytest.mark.parametrize(
    "card",
    [
        {"considerations": {"users": {"a": 1}, "technicalLimitations": [{}, 3]}},
        {"modelParameters": {"approach": {"type": ["x"]}, "task": {}, "datasets": [{"name": {}}]}},
        {"quantitativeAnalysis": {"performanceMetrics": [{}, 7, {"confidenceInterval": []}]}},
        {"properties": [{"name": "mm:identity.license", "value": {"x": 1}}, {"name": 7}]},
        {"considerations": [], "modelParameters": "x", "properties": {}},
    ],
)
def test_odd_shapes_are_left_out_and_never_an_error(card):
    bom = {"bomFormat": "CycloneDX", "metadata": {"component": {"modelCard": card}}}
    for name, value in card_import.read(json.dumps(bom)).values.items():
        assert not cards.is_blank(value), name


@pytest.mark.django_db
def test_what_is_exported_comes_back():
    """The fields that both formats know, through either of them."""
    version = factories.submitted_version(tier="high")
    written = version.card.data
    bom = card_import.read(json.dumps(ml_bom.bill_of_materials(version, [])))
    readme = card_import.read(hf_card.readme(version, []))
    both = ["intended_use.summary", "intended_use.users", "intended_use.out_of_scope"]
    for name in [*both, "identity.license", "data.training.description", "data.training.datasets"]:
        assert bom.values[name] == written[name] == readme.values[name], name
    assert bom.values["fairness.groups"] == written["fairness.groups"]
    assert bom.values["oversight.human"] == written["oversight.human"]
    assert readme.values["limitations.text"] == written["limitations.text"]
    assert readme.values["evaluation.factors"] == written["evaluation.factors"]


# ── The page ──────────────────────────────────────────────────────────────


@pytest.fixture
def draft():
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    actions.edit_card(factories.alice(), version, {"identity.license": "Ours"})
    return version


@pytest.fixture
def send(client, draft):
    client.force_login(factories.alice())
    address = reverse("publishing:import_card", args=[draft.model.slug, draft.number])
    return lambda **sent: client.post(address, sent)


def shown(page):
    return {change.field.id: change for change in page.context["changes"]}


def take(send, page, *names):
    changes = shown(page)
    hidden = {f"value.{name}": changes[name].proposed for name in names}
    hidden |= {f"seen.{name}": changes[name].seen for name in names}
    return send(take=list(names), **hidden)


def says(draft, name):
    draft.card.refresh_from_db()
    return draft.card.data.get(name)


@pytest.mark.django_db
def test_each_field_is_shown_as_it_is_and_as_it_would_be_and_nothing_is_saved(send, draft):
    page = send(paste=README)
    changes = shown(page)
    assert page.status_code == 200
    assert (changes["identity.license"].now, changes["identity.license"].proposed) == (
        "Ours",
        "apache-2.0",
    )
    assert changes["intended_use.summary"].is_new and not changes["identity.license"].is_new
    assert says(draft, "intended_use.summary") is None


@pytest.mark.django_db
def test_what_the_entry_says_already_is_not_ticked(send, draft):
    draft.model.limitations = "The entry says where it fails, at some length."
    draft.model.save()
    limits = shown(send(paste=README))["limitations.text"]
    assert limits.now == draft.model.limitations and not limits.is_new


@pytest.mark.django_db
def test_only_what_was_chosen_is_taken(send, draft):
    page = send(paste=README)
    assert take(send, page, "intended_use.summary", "evaluation.factors").status_code == 302
    assert says(draft, "intended_use.summary").startswith("Estimates")
    assert says(draft, "evaluation.factors") == ["age band", "region"]
    assert says(draft, "identity.license") == "Ours"


@pytest.mark.django_db
def test_what_somebody_wrote_after_it_was_shown_is_left_as_it_is(send, draft):
    page = send(paste=README)
    actions.edit_card(factories.bob(), draft, {"identity.license": "Written by Bob meanwhile"})
    take(send, page, "identity.license")
    assert says(draft, "identity.license") == "Written by Bob meanwhile"


@pytest.mark.django_db
def test_a_model_that_one_may_see_is_a_template_without_its_own_facts(send, draft):
    other = factories.published_version(factories.model(name="Another model"))
    changes = shown(send(template=other.model.slug))
    assert "oversight.human" in changes and "limitations.text" in changes
    assert changes.keys().isdisjoint(cards.ABOUT_FILES | {"identity.summary", "identity.name"})


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["no-such-model", "hidden-one"])
def test_a_model_that_one_may_not_see_is_no_template(send, draft, slug):
    hidden = factories.model(factories.maya(), factories.mortgage(), name="Hidden one")
    factories.draft_version(hidden)
    page = send(template=slug)
    assert page.status_code == 422 and page.context["changes"] == []
    assert "no model of this address" in str(page.context["form"].errors["template"])


@pytest.mark.django_db
@pytest.mark.parametrize("sent", [{}, {"paste": "words"}])
def test_what_cannot_be_used_is_said_at_its_field(send, sent):
    page = send(**sent)
    assert page.status_code == 422 and "paste" in page.context["form"].errors
