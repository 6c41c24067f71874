"""manage.py revoke_keys: keys end although Postgres, or Postgres and Redis, are down; and they stay ended."""

import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from consumption.keys import emergency_revocations
from consumption.models import ApiKey
from marketplace.audit.models import AuditEvent
from marketplace.core import keys
from marketplace.launcher.rundir import ROOT
from marketplace.notices.models import Notice
from tests import factories
from tests.gateway import infer_path, same_kid, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
REASON = "Found in a public repository."


# While Postgres answers


def revoke(*words, leaked=b""):
    """Run the command; what it said."""
    said = io.StringIO()
    stdin, sys.stdin = sys.stdin, SimpleNamespace(buffer=io.BytesIO(leaked))
    try:
        call_command("revoke_keys", *words, reason=REASON, stdout=said)
    finally:
        sys.stdin = stdin
    return said.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["{kid}", "mkc_{kid}…", "{text}"])
def test_a_key_that_is_named_ends_and_its_team_is_told(form):
    key, text = factories.key(factories.subscription())
    said = revoke(form.format(kid=key.kid, text=text))
    key.refresh_from_db()
    assert key.state == "revoked" and f"{key} no longer works" in said and text[12:] not in said
    event = AuditEvent.objects.get(action="key.revoke")
    assert (event.reason, event.actor.username) == (REASON, "system:emergency")
    assert (
        Notice.objects.get(recipient=factories.maya(), title__contains="was revoked").body == REASON
    )


@pytest.mark.django_db(transaction=True)
def test_keys_are_found_in_any_text_and_an_invented_one_ends_nothing():
    subscription = factories.subscription()
    (leaked, text), (kept, other) = factories.key(subscription), factories.key(subscription)
    said = revoke(
        leaked=f'export KEY="{text}"\n+ key: {same_kid(other)}\n{keys.mint().text}\n\xff\x00'.encode(
            "latin-1"
        )
    )
    assert (
        ApiKey.objects.get(pk=leaked.pk).state == "revoked"
        and ApiKey.objects.get(pk=kept.pk).state == "active"
    )
    assert "2 of those named are not live keys" in said


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("words", "complaint"), [(("nonsense!",), "neither"), ((), "no key in this")]
)
def test_what_names_no_key_is_refused_with_what_a_key_looks_like(words, complaint):
    with pytest.raises(CommandError, match=complaint):
        revoke(*words, leaked=b"nothing here")


# While it does not


@pytest.fixture
def gateway(faulty):
    return faulty.gateway


