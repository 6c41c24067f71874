"""The drill: load, backup, more load, a revocation and a change, the database is destroyed, restore. Nothing that was told is lost."""

import json
import os
import re
import signal

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from consumption import actions as consumption
from consumption.keys import revocation_log
from consumption.metering import quota, replay, shipping, usage_journal
from consumption.models import ApiKey, QuotaLease, QuotaPeriod, Subscription, UsageDay, UsageEvent
from marketplace.audit import actions as audit
from marketplace.launcher import embedded_postgres
from marketplace.launcher.rundir import RunDir
from marketplace.operations import backup
from tests import factories
from tests.consumption.billing_state import assert_agree
from tests.gateway import Load, infer_path, live_version, subscriber, until

pytestmark = pytest.mark.fault("F27")


# What a restored database forgot


@pytest.fixture
def revoked_file(settings, tmp_path):
    settings.REVOCATIONS_FILE = tmp_path / "revocations.jsonl"
    settings.EMERGENCY_REVOCATIONS_FILE = tmp_path / "revoked-keys.jsonl"
    return settings.REVOCATIONS_FILE


def test_a_revocation_is_noted_when_it_is_committed_and_not_before(
    db, revoked_file, django_capture_on_commit_callbacks
):
    subscription, _ = subscriber(live_version())
    key = ApiKey.objects.get(subscription=subscription)
    with django_capture_on_commit_callbacks() as later:
        consumption.revoke_key(factories.maya(), key, "Left the company.")
    assert revocation_log.read() == []
    for work in later:
        work()
    assert revocation_log.read() == [key.kid]


def test_a_line_that_broke_off_hides_no_other_revocation(
    db, revoked_file, django_capture_on_commit_callbacks
):
    revoked_file.write_bytes(
        b'{"kid": "first001", "at": "2026-11-23T10:00:00+00:00"}\n{"kid": "half'
    )
    with django_capture_on_commit_callbacks(execute=True):
        revocation_log.append("third003")
    assert revocation_log.read() == ["first001", "third003"]


def test_a_key_that_the_restored_database_shows_as_live_is_revoked_again(db, revoked_file):
    subscription, _ = subscriber(live_version())
    key = ApiKey.objects.get(subscription=subscription)
    revoked_file.write_text(f'{{"kid": "{key.kid}"}}\n{{"kid": "unknown1"}}\n')
    assert replay.revoke_again() == [key] and replay.revoke_again() == []
    key.refresh_from_db()
    assert key.state == "revoked" and key.revoked_by.username == "system:restore"


@pytest.mark.django_db
def test_usage_quota_and_roll_ups_follow_from_what_was_kept(tmp_path, revoked_file):
    """The database is set back to before the first call, as a restore does it; leases and periods are gone too."""
    version = live_version()
    subscription, _ = subscriber(version, monthly_quota=1000)
    key = ApiKey.objects.get(subscription=subscription)
    journal = usage_journal.UsageJournal(tmp_path / "journal")
    who = (
        subscription.pk,
        key.pk,
        subscription.application_id,
        subscription.application.team_id,
        version.model_id,
        version.pk,
    )
    at_us = usage_journal.time.time_ns() // 1000
    for number in range(30):
        ticket = journal.start(at_us + number, who, 1, 0)
        if number < 28:
            journal.end(ticket, 1, 1, 1, 200, usage_journal.OK)
    journal.close()
    shipping.Shipper(tmp_path / "journal").ship()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    quota.take(
        subscription.pk,
        quota.period_start(timezone.now()),
        1000,
        50,
        "a owner that nobody remembers",
    )
    assert replay.replay(tmp_path / "journal") == {"events": 30, "keys": []}
    assert replay.replay(tmp_path / "journal") == {"events": 0, "keys": []}, "it may run twice"
    period = QuotaPeriod.objects.get()
    assert (period.used, period.leased, period.quota) == (
        28,
        28,
        1000,
    ) and not QuotaLease.objects.exists()
    assert_agree()
    assert UsageDay.objects.aggregate(calls=Sum("calls"))["calls"] == 30
    assert len(list((tmp_path / "journal" / "shipped").iterdir())) == 1, "kept for the next restore"


def test_replay_refuses_while_a_gateway_runs(db, tmp_path, settings, revoked_file):
    """It would end leases that the gateway goes on spending."""
    settings.USAGE_JOURNAL_DIR = tmp_path
    journal = usage_journal.UsageJournal(tmp_path)
    with pytest.raises(CommandError, match="still runs here .processes: 1.: stop it"):
        call_command("replay")
    journal.close()
    call_command("replay")


@pytest.mark.django_db
def test_a_quota_that_was_used_up_after_the_backup_stays_used_up(tmp_path, revoked_file):
    version = live_version()
    subscription, _ = subscriber(version, monthly_quota=10)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO consumption_usageevent (event_id, at, subscription_id, key_id, application_id, team_id, model_id, version_id,"
            " outcome, http_status, units, duration_us) SELECT gen_random_uuid(), now(), %s, 1, 1, 1, 1, %s, 'ok', 200, 1, 1"
            " FROM generate_series(1, 10)",
            [subscription.pk, version.pk],
        )
    quota.recount()
    assert (
        quota.take(subscription.pk, quota.period_start(timezone.now()), 10, 1, "somebody").granted
        == 0
    )


