"""Issue 8, line 8: what a gateway holds is loaded on first use and follows what changes, whoever commits when, at any size."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import ApiKey, Application, Plan, Subscription
from hosting.gateway.auth import snapshot
from hosting.gateway.auth.change_feed import ChangeFeed, Changes, FeedPosition
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.auth.resolve import empty_model
from hosting.gateway.config import GatewayConfig
from hosting.gateway.database import DatabaseHealth, DatabaseUnavailable
from hosting.gateway.problems import Problem
from hosting.models import Change, Deployment, Upstream
from marketplace.accounts.models import Team
from tests import factories
from tests.gateway import live_version, subscriber
from tests.stack import on_database

# Who commits when


@pytest.fixture
def lines():
    """Eight connections to the test database, in transactions of their own."""
    opened = [psycopg.connect(on_database(connection.settings_dict["NAME"])) for _ in range(8)]
    yield opened
    for line in opened:
        line.close()


def note(line, name):
    line.execute("INSERT INTO hosting_change (kind, name) VALUES ('model', %s)", [str(name)])


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_began_first_and_commits_last_is_not_missed(lines):
    early, late, *_ = lines
    stands = snapshot.changes_since(None).position
    note(early, 1)
    note(late, 2)
    late.commit()
    seen = snapshot.changes_since(stands)
    assert seen.names == {"model": {"2"}} and seen.is_complete
    early.commit()
    seen = snapshot.changes_since(seen.position)
    assert seen.names == {"model": {"1"}}, "its row has the smaller number, and nobody has seen it"
    assert snapshot.changes_since(seen.position).names == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(4))
def test_in_any_order_each_change_that_was_committed_is_told_once_by_the_next_look(lines, seed):
    luck = random.Random(seed)
    pending, due, told = {line: [] for line in lines}, set(), Counter()
    stands = snapshot.changes_since(None).position
    for name in range(150):
        line = luck.choice(lines)
        match luck.choice(["note", "note", "savepoint", "commit", "commit", "rollback", "look"]):
            case "note":
                note(line, name)
                pending[line].append(name)
            case "savepoint":
                line.execute("SELECT 1")  # begins the transaction that the savepoint is in
                with line.transaction():
                    note(line, name)
                pending[line].append(name)
            case "commit":
                line.commit()
                due |= set(pending[line])
                pending[line] = []
            case "rollback":
                line.rollback()
                pending[line] = []
            case "look":
                seen = snapshot.changes_since(stands)
                found = {int(name) for name in seen.names.get("model", ())}
                assert found == due
                told.update(found)
                stands, due = seen.position, set()
    assert told and set(told.values()) == {1}


@pytest.mark.django_db
def test_after_a_failover_a_long_time_or_very_much_nothing_that_is_held_is_trusted(monkeypatch):
    stands = snapshot.changes_since(None).position
    assert snapshot.changes_since(stands).is_complete
    assert not snapshot.changes_since(
        stands._replace(server=stands.server - timedelta(days=1))
    ).is_complete
    assert not snapshot.changes_since(
        stands._replace(at=stands.at - timedelta(hours=2))
    ).is_complete
    monkeypatch.setattr(snapshot, "MAX_CHANGES", 10)
    Change.objects.bulk_create(Change(kind="model", name=str(n)) for n in range(11))
    seen = snapshot.changes_since(stands)
    assert not seen.is_complete and seen.names == {}


@pytest.mark.django_db
def test_a_look_is_one_statement_by_an_index_whatever_exists():
    for count in (1, 30):
        for number in range(count):
            live_version(factories.model(name=f"Model {count} {number}"), url="http://127.0.0.1:1")
        Change.objects.all().delete()
        stands = snapshot.changes_since(None).position
        with CaptureQueriesContext(connection) as asked:
            assert snapshot.changes_since(stands).names == {}
        assert len(asked) == 1
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table of nothing is read as it is
            cursor.execute(f"EXPLAIN {snapshot.POLL}", {"seen": stands.snapshot, "most": 10})
            assert "Index Cond: (transaction >=" in "\n".join(line for (line,) in cursor.fetchall())


# By change as from scratch


class Held:
    """The caches of a gateway process on the test's own connection, and what they should hold."""

    def __init__(self):
        self.health = DatabaseHealth(1.0)
        self.models = ModelCache(GatewayConfig(), self._models, self.health)
        self.keys = KeyCache(
            GatewayConfig(),
            {1: "pepper"},
            self._keys,
            lambda record: None,
            time.time,
            health=self.health,
        )
        self.feed = ChangeFeed(self._ask, self.keys, self.models, self.health)
        self.loaded = Counter()
        self._line = connections["default"]

    def run(self, *work):
        """Coroutines one after the other, on the connection of the test: a loop would have another one."""

        async def all_of_it():
            connections["default"] = self._line
            return [await one for one in work]

        return asyncio.run(all_of_it())

    async def _models(self, ids):
        self.loaded["models"] += len(ids)
        return snapshot.models(ids)

    async def _keys(self, kids):
        self.loaded["keys"] += len(kids)
        return snapshot.api_keys(kids)

    async def _ask(self, position):
        """Everything happens in one transaction here, which is in its own snapshots as if it were over: so all that is noted is new."""
        return snapshot.changes_since(
            position and position._replace(snapshot=snapshot.EMPTY_SNAPSHOT)
        )

    def look(self):
        self.loaded.clear()
        self.run(self.feed.poll())
        Change.objects.all().delete()

    def hold_all(self):
        models = [
            self.models.fetch(pk) for pk in RegisteredModel.objects.values_list("pk", flat=True)
        ]
        self.run(
            *models,
            *(
                self.keys._flight.load(kid.encode())
                for kid in ApiKey.objects.values_list("kid", flat=True)
            ),
        )

    def assert_true(self, after):
        ids, kids = [*self.models._records], [kid.decode() for kid in self.keys.records]
        fresh = snapshot.models(ids)
        assert {pk: self.models._records[pk] for pk in ids} == {
            pk: fresh.get(pk) or empty_model(pk) for pk in ids
        }, after
        held = {
            kid.decode(): replace(record, billing_ids=())
            for kid, record in self.keys.records.items()
        }
        assert held == {
            record.kid: replace(record, billing_ids=()) for record in snapshot.api_keys(kids)
        }, after


