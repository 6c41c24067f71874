"""A form or a request that is sent twice is done once, also when the first one died at work."""

import threading
from datetime import timedelta
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption.models import ApiKey, Application
from marketplace.accounts import submissions
from marketplace.accounts.models import IdempotentAnswer
from tests import factories
from tests.api.calls import Api
from tests.stack import on_database

ONE, OTHER = "a" * 64, "b" * 64  # the tokens of two rendered pages
COOKIE = "c" * 32  # the cookie's own
FORM = "application/x-www-form-urlencoded"


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def send(client, address, token, **typed):
    typed["csrfmiddlewaretoken"] = token
    return client.post(address, urlencode(typed), content_type=FORM)


def new_key(client, subscription, token):
    address = reverse("consumption:create_key", args=[subscription.pk])
    return send(client, address, token, name="Cluster", days="30")


@pytest.mark.django_db
def test_a_second_click_makes_no_second_key():
    subscription, maya = factories.subscription(), signed_in(factories.maya())
    first, second = [new_key(maya, subscription, ONE) for _ in range(2)]
    assert first.status_code == 200 and second.status_code == 409
    assert "It was done once" in second.content.decode() and ApiKey.objects.count() == 1
    assert new_key(maya, subscription, OTHER).status_code == 200 and ApiKey.objects.count() == 2


@pytest.mark.django_db
def test_a_token_from_the_cookie_is_many_forms():
    subscription, maya = factories.subscription(), signed_in(factories.maya())
    assert [new_key(maya, subscription, COOKIE).status_code for _ in range(2)] == [200, 200]


@pytest.mark.django_db
def test_a_form_that_led_on_leads_there_again_and_says_so():
    discussion = factories.discussion(factories.published_version())
    maya, address = signed_in(factories.maya()), discussion.get_absolute_url()
    said = [send(maya, address, ONE, text="It is wrong for farmers.") for _ in range(2)]
    assert [answer.status_code for answer in said] == [302, 302]
    assert said[0]["Location"] == said[1]["Location"]
    assert discussion.messages.filter(text="It is wrong for farmers.").count() == 1
    assert "sent twice" in maya.get(said[1]["Location"]).content.decode()


@pytest.mark.django_db
def test_a_form_that_was_refused_may_be_sent_again():
    subscription, maya = factories.subscription(), signed_in(factories.maya())
    address = reverse("consumption:create_key", args=[subscription.pk])
    wrong = [send(maya, address, ONE, name="Cluster", days="x").status_code for _ in range(2)]
    assert wrong == [422, 422] and not IdempotentAnswer.objects.exists()


@pytest.mark.django_db
def test_a_form_whose_first_request_died_is_done_by_the_next(monkeypatch):
    subscription, maya = factories.subscription(), signed_in(factories.maya())
    monkeypatch.setattr(submissions, "_keep", lambda claim, response: None)  # it was killed
    new_key(maya, subscription, ONE)
    IdempotentAnswer.objects.update(at=timezone.now() - submissions.LONGEST - timedelta(seconds=1))
    assert new_key(maya, subscription, ONE).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_are_one():
    subscription, person = factories.subscription(), factories.maya()
    clients, statuses = [signed_in(person) for _ in range(8)], []

    def click(client):
        statuses.append(new_key(client, subscription, ONE).status_code)
        connection.close()

    clicks = [threading.Thread(target=click, args=[client]) for client in clients]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join(20)
    assert sorted(statuses) == [200] + [409] * 7 and ApiKey.objects.count() == 1


@pytest.mark.django_db
def test_what_is_sent_while_the_first_is_at_work_waits_for_it(monkeypatch):
    """Also with a token from the cookie."""
    subscription, maya = factories.subscription(), signed_in(factories.maya())
    keep, asleep = submissions._keep, []
    monkeypatch.setattr(submissions, "_keep", lambda *told: asleep.append(told))  # at work still

    def sleep(seconds):
        keep(*asleep[0])
        asleep.clear()

    new_key(maya, subscription, COOKIE)
    monkeypatch.setattr(submissions.time, "sleep", sleep)
    assert new_key(maya, subscription, COOKIE).status_code == 409 and ApiKey.objects.count() == 1


APPLICATION = {"team": "mortgage-origination", "name": "Loan desk"}


@pytest.mark.django_db(transaction=True)
def test_a_request_that_died_at_work_is_done_by_the_next_one_with_its_key():
    """Who is at work holds the row of the key; 409 for a day was the answer to everybody after a kill."""
    factories.mortgage()
    maya = Api(factories.maya())
    maya.post("applications/", APPLICATION, expect=201, key="k1")
    Application.objects.all().delete()
    IdempotentAnswer.objects.update(status=None, body=None)
    with psycopg.connect(on_database(connection.settings_dict["NAME"])) as first:
        first.execute("SELECT * FROM accounts_idempotentanswer FOR UPDATE")
        problem = maya.post("applications/", APPLICATION, expect=409, key="k1")
        assert problem["type"].endswith("in-flight")
    maya.post("applications/", APPLICATION, expect=201, key="k1")
    assert Application.objects.count() == 1