# What does not fit is refused, and nothing is changed


@pytest.fixture
def run(tmp_path):
    return RunDir(tmp_path / "run").prepare()


def test_a_folder_without_a_backup_is_refused(run, tmp_path):
    with pytest.raises(backup.CannotBackUp, match="holds no whole backup"):
        backup.put_back(run, tmp_path)


def test_other_secrets_are_refused(run, tmp_path):
    folder = tmp_path / "backup"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "PG_VERSION").write_text("18")
    RunDir(folder).write(
        backup.ABOUT, {"postgres": "18", "secrets": backup.digests(run) | {"key_pepper": "another"}}
    )
    with pytest.raises(backup.CannotBackUp, match="key_pepper.*vault"):
        backup.put_back(run, folder)
    assert not (run.path / "data" / "postgres").exists()


def test_a_base_whose_bytes_changed_is_refused(run, tmp_path):
    base = tmp_path / "backup" / "base"
    base.mkdir(parents=True)
    (base / "PG_VERSION").write_text("18")
    files = [
        {"Path": "PG_VERSION", "Checksum": backup._sha256(base / "PG_VERSION")},
        {"Encoded-Path": b"1259".hex(), "Checksum": "00"},
    ]
    (base / "backup_manifest").write_text(json.dumps({"Files": files[:1]}))
    backup.verify(base)
    (base / "backup_manifest").write_text(json.dumps({"Files": files}))
    with pytest.raises(backup.CannotBackUp, match="cannot be trusted"):
        backup.verify(base)
    (base / "PG_VERSION").write_text("81")
    with pytest.raises(backup.CannotBackUp, match="PG_VERSION"):
        backup.verify(base)


def test_a_postgres_of_ones_own_is_left_to_its_own_tools(run, tmp_path):
    with pytest.raises(backup.CannotBackUp, match=r"own tools.*manage.py replay"):
        backup.back_up(run, tmp_path / "backup", settings.DATABASE_URL)


# The drill


def loaded(gateway, path, key, folder):
    """Ids that the client was told."""
    said = Load(gateway, path, key, folder, seconds=2, rate=150).result()
    assert set(said["statuses"]) == {"200"} and not said["errors"]
    return set(said["acknowledged"])


@pytest.mark.slow
def test_restore_brings_back_every_call_and_no_revoked_key(installation, tmp_path, injected_faults):
    folder = tmp_path / "backup"
    installation.manage("migrate", "--no-input", "--verbosity", "0")
    with installation.orm():
        version = live_version(url=installation.stub.url)
        subscription, key = subscriber(version, monthly_quota=100_000)
        changed, _ = subscriber(version)
        _, lost_key = subscriber(version)
        path = infer_path(version)
        gateway = installation.gateway()
        with gateway:
            acknowledged = loaded(gateway, path, key, tmp_path)
            audit.sequence()
            audit.checkpoint()
            assert "Not in it: the secrets" in installation.manage("backup", folder)

            acknowledged |= loaded(gateway, path, key, tmp_path)
            consumption.close_subscription(factories.maya(), changed)
            audit.sequence()
            audit.checkpoint()
            backup._await_archived(
                installation.superuser()
            )  # Postgres does it by itself after five minutes

            acknowledged |= loaded(gateway, path, key, tmp_path)
            consumption.revoke_key(
                factories.maya(),
                ApiKey.objects.get(kid=lost_key[4:12]),
                "Leaked after the last log was brought.",
            )
            rows = UsageEvent.objects.filter(subscription_id=subscription.pk)
            until(lambda: rows.count() >= len(acknowledged), 20, gateway.said)
            os.kill(gateway.process.pid, signal.SIGKILL)
            gateway.process.wait()
    installation.destroy_database()
    injected_faults.add()

    said = installation.manage("restore", folder, stores=False)
    came_back = int(re.search(r"came back: (\d+)\. Keys revoked again: 1\.\nIntact:", said)[1])
    assert 0 < came_back < len(acknowledged), (
        "some were in the log that was brought, some only in the journal"
    )
    installation.start()
    with installation.orm():
        ids = [pk.hex for pk in rows.values_list("pk", flat=True)]
        assert acknowledged <= set(ids) and len(ids) == len(set(ids)) == len(acknowledged)
        assert QuotaPeriod.objects.get(subscription=subscription).used == len(acknowledged)
        assert_agree()
        assert Subscription.objects.get(pk=changed.pk).state == "closed"
        assert ApiKey.objects.get(kid=lost_key[4:12]).state == "revoked"
        with psycopg.connect(installation.superuser()) as server:
            assert (
                server.execute("SHOW archive_mode").fetchone() == ("on",)
                and embedded_postgres.archive_link(installation.run).is_symlink()
            )
        gateway = installation.gateway()
        with gateway:
            assert gateway.infer(path, lost_key)[0] == 401 and gateway.infer(path, key)[0] == 200
        installation.manage("backup", folder)