class Company:
    """Three models with versions and keys, and everything that can happen to a row of theirs, by name."""

    def __init__(self, luck):
        self.luck = luck
        self.models = [factories.model(name=f"Model {n}") for n in range(3)]
        for model in self.models:
            live_version(model, "1.0.0", url="http://127.0.0.1:1/a")
            live_version(model, "1.1.0", url="http://127.0.0.1:1/b")
            subscriber(model.versions.first())
        self.serial = 0

    def any(self, table, **chosen):
        return self.luck.choice(list(table.objects.filter(**chosen).order_by("pk")))

    def change(self, table, **facts):
        table.objects.filter(pk=self.any(table).pk).update(**facts)

    def happenings(self):
        self.serial += 1
        luck, now, serial = self.luck, timezone.now(), self.serial
        version, key = self.any(ModelVersion), self.any(ApiKey)
        teams, states = (
            [factories.lending(), factories.mortgage(), factories.wealth()],
            ["published", "deprecated", "retired"],
        )
        return {
            "a version is published": lambda: live_version(
                luck.choice(self.models), f"2.0.{serial}", url="http://127.0.0.1:1/c"
            ),
            "a version changes its state": lambda: self.change(
                ModelVersion, state=luck.choice(states), deprecated_at=now
            ),
            "a version is suspended": lambda: self.change(ModelVersion, suspended_at=now),
            "a suspension ends": lambda: ModelVersion.objects.update(suspended_at=None),
            "an end is announced": lambda: self.change(
                ModelVersion, sunset_at=now + timedelta(days=serial), deprecated_at=now
            ),
            "a successor is named": lambda: self.change(ModelVersion, successor=version),
            "another service level": lambda: self.change(ModelVersion, sla={"timeout_s": serial}),
            "another address": lambda: self.change(
                Upstream, base_url=f"http://127.0.0.1:1/{serial}"
            ),
            "an upstream's readiness": lambda: self.change(Upstream, is_ready=luck.random() < 0.5),
            "an upstream goes": lambda: Upstream.objects.filter(version=version).delete(),
            "an upstream comes": lambda: Upstream.objects.get_or_create(
                version=version, defaults={"base_url": "http://127.0.0.1:1/d"}
            ),
            "a deployment comes": lambda: Deployment.objects.get_or_create(
                version=version, defaults={"app_name": f"app-{version.pk}"}
            ),
            "a deployment's state": lambda: Deployment.objects.update(
                state=luck.choice(["ready", "scaled_to_zero", "stopped", "failed"])
            ),
            "another name": lambda: self.change(RegisteredModel, slug=f"renamed-{serial}"),
            "a key ends": lambda: ApiKey.objects.filter(pk=key.pk).update(
                state="revoked", epoch=serial
            ),
            "a key's networks": lambda: ApiKey.objects.filter(pk=key.pk).update(
                networks=["192.0.2.0/24"]
            ),
            "a key's digest": lambda: ApiKey.objects.filter(pk=key.pk).update(mac=f"{serial:064x}"),
            "a subscription's state": lambda: self.change(
                Subscription, state=luck.choice(["active", "paused", "closed"])
            ),
            "a subscription's policy": lambda: self.change(
                Subscription, version_policy=luck.choice(["pin_exact", "auto_patch"])
            ),
            "another pin": lambda: self.change(Subscription, pinned_version=version),
            "a plan's limits": lambda: self.change(
                Plan, rate_per_second=serial, burst=serial, monthly_quota=serial
            ),
            "another plan": lambda: self.change(Subscription, plan=self.any(Plan)),
            "an application moves": lambda: self.change(Application, team=luck.choice(teams)),
            "an environment": lambda: self.change(
                Application, environment=luck.choice(["prod", "test"])
            ),
        }


