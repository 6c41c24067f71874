"""The page that announces the end of a version."""

import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from catalog.models import ModelVersion
from marketplace.core.errors import Invalid
from marketplace.notices.models import Notice
from publishing import actions as publishing
from publishing.actions import first_end
from tests import factories

pytestmark = pytest.mark.django_db
WORDS = {"reason": "Version 2 is better in every respect; moving takes a day.", "successor": ""}


@pytest.fixture
def version():
    return factories.subscription().pinned_version


def send(client, version, day):
    client.force_login(factories.alice())
    return client.post(
        f"/publish/{version.model.slug}/{version.number}/deprecate/",
        WORDS | {"sunset_at": f"{day:%Y-%m-%d}"},
    )


def test_the_page_says_from_which_day_on_and_who_is_told(client, version):
    client.force_login(factories.alice())
    text = client.get(f"/publish/{version.model.slug}/{version.number}/deprecate/").content.decode()
    assert (
        f"{first_end(version):%-d %B %Y} or later" in text
        and f'min="{first_end(version):%Y-%m-%d}"' in text
    )
    assert "Who is told at once" in text and "Mortgage origination" in text


def test_the_day_that_a_refusal_names_is_accepted(client, version):
    """It named the day on which the notice ends, and refused that day's midnight too."""
    answer = send(client, version, timezone.now())
    assert answer.status_code == 422
    [named] = re.findall(r"Choose (\d+ \w+ \d{4}) or later", answer.content.decode())
    assert send(client, version, datetime.strptime(named, "%d %B %Y")).status_code == 302
    assert ModelVersion.objects.get(pk=version.pk).state == "deprecated"
    assert Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated").exists()


def deprecated(version, successor):
    return publishing.deprecate(
        factories.alice(),
        version,
        sunset_at=datetime(2099, 1, 1, tzinfo=UTC),
        reason=WORDS["reason"],
        successor=successor,
    )


def test_a_successor_is_a_version_of_the_same_model_that_answers(version):
    """Issue 9, line 7: another model's version was taken, and consumers were sent to its number in this model."""
    other = factories.published_version(factories.model(name="Something quite different"), "2.0.0")
    draft = factories.draft_version(version.model, "2.0.0")
    suspended = factories.published_version(version.model, "1.5.0")
    type(version).objects.filter(pk=suspended.pk).update(suspended_at=timezone.now())
    suspended.refresh_from_db()
    for wrong in (other, version, draft, suspended):
        with pytest.raises(Invalid) as refusal:
            deprecated(version, wrong)
        assert refusal.value.field == "successor"
    right = factories.published_version(version.model, "3.0.0")
    assert deprecated(version, right).successor == right
