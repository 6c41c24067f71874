"""The portal and its workers while Postgres or Redis is silent, slow, refusing or cutting: a page that says so, never a 500, never an endless wait."""

import threading

import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from consumption.models import ApiKey
from marketplace.audit.models import AuditEvent
from tests import factories
from tests.gateway import until
from tests.portal import Portal, session

FAULTS = ["refuse", "hang", "slow", "cut", "reset"]


# In this process


@pytest.fixture
def away(client, db, injected_faults):
    """The client of somebody who signed in, and then no statement is answered any more."""
    client.force_login(factories.maya())
    client.raise_request_exception = False

    def refuse(execute, sql, params, many, context):
        injected_faults.add()
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        yield client


@pytest.mark.fault("F4")
@pytest.mark.parametrize(
    "name", ["home", "consumption:access", "consumption:usage", "account_logout"]
)
def test_a_page_says_that_the_records_cannot_be_reached(away, name):
    answer = away.get(reverse(name))
    assert answer.status_code == 503 and answer["Retry-After"] == "5"
    assert "Calls to models go on meanwhile" in answer.content.decode()
    assert "What you typed" not in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"] and answer["X-Request-Id"]


@pytest.mark.fault("F4")
def test_what_was_typed_is_kept_on_the_page_to_be_sent_again(away):
    answer = away.post(
        reverse("consumption:create_key", args=[1]),
        "name=%22Big%22+cluster&days=30",
        content_type="application/x-www-form-urlencoded",
    )
    page = answer.content.decode()
    assert answer.status_code == 503 and answer["Cache-Control"] == "no-store"
    assert (
        'name="name" value="&quot;Big&quot; cluster"' in page
        and 'action="/subscriptions/1/keys/"' in page
        and "Send it again" in page
    )


@pytest.mark.fault("F4")
def test_a_password_is_not_kept_on_the_page(away):
    sent = "username=maya&password=hunter2"
    page = away.post(
        reverse("account_login"), sent, content_type="application/x-www-form-urlencoded"
    ).content.decode()
    assert (
        "not available right now" in page
        and "hunter2" not in page
        and "Go back in your browser" in page
    )


@pytest.mark.fault("F4")
@pytest.mark.parametrize("url", ["/api/v1/models/", "/api/schema/", "/api/nowhere"])
def test_the_api_says_it_in_its_own_way(away, url):
    answer = away.get(url)
    if url != "/api/nowhere":
        assert (
            answer.status_code == 503
            and answer["Retry-After"]
            and answer["Content-Type"] == "application/problem+json"
        )
        assert (
            answer.json()["type"] == "/docs/problems/away"
            and "Idempotency-Key" in answer.json()["detail"]
        )
    away.get("/api/v1/models/")


@pytest.mark.django_db
def test_anything_else_that_breaks_is_a_500(client, monkeypatch):
    client.force_login(factories.maya())
    client.raise_request_exception = False
    monkeypatch.setattr("marketplace.views.setup_progress", lambda: 1 / 0)
    answer = client.get("/")
    assert answer.status_code == 500 and "Something broke on our side" in answer.content.decode()


# A portal of its own


