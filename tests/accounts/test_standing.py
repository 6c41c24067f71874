"""Roles and teams are asked once for a reading request, and a revoked one holds nowhere longer than it may."""

from contextvars import Context
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts import standing
from marketplace.accounts.models import Membership, RoleGrant
from tests import factories

pytestmark = pytest.mark.django_db


def ended(rows, field):
    return rows.filter(**{field: None}).update(**{field: timezone.now()})


def revoke(person):
    ended(RoleGrant.objects.filter(user=person), "revoked_at")


def during(method, view):
    """What `view` returns when it is asked with `method` through the middleware."""
    return standing.once_while_reading(view)(RequestFactory().generic(method, "/"))


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(standing, "time", clock)
    return clock


@pytest.mark.parametrize("name", ["home", "governance:queue"])
def test_a_page_asks_once_for_roles_and_once_for_teams(name):
    client = Client()
    client.force_login(factories.rita())
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse(name)).status_code == 200
    of_rita = [
        query["sql"]
        for query in asked.captured_queries
        if f'."user_id" = {factories.rita().pk}' in query["sql"]
    ]
    roles = [sql for sql in of_rita if ' FROM "accounts_rolegrant"' in sql]
    teams = [sql for sql in of_rita if ' AS "role" FROM "accounts_membership"' in sql]
    yes_or_no = [sql for sql in of_rita if sql.endswith("LIMIT 1") and "accounts_" in sql]
    assert (len(roles), len(teams) <= 1, yes_or_no) == (1, True, [])


def test_a_revoked_role_is_refused_at_the_next_request():
    client = Client()
    client.force_login(factories.rita())
    assert client.get(reverse("governance:queue")).status_code == 200
    revoke(factories.rita())
    assert client.get(reverse("governance:queue")).status_code == 404


def test_who_left_a_team_is_refused_at_the_next_request():
    draft = factories.draft_version()
    client, address = (
        Client(),
        reverse("publishing:card", args=[draft.model.slug, draft.number]),
    )
    client.force_login(factories.bob())
    assert client.get(address).status_code == 200
    ended(Membership.objects.filter(user=factories.bob()), "left_at")
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_write_within_the_request_is_seen_at_once(method):
    bob, lending = factories.also(factories.bob(), "curator"), factories.lending()

    def view(request):
        before = bob.has_role("curator"), bob.is_on(lending), bob.team_ids()
        revoke(bob)
        ended(Membership.objects.filter(user=bob), "left_at")
        return before, (bob.has_role("curator"), bob.is_on(lending), bob.team_ids())

    assert during(method, view) == ((True, True, {lending.pk}), (False, False, set()))


def test_a_request_that_waits_does_not_go_by_what_was_true_when_it_began(clock):
    """Somebody else revokes the role meanwhile: of that this request hears nothing."""

    def view(request):
        assert rita.has_role("curator")
        Context().run(revoke, rita)
        clock.now += standing.KEPT_S
        return rita.has_role("curator")

    rita = factories.rita()
    assert during("GET", view) is False


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_asks_each_time(method):
    def view(request):
        assert rita.has_role("curator")
        Context().run(revoke, rita)
        return rita.has_role("curator")

    rita = factories.rita()
    assert during(method, view) is False


def test_a_body_that_is_streamed_asks_each_time():
    """It is sent when the request is over, for as long as the reader takes."""

    def view(request):
        assert rita.has_role("curator")
        return (rita.has_role("curator") for _ in range(2))

    rita = factories.rita()
    body = during("GET", view)
    assert next(body)
    revoke(rita)
    assert not next(body)


def test_two_people_in_one_request_are_two():
    rita, charlie = factories.rita(), factories.charlie()
    assert during("GET", lambda _: (rita.has_role("curator"), charlie.has_role("curator"))) == (
        True,
        False,
    )
