"""Ratings of teams that use a model. Rule: docs/feedback.md, "Ratings"."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumption import actions
from consumption.models import BatchEvaluation, Rating
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
TEXT = "It is right for employees, and wrong for farmers in winter."


@pytest.fixture
def held():
    return factories.subscription()


def rate(held, stars=4, **changed):
    given = {"team": held.application.team, "stars": stars, "text": TEXT} | changed
    return actions.rate(factories.maya(), held.model, **given)


def told(key):
    return set(Notice.objects.filter(key=key).values_list("recipient__username", flat=True))


def test_a_team_rates_after_a_hundred_production_calls(held):
    factories.called(held, 99)
    with pytest.raises(RuleError, match="has made 99 production calls"):
        rate(held)
    factories.called(held, 1, day=factories.timezone.now().date().replace(day=1).replace(year=2025))
    rating = rate(held)
    assert (rating.calls, rating.band, rating.version) == (100, 100, held.pinned_version)


def test_calls_of_a_test_system_do_not_count(held):
    test = factories.application(name="Trial")
    type(test).objects.filter(pk=test.pk).update(environment="test")
    other = factories.subscription(held.pinned_version, app=test)
    factories.called(other, 500)
    with pytest.raises(RuleError, match="has made 0 production"):
        rate(held)


def test_an_evaluation_on_own_rows_is_enough_once_it_succeeded(held):
    evaluation = factories.evaluation(held.pinned_version)
    with pytest.raises(RuleError):
        rate(held)
    BatchEvaluation.objects.filter(pk=evaluation.pk).update(state="succeeded")
    assert (rate(held).band, rate(held).version) == (0, held.pinned_version)


def test_an_edit_replaces_the_words_and_keeps_the_earlier_ones(held):
    factories.called(held)
    rate(held, 2)
    factories.called(held, 5_000, day=factories.timezone.now().date().replace(year=2025, day=1))
    rating = rate(held, 5, text=TEXT + " Better since the last version.")
    assert Rating.objects.count() == 1 and (rating.stars, rating.band) == (5, 1_000)
    assert [edition.stars for edition in rating.editions.all()] == [5, 2]
    held.model.refresh_from_db()
    assert (held.model.rating_count, held.model.rating_mean) == (1, Decimal("3.75"))


def test_the_owner_team_rates_nothing_and_nobody_speaks_for_others(held):
    factories.called(held)
    for who, team in (
        (factories.alice, factories.lending()),
        (factories.charlie, factories.mortgage()),
        (factories.rita, factories.mortgage()),
    ):
        with pytest.raises(NotAllowed):
            actions.rate(who(), held.model, team=team, stars=5, text=TEXT)
    for changed in ({"stars": 0}, {"stars": 6}, {"text": "Good."}):
        with pytest.raises(Invalid):
            rate(held, **changed)


def test_the_publisher_answers_once_and_the_team_is_told(held):
    rating = factories.rating(held)
    assert told(f"rating:{rating.editions.get().pk}") == {"alice"}
    with pytest.raises(NotAllowed):
        actions.answer_rating(factories.maya(), rating, "Thank you.")
    actions.answer_rating(factories.alice(), rating, "Farmers come with 1.1.0.")
    assert told(f"rating-answer:{rating.pk}") == {"maya"}
    with pytest.raises(RuleError):
        actions.answer_rating(factories.alice(), rating, "Once more.")


@given(st.lists(st.integers(1, 5), min_size=1, max_size=200))
def test_the_mean_lies_between_the_prior_and_the_plain_mean(stars):
    mean, plain = actions.bayesian_mean(sum(stars), len(stars)), sum(stars) / len(stars)
    assert min(3.5, plain) - 0.006 <= float(mean) <= max(3.5, plain) + 0.006
    weight = len(stars) / (len(stars) + 5)
    assert abs(float(mean) - (3.5 + weight * (plain - 3.5))) < 0.006