@pytest.fixture(scope="module")
def running(django_db_setup, tmp_path_factory):
    with Portal(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


class Visit:
    """One of each endpoint at once, as maya: (status, headers, body) by name; a endpoint that did not answer in time is missing."""

    def __init__(self, portal, subscription, cookie):
        subscription.keys.update(state="revoked")  # there may be ten
        key = f"/subscriptions/{subscription.pk}/keys/"
        asks = {
            "read": lambda: portal.get("/access/", cookie),
            "write": lambda: portal.post("/notices/", cookie, act="all"),
            "key": lambda: portal.post(key, cookie, name="Cluster", days="30"),
            "api": lambda: portal.get("/api/v1/models/", cookie),
            "api key": lambda: portal.post_json(
                "/api/v1/keys/", cookie, subscription=subscription.pk, name="Api"
            ),
            "ready": lambda: portal.get("/readyz"),
        }
        self.found = {}
        threads = [threading.Thread(target=self._ask, args=item) for item in asks.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)

    def _ask(self, endpoint, ask):
        self.found[endpoint] = ask()

    def statuses(self):
        return {endpoint: status for endpoint, (status, *_) in self.found.items()}


WELL = {"read": 200, "write": 302, "key": 200, "api": 200, "api key": 201, "ready": 200}


@pytest.fixture
def visit(running, transactional_db):
    """`visit()` makes a Visit; the portal is healed and well before and after."""
    subscription, cookie = factories.subscription(), session(factories.maya())
    running.heal()
    assert Visit(running, subscription, cookie).statuses() == WELL, running.log_tail()
    yield lambda: Visit(running, subscription, cookie)
    running.heal()
    until(lambda: Visit(running, subscription, cookie).statuses() == WELL, 10, running.log_tail)


def broken(proxy, mode, injected_faults, share=0.05):
    injected_faults.watch(lambda: proxy.injected)
    proxy.delay = 0.5
    proxy.share = share
    proxy.set(mode)


def says_when_to_try_again(endpoint, status, headers, body):
    if status != 503 or endpoint == "ready":
        return True
    kind = "application/problem+json" if endpoint in ("api", "api key") else "text/html"
    return (
        headers["retry-after"] == "5"
        and kind in headers["content-type"]
        and ("Send it again" in body) == (endpoint in ("key", "write"))
    )


POSTGRES = [pytest.param(mode, marks=[] if mode == "hang" else pytest.mark.slow) for mode in FAULTS]


@pytest.mark.slow
@pytest.mark.fault("F4", "F5", "F28")
@pytest.mark.parametrize("mode", POSTGRES)
def test_with_postgres_ill_every_door_answers_in_time(running, visit, injected_faults, mode):
    before = ApiKey.objects.count()
    broken(running.postgres, mode, injected_faults)
    visits = [visit() for _ in range(6 if mode == "cut" else 2)]
    for one in visits:
        assert one.statuses().keys() == WELL.keys(), "a endpoint did not answer"
        assert all(
            status in (WELL[endpoint], 503) for endpoint, status in one.statuses().items()
        ), (
            one.statuses(),
            running.log_tail(),
        )
        assert all(
            says_when_to_try_again(endpoint, *answer) for endpoint, answer in one.found.items()
        )
        if mode in ("refuse", "hang", "reset"):
            assert set(one.statuses().values()) == {503}
    running.heal()
    kept = ApiKey.objects.count() - before
    told = sum(
        one.statuses()[endpoint] == WELL[endpoint]
        for one in visits
        for endpoint in ("key", "api key")
    )
    unsure = (
        sum(one.statuses()[endpoint] == 503 for one in visits for endpoint in ("key", "api key"))
        if mode == "cut"
        else 0
    )
    assert told <= kept <= told + unsure, "a key that was shown is kept"


REDIS = [pytest.param(mode, marks=[] if mode == "hang" else pytest.mark.slow) for mode in FAULTS]


@pytest.mark.slow
@pytest.mark.fault("F1", "F2")
@pytest.mark.parametrize("mode", REDIS)
def test_with_redis_ill_the_portal_works(running, visit, injected_faults, mode):
    broken(running.redis, mode, injected_faults, share=0.5)
    for _ in range(2):
        one = visit()
        assert one.statuses() == WELL, running.log_tail()
        if mode in ("refuse", "hang"):
            assert '"redis": "away"' in one.found["ready"][2]
    running.heal()
    assert AuditEvent.objects.filter(action="key.create").count() == ApiKey.objects.count()


@pytest.mark.slow
@pytest.mark.fault("F4")
def test_many_who_ask_a_silent_postgres_do_not_wait_behind_each_other(
    running, visit, injected_faults
):
    """Eight threads and sixty visitors: once Postgres is known to be silent, refusals are quick."""
    broken(running.postgres, "hang", injected_faults)
    found = []
    visitors = [
        threading.Thread(target=lambda: found.append(running.get("/readyz")[0])) for _ in range(60)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(40)
    assert found == [503] * 60
