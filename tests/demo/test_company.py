"""The demo company's models: each really trains, converts exactly, describes itself, and is documented for its tier."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.utils import timezone
from django.utils.text import slugify

from governance import cards as card_schema
from governance import matrix, tiering
from marketplace.accounts.models import User
from marketplace.demo.company import (
    cards,
    clock,
    consumers,
    external_server,
    inventory,
    journey,
    models,
    organisation,
    training,
)
from marketplace.demo.company.people import build_people
from publishing.signature import validate_example, validate_signature
from tests import factories
from tests.tiers import only

QUICK = ("income-verification-2.0.0", "claims-triage-1.5.0", "complaint-routing-1.3.0")
RELEASES = {
    models.key(listing, release): (listing, release) for listing, release in models.releases()
}
AUTO = {
    field.id: "filled in by the product when it is submitted"
    for field in card_schema.FIELDS
    if field.source == "auto"
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Trains each version once for the whole session."""
    folder = tmp_path_factory.mktemp("company")
    return lambda key: training.cached(RELEASES[key][1].recipe, key, folder)


def held_out(recipe, rows=200):
    return recipe.sample(np.random.default_rng(99), rows).inputs


def check_version(key, made):
    """What must hold for every trained version."""
    listing, release = RELEASES[key]
    assert made.facts["onnx_max_difference"] < 1e-4
    validate_signature(made.signature)
    validate_example(made.signature, made.example)
    assert all(
        made.example["inputs"][0]["shape"] == tensor["shape"] for tensor in made.example["inputs"]
    )
    check_gain(made.facts)
    check_answers(release.recipe, made)


def check_gain(facts):
    """The model is better than the simple rule on the card."""
    first, rule = facts["metrics"][0], facts["baseline"]
    assert first["name"] == rule["name"]
    better = (
        first["value"] > rule["value"]
        if first["better"] == "higher"
        else first["value"] < rule["value"]
    )
    assert better, f"{first} does not beat {rule}"


def check_answers(recipe, made):
    answers = training.run_onnx(made.onnx, recipe, held_out(recipe))
    for bound in made.signature["binding"]["outputs"]:
        assert len(answers[bound["tensor"]]) == 200
    for output in recipe.outputs:
        values = answers[output.tensor]
        if output.enum:
            assert set(values) <= set(output.enum)


def complete(listing, release, facts):
    answers = tiering.answers_from_points(listing.tiering)
    values = cards.card(listing, release, facts)
    assert set(values) <= set(card_schema.FIELDS_BY_ID)
    return card_schema.completeness(
        values | AUTO, tiering.assess(answers).tier, tiering.conditions(answers)
    )


@pytest.mark.parametrize("key", only(QUICK, QUICK[0]))
def test_quick_ones_train_and_convert(key, trained):
    check_version(key, trained(key))


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key, (_, release) in RELEASES.items() if release.recipe])
def test_every_version_trains_converts_and_is_documented(key, trained):
    made = trained(key)
    check_version(key, made)
    found = complete(*RELEASES[key], made.facts)
    assert found.ok, found.missing


@pytest.mark.parametrize("key", QUICK)
def test_card_is_complete_for_its_tier(key, trained):
    found = complete(*RELEASES[key], trained(key).facts)
    assert found.score == 100, found.missing


def test_card_of_the_vendor_s_model_is_complete():
    listing = models.listing("transaction-categoriser")
    assert complete(listing, listing.releases[0], None).ok


def test_the_biased_one_is_really_biased(trained):
    facts = trained("credit-line-preapproval-1.0.0").facts
    by_sex = next(one for one in facts["fairness"] if one["attribute"] == "sex")
    assert by_sex["demographic_parity_ratio"] < 0.7
    assert by_sex["verdict"] == "fail"


@pytest.mark.slow
def test_no_published_version_fails_fairness(trained):
    for key, (_, release) in RELEASES.items():
        if release.recipe and release.fate in ("published", "deprecated"):
            assert all(one["verdict"] != "fail" for one in trained(key).facts["fairness"]), key


