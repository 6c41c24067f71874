"""The page that announces the end of a version."""

import re
from datetime import datetime

import pytest
from django.utils import timezone

from catalog.models import ModelVersion
from marketplace.notices.models import Notice
from publishing.actions import first_end
from tests import cast

pytestmark = pytest.mark.django_db
WORDS = {"reason": "Version 2 is better in every respect; moving takes a day.", "successor": ""}


@pytest.fixture
def version():
    return cast.subscription().pinned_version


def send(client, version, day):
    client.force_login(cast.alice())
    return client.post(f"/publish/{version.model.slug}/{version.number}/deprecate/", WORDS | {"sunset_at": f"{day:%Y-%m-%d}"})


def test_the_page_says_from_which_day_on_and_who_is_told(client, version):
    client.force_login(cast.alice())
    text = client.get(f"/publish/{version.model.slug}/{version.number}/deprecate/").content.decode()
    assert f"{first_end(version):%-d %B %Y} or later" in text and f'min="{first_end(version):%Y-%m-%d}"' in text
    assert "Who is told at once" in text and "Mortgage origination" in text


def test_the_day_that_a_refusal_names_is_accepted(client, version):
    """It named the day on which the notice ends, and refused that day's midnight too."""
    answer = send(client, version, timezone.now())
    assert answer.status_code == 422
    [named] = re.findall(r"Choose (\d+ \w+ \d{4}) or later", answer.content.decode())
    assert send(client, version, datetime.strptime(named, "%d %B %Y")).status_code == 302
    assert ModelVersion.objects.get(pk=version.pk).state == "deprecated"
    assert Notice.objects.filter(recipient=cast.maya(), kind="version.deprecated").exists()