def command(faulty, *words, leaked=b""):
    """The command as an operator on the gateway's machine runs it: (exit code, what it said)."""
    env = os.environ | {
        "DATABASE_URL": faulty.database_url,
        "REDIS_URL": faulty.redis_url,
        "RUN_DIR": str(faulty.gateway.folder),
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
    }
    line = [sys.executable, "-m", "django", "revoke_keys", *words, "--reason", REASON]
    done = subprocess.run(line, env=env, cwd=ROOT, input=leaked, capture_output=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode()


class Tenant:
    """A key of a version of its own, and what the workers say to it."""

    def __init__(self, gateway, stage):
        self.gateway = gateway
        self.version = stage.version()
        self.key = subscriber(self.version)[1]
        self.kid = self.key[4:12]

    def is_warm(self):
        """Does each of the two workers know the key?"""
        return self.answers() == {200} and all(self._calls(worker) for worker in (0, 1))

    def answers(self):
        return {self.gateway.infer(infer_path(self.version), self.key)[0] for _ in range(12)}

    def state(self):
        return ApiKey.objects.get(kid=self.kid).state

    def _calls(self, worker):
        return self.gateway.count("calls_total", version=self.version.pk, worker=worker)


@pytest.fixture
def tenants(gateway, stage):
    """Two that both workers know: one whose key leaks, and another."""
    both = Tenant(gateway, stage), Tenant(gateway, stage)
    until(lambda: {tenant.is_warm() for tenant in both} == {True}, 10, gateway.said)
    return both


def kill_workers(gateway):
    """SIGKILL; their parent starts others, which know nothing but what is stored."""
    before = gateway.children()
    for name in ("0", "1"):
        os.kill(before[name], signal.SIGKILL)
    until(
        lambda: (
            {"0", "1"} <= (now := gateway.children()).keys()
            and all(now[name] != before[name] for name in "01")
        ),
        10,
    )
    until(lambda: gateway.get("/v2/health/live")[0] == 200, 20, gateway.said)


@pytest.mark.slow
@pytest.mark.fault("F4")
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_with_postgres_down_a_key_ends_through_redis(
    gateway, faulty, tenants, injected_faults, mode
):
    leaked, other = tenants
    injected_faults.watch(lambda: faulty.postgres.injected)
    faulty.postgres.set(mode)
    faulty.postgres.drop_all()
    code, said = command(faulty, leaked=f"{leaked.key} {same_kid(other.key)}".encode())
    assert (
        code == 0
        and "- Redis: every gateway" in said
        and "enter this there by themselves" in said
        and leaked.key[12:] not in said
    )
    (gateway.folder / "revoked-keys.jsonl").unlink()
    until(lambda: leaked.answers() == {401}, 1.5, gateway.said)
    assert other.answers() == {200}, "an invented text with its kid does not end a key"
    kill_workers(gateway)
    until(
        lambda: leaked.answers() == {401}, 3, gateway.said
    )  # a new worker knows it without Postgres
    faulty.heal()
    until(lambda: leaked.state() == "revoked", 20, gateway.said)
    assert (
        AuditEvent.objects.get(action="key.revoke", object_label__contains=leaked.kid).reason
        == REASON
    )
    assert other.state() == "active" and leaked.answers() == {401}
    until(lambda: other.answers() == {200}, 5, gateway.said)


@pytest.mark.slow
@pytest.mark.fault("F4")
def test_a_key_sent_in_an_address_while_postgres_is_down_ends_at_once_and_stays_ended(
    gateway, faulty, tenants, injected_faults
):
    leaked, other = tenants
    injected_faults.watch(lambda: faulty.postgres.injected)
    faulty.postgres.set("refuse")
    for key in (leaked.key, same_kid(other.key)):
        assert gateway.infer(f"{infer_path(leaked.version)}?api_key={key}", "")[0] == 400
    until(lambda: leaked.answers() == {401}, 5, gateway.said)
    assert other.answers() == {200}
    faulty.heal()
    until(lambda: leaked.state() == "revoked", 20, gateway.said)
    assert (
        other.state() == "active"
        and Notice.objects.filter(recipient=factories.maya(), title__contains=leaked.kid).count()
        == 1
    )


@pytest.mark.slow
@pytest.mark.fault("F1", "F4")
def test_with_both_down_a_key_ends_through_the_file(gateway, faulty, tenants, injected_faults):
    leaked, other = tenants
    injected_faults.watch(lambda: min(faulty.postgres.injected, faulty.redis.injected))
    faulty.postgres.set("refuse")
    faulty.redis.set("refuse")
    code, said = command(faulty, leaked.kid)
    assert (
        code == 0
        and "- NOT Redis" in said
        and "revoked-keys.jsonl: the gateway on this machine" in said
    )
    assert "machine of every other gateway" in said
    until(lambda: leaked.answers() == {401}, 1.5, gateway.said)
    assert other.answers() == {200}
    kill_workers(gateway)
    assert leaked.answers() == {401} and other.answers() == {503}
    faulty.heal()
    until(lambda: leaked.state() == "revoked", 20, gateway.said)
    until(lambda: other.answers() == {200}, 5, gateway.said)
    code, said = command(faulty, leaked.kid)
    assert code == 0 and "1 of those named are not live keys" in said


@pytest.mark.slow
def test_where_nothing_is_reached_the_command_says_that_the_keys_still_work(
    faulty, gateway, injected_faults, tmp_path
):
    injected_faults.watch(lambda: min(faulty.postgres.injected, faulty.redis.injected))
    faulty.postgres.set("refuse")
    faulty.redis.set("refuse")
    elsewhere = SimpleNamespace(
        database_url=faulty.database_url,
        redis_url=faulty.redis_url,
        gateway=SimpleNamespace(folder=tmp_path / "none"),
    )
    code, said = command(elsewhere, "AbCd1234")
    assert code == 1 and "the keys still work" in said


def test_a_torn_or_broken_line_does_not_hide_the_others(tmp_path):
    path = tmp_path / "revoked-keys.jsonl"
    good = emergency_revocations.for_kid("AbCd1234", REASON)
    path.write_bytes(
        b'{"kid": 1}\nnonsense\n'
        + emergency_revocations.serialize(good)
        + b"\n"
        + emergency_revocations.serialize(good)[:20]
    )
    assert emergency_revocations.read_file(path) == [good]
    assert emergency_revocations.read_file(tmp_path / "none") == []