@pytest.fixture
def company(monkeypatch):
    monkeypatch.setenv(
        "DJANGO_ALLOW_ASYNC_UNSAFE", "1"
    )  # the ORM is asked on the test's connection, in its transaction
    return Company(random.Random(8))


@pytest.fixture
def held(company):
    held = Held()
    held.look()
    held.hold_all()
    return held


@pytest.mark.django_db
def test_whatever_happens_to_its_rows_what_is_held_is_what_a_fresh_load_says(company, held):
    """Each thing that can happen at least once, then in any order."""
    names = list(company.happenings())
    for name in [*names, *company.luck.choices(names, k=60)]:
        company.happenings()[name]()
        held.look()
        held.assert_true(name)


@pytest.mark.django_db
def test_what_the_gateway_does_not_read_is_no_change(company, held):
    now = timezone.now()
    draft = factories.draft_version(factories.model(name="Drafted"))
    Change.objects.all().delete()
    RegisteredModel.objects.update(
        calls_30d=5,
        consumer_teams=2,
        measured_p95_ms=7,
        summary="Other words.",
        visibility="restricted",
    )
    company.models[0].visible_teams.add(factories.wealth())
    ApiKey.objects.update(last_used_at=now)
    Upstream.objects.update(updated_at=now)
    Deployment.objects.update(restarts=3)
    ModelVersion.objects.filter(pk=draft.pk).update(changelog="Other words.", signature={})
    Upstream.objects.update(is_ready=True)
    Team.objects.update(email="team@example.com")
    assert not Change.objects.exists()


@pytest.mark.django_db
def test_only_what_changed_and_is_held_is_loaded_again(company, held):
    first, second, _ = company.models
    ModelVersion.objects.filter(model=first).update(suspended_at=timezone.now())
    held.look()
    assert held.loaded == {"models": 1}
    stranger = live_version(factories.model(name="Nobody called it"), url="http://127.0.0.1:1")
    ModelVersion.objects.filter(pk=stranger.pk).update(suspended_at=timezone.now())
    Plan.objects.filter(model=second).update(burst=77)
    held.look()
    assert held.loaded == {"keys": 1}
    held.look()
    assert not held.loaded


@pytest.mark.django_db
def test_a_model_without_a_version_is_remembered_and_found_when_it_gets_one(company, held):
    """Nothing to call is known within the same bound, and corrected by the change."""
    draft = factories.model(name="Not yet")
    assert held.run(held.models.fetch(draft.pk))[0].slug == ""
    live_version(draft, url="http://127.0.0.1:1")
    held.look()
    assert held.models.get(draft.pk).slug == draft.slug


@pytest.mark.django_db
def test_retired_versions_are_loaded_without_their_signatures(company):
    model = company.models[0]
    live, retired = model.versions.newest_first()
    ModelVersion.objects.filter(pk=retired.pk).update(state="retired")
    found = {version.number: version for version in snapshot.models([model.pk])[model.pk].versions}
    assert (
        '"score"' in found[live.number].tensors
        and found[retired.number].tensors == '"inputs": [], "outputs": []'
    )


