"""Rows of a factory, put back instead of made again.

A published version takes 270 statements through the real verbs, and half of the default tier's processor time went there.
The verbs run when a state is met for the first time; what they wrote is kept, and the next test that asks for the same from
the same state gets the same rows, ids included. `replayed` marks such a factory. It makes things anew whenever it is not
sure: outside a test's own transaction, under a changed clock, in another hour, after any row that no replayed factory wrote or that was
changed since, when a kept snapshot is older than FRESH_S (deadlines are counted from now), and when the verbs changed or
deleted a row of PEOPLE or IGNORED that was there: of those, the state does not hold all.

Reading 180 tables takes 20 ms, most of it for the plan, and a test asks for its state several times. So what is committed is
read once, until a transactional test may have changed it, and after that only the tables that the test wrote to. The state is
not read at all when nothing but READS was asked since it was known, as between factories that are put back.
"""

import functools
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils import timezone

from catalog import search

FRESH_S = 120
PEOPLE = ("accounts_businessunit", "accounts_team", "accounts_user", "accounts_membership")
PEOPLE += ("accounts_rolegrant", "catalog_domain", "catalog_capability", "catalog_modeltype")
PEOPLE += ("accounts_teamunit",)
# A trigger writes these rows: their ids differ from test to test and tell nothing.
WITHOUT_ID = {"accounts_teamunit": "(t.team_id, t.business_unit_id, t.since)"}
# No verb of a factory reads these.
IGNORED = ("django_session", "django_migrations", "django_content_type", "auth_permission", "cache")
IGNORED += ("django_admin_log", "audit_auditevent", "notices_notice", "hosting_change")
TABLES = """
SELECT c.relname, a.attname FROM pg_class c
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'
"""


# How statements begin that leave all rows as they are.
READS = (
    'SELECT "',
    'SELECT DISTINCT "',
    "SELECT COUNT(",
    "SELECT 1 ",
    "SELECT pg_current_xact_id_if",
)
READS += ("SAVEPOINT ", "RELEASE SAVEPOINT ")
WRITTEN = """
SELECT DISTINCT root.relname FROM pg_class c JOIN pg_class root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND pg_stat_get_xact_tuples_inserted(c.oid)
    + pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) > 0
"""  # also what the connection's transactions of the last second wrote to


@dataclass
class Committed:
    """What every test finds: {table: digest of its rows}, {table: rows as JSON}."""

    digests: dict[str, str | None]
    rows: dict[str, set[str]]


@dataclass
class Snapshot:
    """What one factory changed: {table: rows as JSON} that went and that came, what it returned, and when (monotonic seconds)."""

    gone: dict[str, list[str]]
    rows: dict[str, str]
    returned: Callable[[], Any]
    at: float
    state: tuple[Any, Any]  # to which it leads


