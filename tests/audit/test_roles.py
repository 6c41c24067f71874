"""Issue 9, line 9: the processes' own role may neither change tables nor the record; what is inserted behind the verbs is found."""

import os
import subprocess

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from marketplace.audit import grants
from marketplace.audit.actions import record, sequence
from marketplace.audit.models import AuditEvent, Checkpoint
from marketplace.audit.verify import find_faults
from marketplace.core.postgres import roles
from marketplace.launcher import process_definitions
from tests import factories
from tests.stack import on_database

TABLE, POINTS = AuditEvent._meta.db_table, Checkpoint._meta.db_table
OWNER, APPLICATION = "roles_owner", "roles_app"
ROLE_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def url(role, database):
    return f"postgresql://{role}:secret-of-{role}@{on_database(database).rpartition('@')[2]}"


@pytest.fixture(scope="module")
def installed(django_db_setup):
    """URLs of the owner and of the application, on a database that the owner migrated by command, as in production."""
    name = "roles_" + settings.DATABASES["default"]["NAME"][-8:]
    owner, application = url(OWNER, name), url(APPLICATION, name)
    with psycopg.connect(on_database("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    roles.ensure(on_database("postgres"), owner, application)
    manage(
        "migrate",
        "--no-input",
        "--verbosity",
        "0",
        DATABASE_URL=application,
        DATABASE_OWNER_URL=owner,
    )
    yield owner, application
    with psycopg.connect(on_database("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def manage(*words, **variables):
    done = subprocess.run(
        process_definitions.manage(*words),
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL",
        f"ALTER TABLE {TABLE} ADD COLUMN n int",
        f"DROP TRIGGER audit_no_delete ON {TABLE}",
        f"DROP TABLE {TABLE} CASCADE",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "DROP FUNCTION audit_chain(bigint[], bigint[], text[], text[])",
        "SET session_replication_role = replica",
        f"UPDATE {TABLE} SET reason = 'another'",
        f"UPDATE {TABLE} SET seq = 1",
        f"DELETE FROM {TABLE}",
        f"TRUNCATE {TABLE} CASCADE",
        f"UPDATE {POINTS} SET head = ''",
        f"DELETE FROM {POINTS}",
        f"TRUNCATE {POINTS}",
        f"ALTER TABLE {TABLE} OWNER TO CURRENT_USER",
        f"SET ROLE {OWNER}",
        "DELETE FROM django_migrations",
        "CREATE SCHEMA mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE another LOGIN",
        "COPY catalog_domain TO PROGRAM 'cat'",
    ],
)
def test_the_application_may_not(installed, statement):
    _, application = installed
    with psycopg.connect(application) as server, pytest.raises(psycopg.Error) as refusal:
        server.execute(statement)
    assert isinstance(refusal.value, psycopg.errors.InsufficientPrivilege), refusal.value


def test_the_application_reads_and_writes_every_other_table(installed):
    _, application = installed
    with psycopg.connect(application) as server:
        tables = (
            {name for (name,) in server.execute(ROLE_TABLES)}
            - set(grants.RECORD)
            - set(grants.LOOKED_AT)
        )
        assert len(tables) > 40
        for table in tables:
            server.execute(f'DELETE FROM "{table}" WHERE false')
            rights = server.execute(
                "SELECT has_table_privilege(%s, 'SELECT, INSERT, UPDATE, DELETE')", [f'"{table}"']
            ).fetchone()
            assert rights == (True,), table
        sequences = server.execute(
            "SELECT bool_and(has_sequence_privilege(oid, 'USAGE')) FROM pg_class WHERE relkind = 'S'"
        )
        assert sequences.fetchone() == (True,)


def test_the_application_has_a_month_of_usage_opened_and_makes_no_other_table(installed):
    """Seen on the demo in the last days of a month: the figures' task failed at each run."""
    _, application = installed
    for _ in range(2):
        manage(
            "shell",
            "-c",
            "from consumption.metering import rollups; rollups.open_next_month()",
            DATABASE_URL=application,
        )
    with psycopg.connect(application) as server:
        month = server.execute(
            "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')"
        ).fetchone()[0]
        assert server.execute(
            "SELECT to_regclass(%s)", [f"consumption_usageevent_{month}"]
        ).fetchone()[0]


def test_neither_role_is_more_than_it_must_be(installed):
    owner, _ = installed
    with psycopg.connect(owner) as server:
        rows = server.execute(
            "SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) FROM pg_roles WHERE rolname = ANY(%s)",
            [[OWNER, APPLICATION]],
        )
        assert rows.fetchone() == (False,)
        owners = server.execute(
            f"SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ({ROLE_TABLES})"
        ).fetchall()
        assert owners == [(OWNER,)]


def test_the_application_adds_to_the_record_and_chains_it(installed, tmp_path):
    """With a witness file of its own: other tests of this run witness other databases."""
    _, application = installed
    witness = {"AUDIT_WITNESS_FILE": str(tmp_path / "witness.jsonl")}
    script = (
        "from marketplace.accounts.models import User; from marketplace.audit.actions import record, sequence, checkpoint; "
        "from marketplace.audit.verify import find_faults; system = User.objects.system('gates'); "
        "record(system, 'version.check', system, reason='Checked.'); print(sequence(), bool(checkpoint()), find_faults())"
    )
    assert (
        manage("shell", "-v", "0", "-c", script, DATABASE_URL=application, **witness)
        .strip()
        .endswith("1 True []")
    )


def test_what_an_earlier_release_owned_is_handed_over(installed):
    """A database whose tables belong to the superuser, as in releases before the roles."""
    owner, application = installed
    with psycopg.connect(on_database(roles.parts(owner)["dbname"]), autocommit=True) as server:
        server.execute("CREATE TABLE left_behind (id bigserial PRIMARY KEY)")
        roles.ensure(on_database("postgres"), owner, application)
        found = server.execute(
            "SELECT tableowner FROM pg_tables WHERE tablename = 'left_behind'"
        ).fetchone()
        server.execute("DROP TABLE left_behind")
    assert found == (OWNER,)


@pytest.mark.slow
def test_deploy_check_names_a_role_that_may_too_much(db, installed):
    assert [error.id for error in grants.application_is_not_owner(None, ["default"])] == [
        "audit.E001"
    ]  # the tests' own superuser
    _, application = installed
    with psycopg.connect(application) as server:
        assert server.execute(grants.EXCESS).fetchone() == (False,)


# Rows that no verb wrote


@pytest.fixture
def witnessed(db, settings, tmp_path):
    settings.AUDIT_WITNESS_FILE = str(tmp_path / "witness.jsonl")
    event = record(
        factories.alice(),
        "model.edit",
        factories.alice(),
        reason="A true one.",
        fields=["summary"],
        count=3,
    )
    sequence()
    (tmp_path / "witness.jsonl").touch()
    return event


COLUMNS = "at, actor_id, action, object_type, object_id, object_label, reason, detail, request_id"


@pytest.mark.parametrize(
    ("nonce", "mac"),
    [
        ("gen_random_uuid()", "''"),
        ("gen_random_uuid()", "repeat('0', 64)"),
        ("gen_random_uuid()", "mac"),
    ],
    ids=["no seal", "an invented seal", "another row's seal"],
)
@pytest.mark.parametrize("chained", [True, False])
def test_a_row_inserted_by_hand_is_found(witnessed, nonce, mac, chained):
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} ({COLUMNS}, prev_hash, hash, nonce, mac) "
            f"SELECT {COLUMNS.replace('action', repr('role.grant'))}, '', '', {nonce}, {mac} FROM {TABLE} WHERE id = %s",
            [witnessed.pk],
        )
    if chained:
        sequence()
    faults = [fault for fault in find_faults() if "role.grant" in fault]
    assert len(faults) == 1 and "was not written by the marketplace" in faults[0]


def test_a_row_sealed_under_an_earlier_key_is_believed(witnessed, settings):
    settings.AUDIT_KEYS = ["a new key", *settings.AUDIT_KEYS]
    record(factories.alice(), "model.edit", factories.alice())
    sequence()
    assert find_faults() == []
    settings.AUDIT_KEYS = ["a new key"]
    assert any("was not written by the marketplace" in fault for fault in find_faults())