def test_training_twice_gives_the_same_model():
    recipe = models.listing("affordability").releases[0].recipe
    rows = held_out(recipe, 50)
    first, second = (
        training.run_onnx(training.train(recipe).onnx, recipe, rows)["variable"] for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_text_models_know_a_word_in_any_usual_spelling(trained):
    made, recipe = trained("complaint-routing-1.3.0"), RELEASES["complaint-routing-1.3.0"][1].recipe
    texts = np.array(
        ["Card declined abroad.", "CARD DECLINED ABROAD!", "card declined abroad"], dtype=object
    )
    assert list(training.run_onnx(made.onnx, recipe, {"text": texts})["label"]) == ["cards"] * 3


def test_a_cached_version_is_not_trained_again(tmp_path, monkeypatch):
    recipe = models.listing("policy-lapse").releases[0].recipe
    first = training.cached(recipe, "lapse", tmp_path)
    monkeypatch.setattr(training, "train", lambda _: pytest.fail("trained again"))
    assert training.cached(recipe, "lapse", tmp_path) == first


def test_names_make_the_slugs_that_the_rest_refers_to():
    slugs = {listing.slug for listing in models.LISTINGS}
    assert slugs == {slugify(listing.name) for listing in models.LISTINGS}
    assert {use.slug for use in consumers.USES} <= slugs
    assert {slug for _, _, _, slug in inventory.MODELS if slug} <= slugs


def test_the_story_has_all_its_turns():
    fates = [release.fate for _, release in RELEASES.values()]
    assert {f"waiting:{rule.kind}" for rule in matrix.RULES} <= set(fates)
    assert {"deprecated", "suspended", "rejected", "refused"} <= set(fates)
    assert fates.count("published") >= 12


def test_inventory_counts_34_models_in_four_units():
    assert len(inventory.MODELS) == 34
    assert len({unit for _, unit, _, _ in inventory.MODELS}) == 4


def test_people_can_decide_every_review_with_duties_separated():
    by_role = {
        role: {p.username for p in organisation.PEOPLE if role in p.roles}
        for p in organisation.PEOPLE
        for role in p.roles
    }
    publishers = {
        person.username
        for person in organisation.PEOPLE
        if person.team in {listing.team for listing in models.LISTINGS}
    }
    for kind, roles in matrix.ROLES.items():
        assert any(by_role[role] - publishers for role in roles), kind
    assert all(
        by_role[role] - publishers for roles in matrix.FINAL_ROLES.values() for role in roles
    )


@pytest.mark.django_db
def test_people_are_written_once(settings, tmp_path):
    settings.RUN_DIR = tmp_path
    build_people()
    build_people()
    assert User.objects.filter(is_system=False).count() == len(organisation.PEOPLE)
    assert (
        User.objects.get(username="alice")
        .memberships.filter(team__slug="lending-ai", role="lead")
        .exists()
    )
    assert not User.objects.get(username="charlie").teams().exists()
    assert User.objects.get(username="vera").has_role("auditor")


def test_the_clock_moves_what_verbs_write_and_comes_back():
    past = datetime(2025, 9, 1, 12, tzinfo=UTC)
    with clock.at(past):
        assert abs(timezone.now() - past) < timedelta(seconds=5)
    assert timezone.now() > past + timedelta(days=30)


def test_the_vendor_answers_its_own_example():
    reply = external_server.infer(external_server.EXAMPLE | {"id": "7"})
    assert reply["outputs"][0]["data"] == ["groceries", "income"]
    assert reply["id"] == "7"
    with pytest.raises(external_server.BadRequest):
        external_server.infer({"inputs": []})


@pytest.mark.django_db
def test_an_end_is_announced_by_two_people_on_the_day_of_the_story(monkeypatch):
    """Consumers call the version, so that one person alone cannot deprecate it."""
    version = factories.subscription().pinned_version
    successor = factories.published_version(version.model, "2.0.0")
    people = {"mona": factories.rita(), "owner": factories.alice()}
    monkeypatch.setattr(journey, "person", people.__getitem__)
    journey.announce_end(
        version, SimpleNamespace(owner="owner"), SimpleNamespace(successor="2.0.0")
    )
    version.refresh_from_db()
    announced = timezone.now() - timedelta(days=journey.ANNOUNCED_DAYS_AGO)
    assert (version.state, version.successor) == ("deprecated", successor)
    assert abs(version.deprecated_at - announced) < timedelta(hours=1)
    assert timedelta(days=90) <= version.sunset_at - announced <= timedelta(days=91, hours=1)