class Snapshots:
    """All snapshots of this process."""

    def __init__(self):
        self.kept = {}
        self.known = set()  # states that a test found, or to which only replayed factories lead
        self.depth = 0
        self.spoiled = None  # the transaction of a test that wrote what no replayed factory wrote
        self.committed = None
        self.found = None  # (transaction, its state), while nothing was written since
        self._tables = {}

    def make(self, factory, args, kwargs):
        """What `factory` returns, by replaying if possible."""
        if self.depth or not _is_plain_test() or connection.atomic_blocks[0] is self.spoiled:
            return factory(*args, **kwargs)
        arguments, (people, rest) = _plain((args, sorted(kwargs.items()))), self.state()
        if rest not in self.known and _is_untouched():
            self.known.add(rest)
        name = f"{factory.__module__}.{factory.__qualname__}"
        key = (name, arguments, people, rest, time.time() // 3600)
        if rest not in self.known:
            self.spoiled = connection.atomic_blocks[0]
        if arguments is None or rest not in self.known:
            return self._run(factory, args, kwargs)
        snapshot = self.kept.get(key)
        if snapshot and time.monotonic() - snapshot.at < FRESH_S:
            return self._replay(snapshot, args)
        return self._record(key, factory, args, kwargs)

    def state(self):
        """(people and words by primary keys, because signing in writes to them; everything else by its whole rows), as digests."""
        block = connection.atomic_blocks[0]
        if self.found and self.found[0] is block:
            return self.found[1]
        digests = self._seen("digests", self._digests)
        rest = [table for table in digests if table not in PEOPLE + IGNORED]
        state = tuple(map(digests.get, PEOPLE)), tuple(map(digests.get, rest))
        self.found = (block, state) if _is_test_case() else None
        return state

    def look(self):
        """At the beginning of a test's transaction: know what is committed, and notice what is written."""
        if self._notice not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._notice)
        self.found = None
        if not self.committed:
            tables = self.tables()
            self.committed = Committed(self._digests(tables), self._dump(tables))

    def forget_committed(self):
        self.committed = None

    def tables(self):
        """{table: primary key column}."""
        name = connection.settings_dict["NAME"]
        if name not in self._tables:
            with connection.cursor() as cursor:
                cursor.execute(TABLES)
                self._tables = {name: dict(cursor.fetchall())}
            self.kept.clear()
            self.known.clear()
            self.forget_committed()
        return self._tables[name]

    def _seen(self, kind, read):
        """{table: what `read` finds}, where it may differ from what is committed; elsewhere what is committed."""
        tables = self.tables()
        if not (self.committed and _is_test_case()):
            return read(tables)
        with connection.cursor() as cursor:
            cursor.execute(WRITTEN)
            written = [table for (table,) in cursor.fetchall() if table in tables]
        return getattr(self.committed, kind) | (read(written) if written else {})

    def _digests(self, tables):
        keys = {table: f't."{key}"' for table, key in self.tables().items()} | WITHOUT_ID
        digested = [
            f"(SELECT md5(string_agg({keys[table] if table in PEOPLE else 't'}::text, ',' ORDER BY {keys[table]}))"
            f' FROM "{table}" t)'
            for table in tables
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(digested))
            return dict(zip(tables, cursor.fetchone(), strict=True))

    def _notice(self, execute, statement, parameters, many, context):
        if not (isinstance(statement, str) and statement.startswith(READS)):
            self.found = None
        return execute(statement, parameters, many, context)

    def _run(self, factory, args, kwargs):
        self.depth += 1
        try:
            return factory(*args, **kwargs)
        finally:
            self.depth -= 1

    def _dump(self, tables):
        rows = {table: set() for table in tables}
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{table}', to_jsonb(t)::text FROM \"{table}\" t" for table in tables
                )
            )
            for table, text in cursor.fetchall():
                rows[table].add(text)
        return rows

    def _record(self, key, factory, args, kwargs):
        before, at = self._seen("rows", self._dump), time.monotonic()
        made = self._run(factory, args, kwargs)
        after = self._seen("rows", self._dump)
        gone = _less(before, after)
        returned = _again(made)
        if set(gone) & set(PEOPLE + IGNORED) or returned is None:
            return made
        rows = {
            table: "[" + ",".join(sorted(new, key=_primary)) + "]"
            for table, new in _less(after, before).items()
        }
        self.kept[key] = Snapshot(gone, rows, returned, at, self.state())
        self.known.add(self.state()[1])
        return made

    def _replay(self, snapshot, args):
        statements = [
            "SET LOCAL session_replication_role = replica",  # triggers wrote, too
            *(
                f'DELETE FROM "{table}" t WHERE to_jsonb(t)::text = ANY(%s)'
                for table in snapshot.gone
            ),
            *(self._insert(table) for table in snapshot.rows),
            "SET LOCAL session_replication_role = origin",
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                "; ".join(statements), [*snapshot.gone.values(), *snapshot.rows.values()]
            )
        if _is_test_case():
            self.found = connection.atomic_blocks[0], snapshot.state
        search.forget()  # these rows say that a transaction of another test wrote them
        for one in args:
            if isinstance(one, models.Model):
                one.refresh_from_db()
        return snapshot.returned()

    @functools.cache  # noqa: B019 - one object for the whole run
    def _insert(self, table):
        """All but what Postgres computes by itself."""
        with connection.cursor() as cursor:
            cursor.execute(COLUMNS, [table])
            columns = cursor.fetchone()[0]
        return (
            f'INSERT INTO "{table}" ({columns}) SELECT {columns}'
            f' FROM json_populate_recordset(null::"{table}", %s)'
        )


def _less(tables, others):
    """The rows of `tables` that `others` lacks, without the tables that have none."""
    found = {table: rows - others[table] for table, rows in tables.items()}
    return {table: list(rows) for table, rows in found.items() if rows}


def _again(made):
    """A function that returns what a factory returned: the row, read anew, or a copy. None where there is no copy."""
    if isinstance(made, models.Model):
        return functools.partial(type(made).objects.get, pk=made.pk)
    try:
        return functools.partial(pickle.loads, pickle.dumps(made))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


def _primary(text):
    return json.loads(text).get("id") or 0


def _plain(value):
    """A hashable text of arguments that are data or rows; None when there is anything else."""
    try:
        return json.dumps(value, default=_row)
    except TypeError:
        return None


def _row(value):
    if isinstance(value, models.Model):
        return [value._meta.label, str(value.pk)]
    raise TypeError


def _is_untouched():
    """Has this test written nothing yet? Then the state is what it found: the migrations' rows, or none after a flush."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NULL")
        return cursor.fetchone()[0]


def _is_plain_test():
    """In the transaction that a test takes back, with the clock as it is."""
    offset = timezone.now().timestamp() - time.clock_gettime(time.CLOCK_REALTIME)
    return connection.in_atomic_block and abs(offset) < 1


def _is_test_case():
    """Is the outermost transaction that of a plain test? Others, and what they commit, are nobody's but their own."""
    return bool(connection.atomic_blocks) and connection.atomic_blocks[0]._from_testcase


snapshots = Snapshots()


def replayed(factory):
    """A factory whose rows are put back where they were made before from the same state."""

    @functools.wraps(factory)
    def made(*args, **kwargs):
        return snapshots.make(factory, args, kwargs)

    return made