@pytest.mark.django_db
def test_any_number_of_models_is_loaded_by_the_same_questions(company, django_assert_num_queries):
    with CaptureQueriesContext(connection) as one:
        snapshot.models([company.models[0].pk])
    with django_assert_num_queries(len(one)):
        snapshot.models([model.pk for model in company.models])


# Loads that meet changes, outages and each other


class Postgres:
    """Answers after a while; counts what it is asked."""

    def __init__(self):
        self.asked = []
        self.is_unavailable = False
        self.suspended = False

    async def load(self, ids):
        self.asked.append(list(ids))
        read = self.suspended
        await asyncio.sleep(0.01)
        if self.is_unavailable:
            raise DatabaseUnavailable
        return {
            pk: replace(empty_model(pk), slug=f"model-{pk}{'-suspended' if read else ''}")
            for pk in ids
        }


def test_a_herd_at_a_cold_model_asks_once():
    async def run():
        postgres = Postgres()
        cache = ModelCache(GatewayConfig(), postgres.load, DatabaseHealth(1.0))
        await asyncio.gather(*(cache.fetch(n % 3) for n in range(900)))
        assert sum(map(len, postgres.asked)) == 3 and len(postgres.asked) <= 2

    asyncio.run(run())


def test_a_load_that_a_change_overtakes_is_done_once_more():
    async def run():
        postgres = Postgres()
        cache = ModelCache(GatewayConfig(), postgres.load, DatabaseHealth(1.0))
        loading = asyncio.create_task(cache.fetch(1))
        await asyncio.sleep(0.005)
        postgres.suspended = True
        await cache.reload_changed({1})
        assert (await loading).slug == "model-1-suspended" and cache.get(
            1
        ).slug == "model-1-suspended"

    asyncio.run(run())


@pytest.mark.fault("F4")
def test_while_postgres_is_unavailable_loaded_models_go_on_and_others_are_503():
    async def run():
        postgres, health = Postgres(), DatabaseHealth(0.0)
        cache = ModelCache(GatewayConfig(), postgres.load, health)
        await cache.fetch(1)
        postgres.is_unavailable = True
        with pytest.raises(Problem) as refusal:
            await cache.fetch(2)
        assert refusal.value.status == 503 and any(
            name == b"retry-after" for name, _ in refusal.value.headers
        )
        cache.invalidate(time.monotonic())
        assert cache.get(1).slug == "model-1" and (await cache.fetch(1)).slug == "model-1"
        postgres.is_unavailable = False
        assert (await cache.fetch(2)).slug == "model-2"
        assert cache.get(1) is None and (await cache.fetch(1)).slug == "model-1", (
            "what is not trusted is loaded when it can be"
        )

    asyncio.run(run())


def test_only_so_many_models_are_held_and_one_in_use_stays():
    async def run():
        postgres = Postgres()
        cache = ModelCache(
            replace(GatewayConfig(), model_records=20), postgres.load, DatabaseHealth(1.0)
        )
        for pk in range(100):
            await cache.fetch(pk)
            assert cache.get(0) or await cache.fetch(0)
            assert len(cache) <= 20
        assert sum(asked.count(0) for asked in postgres.asked) <= 2

    asyncio.run(run())


def test_a_look_that_could_not_load_what_changed_counts_for_nothing():
    """Neither is the change forgotten, nor does what is held count as fresh."""
    stands = [FeedPosition(timezone.now(), f"{n}:{n}:", timezone.now()) for n in (1, 2, 3)]
    asked = []

    async def ask(position):
        asked.append(position)
        return Changes(stands[len(asked) - 1], {"model": {"1"}}, position is not None)

    async def run():
        postgres, health = Postgres(), DatabaseHealth(0.0)
        cache = ModelCache(GatewayConfig(), postgres.load, health)
        confirmed = []

        async def reload_changed(kids, ids):
            pass

        keys = SimpleNamespace(
            reload_changed=reload_changed, invalidate=lambda at: None, confirm=confirmed.append
        )
        feed = ChangeFeed(ask, keys, cache, health)
        await feed.poll()
        await cache.fetch(1)
        postgres.is_unavailable = True
        with pytest.raises(DatabaseUnavailable):
            await feed.poll()
        postgres.is_unavailable, postgres.suspended = False, True
        await feed.poll()
        assert asked == [None, stands[0], stands[0]] and len(confirmed) == 2
        assert cache.get(1).slug == "model-1-suspended"

    asyncio.run(run())
