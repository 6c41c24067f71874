"""The index of this process: the words, facts and vectors of all listings in memory, read once and then only what changed.

`current()` asks the database at each search what was written since. A row is read again until every transaction that was
open when it was read has ended, so that a late commit is not missed (docs/search.md, "The index of a process").
"""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.db import connection

from catalog.languages import LANGUAGES
from catalog.search import embedders
from catalog.search.embedders import Array
from catalog.search.postings import Document, Postings, build, joined

FACTS_S = 15.0  # figures of use, measured service and tiers are that old at most
REFRESHED_SHARE = 0.02  # of the time may go into reading all figures again; where that takes longer they are older
DELTA, DELTA_SHARE = (
    300,
    0.02,
)  # changed rows, or their share, that are kept apart before all is merged
CHUNK = 5_000  # listings that are read at once: what is held twice while reading

# (name, SQL) of each fact: a whole number, -1 where nothing is known.
FACTS = (
    ("is_published", "(model.state = 'published')::int"),
    ("is_open", "(model.visibility = 'enterprise')::int"),
    ("domain", "model.domain_id"),
    ("capability", "model.capability_id"),
    ("type", "model.model_type_id"),
    ("team", "model.owner_team_id"),
    ("unit", "team.business_unit_id"),
    ("owner", "model.owner_id"),
    ("tier", "array_position(ARRAY['low', 'medium', 'high'], model.risk_tier::text) - 1"),
    (
        "status",
        "array_position(ARRAY['published', 'deprecated'], document.version_state::text) - 1",
    ),
    (
        "framework",
        "array_position(ARRAY['onnx', 'mlflow', 'external'], document.version_kind::text) - 1",
    ),
    (
        "data",
        "array_position(ARRAY['public', 'internal', 'confidential', 'personal', 'special'], document.data_class::text) - 1",
    ),
    (
        "languages",
        "CASE document.languages WHEN '' THEN 0 ELSE "
        + " + ".join(
            f"(strpos(document.languages, '{code}') > 0)::int * {1 << place}"
            for place, (code, _) in enumerate(LANGUAGES)
        )
        + " END",
    ),
    ("price", "document.has_free_plan::int + 2 * document.has_paid_plan::int"),
    ("access", "document.opens_at_once::int + 2 * document.asks_owner::int"),
    ("p95", "model.measured_p95_ms"),
    ("availability", "(model.measured_availability * 1000)::int"),
    ("promised_p95", "floor(document.promised_p95_ms)::bigint"),
    (
        "promised_availability",
        "ceil(document.promised_availability::numeric * 1000)::bigint",
    ),
    ("rating", "(model.rating_mean * 100)::int"),
    ("ratings", "least(model.rating_count, 2000000000)"),
    ("calls", "least(model.calls_30d, 2000000000)"),
    ("consumers", "least(model.consumer_teams, 2000000000)"),
    ("created", "extract(epoch FROM model.created_at)::int"),
)
SELECT_FACTS = """
SELECT count(*), array_send(array_agg(id)), {sent} FROM (
  SELECT model.id, {facts}
  FROM catalog_registeredmodel model JOIN catalog_searchdocument document ON document.model_id = model.id
  JOIN accounts_team team ON team.id = model.owner_team_id
  WHERE {where} ORDER BY model.id
) AS rows
""".replace(
    "{facts}", ", ".join(f"coalesce({sql}, -1)::bigint AS {name}" for name, sql in FACTS)
).replace("{sent}", ", ".join(f"array_send(array_agg({name}))" for name, _ in FACTS))
SELECT_ROWS = """
SELECT model.id, model.name, CASE jsonb_typeof(model.tags) WHEN 'array' THEN model.tags::text ELSE '[]' END, document.words, document.weights, (extract(epoch FROM document.written_at) * 1000000)::bigint,
  document.changed_in, meaning.vector
FROM catalog_searchdocument document JOIN catalog_registeredmodel model ON model.id = document.model_id
LEFT JOIN catalog_meaningvector meaning ON meaning.model_id = model.id AND meaning.embedder = %s
WHERE model.id = ANY(%s)
"""
# Of one moment: before which transaction all have ended, and what was written since the horizon or is to be looked at again.
SELECT_CHANGES = """
SELECT moment.xmin, changed.model_id, (extract(epoch FROM changed.written_at) * 1000000)::bigint
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS moment
LEFT JOIN (
  SELECT model_id, written_at FROM catalog_searchdocument WHERE changed_in >= %s
  UNION SELECT model_id, written_at FROM catalog_searchdocument WHERE model_id = ANY(%s)
) AS changed ON true
"""


@dataclass(frozen=True)
class Index:
    """All listings at one moment, one row each; arrays have one entry a row. Rows of listings that are gone are not published.

    main, delta  the lists of words; where `is_in_delta`, those in `main` are old.
    facts        {name of FACTS: int64}.
    lengths      the sum of a row's weights.
    vectors      rows × dim, float32; nothing but zeros without a vector.
    by_tag       {tag without case: the rows that have it}.
    kept         what others work out of this Index, until a fact changes; kept_of_words: until a row's words change.
    """

    ids: Array
    row_of: dict[int, int]
    main: Postings
    delta: Postings
    is_in_delta: Array
    facts: dict[str, Array]
    lengths: Array
    vectors: Array
    has_vector: Array
    names: list[str]
    tags: list[tuple[str, ...]]
    by_tag: dict[str, Array]
    written: Array
    embedder: str
    horizon: int
    unsettled: frozenset[int] = frozenset()
    facts_at: float = 0.0
    facts_for_s: float = FACTS_S
    kept: dict[str, Any] = field(default_factory=dict, compare=False)
    kept_of_words: dict[str, Any] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Iterable[int]) -> Array:
        """The rows of those listings that are known."""
        if "order" not in self.kept_of_words:
            self.kept_of_words["order"] = np.argsort(self.ids)
        return _places(self.ids, self.kept_of_words["order"], np.fromiter(ids, np.int64))[1]

    def weights_of(self, lexemes: Sequence[str], beginning: str = "") -> Array:
        """How much each row says with any of the lexemes, or with one that begins so: float32, 0 where it has none."""
        rows, weights = self.main.entries(lexemes, beginning)
        if len(self.delta.rows):
            is_current = ~self.is_in_delta[rows]
            newer, theirs = self.delta.entries(lexemes, beginning)
            rows = np.concatenate([rows[is_current], newer])
            weights = np.concatenate([weights[is_current], theirs])
        if not len(rows):
            return np.zeros(len(self), np.float32)
        return np.bincount(rows, weights, len(self)).astype(np.float32)


_lock = threading.Lock()
_index: Index | None = None


def forget() -> None:
    """Read everything anew next time."""
    global _index
    with _lock:
        _index = None


def current() -> Index:
    """The Index with what was committed until now, and what this transaction wrote."""
    global _index
    with _lock:
        _index = _refreshed(_index) if _index is not None else _read_all()
        return _index


def _read_all() -> Index:
    horizon, _ = _changes(2**62, ())
    embedder = embedders.current()
    ids = _all_ids()
    count = len(ids)
    index = Index(
        ids=np.array(ids, np.int64),
        row_of={pk: row for row, pk in enumerate(ids)},
        main=build([]),
        delta=build([]),
        is_in_delta=np.zeros(count, bool),
        facts={name: np.zeros(0, np.int64) for name, _ in FACTS},
        lengths=np.zeros(count, np.float32),
        vectors=np.zeros((count, embedder.dim if embedder else 1), np.float32),
        has_vector=np.zeros(count, bool),
        names=[""] * count,
        tags=[()] * count,
        by_tag={},
        written=np.zeros(count, np.int64),
        embedder=embedder.name if embedder else "",
        horizon=horizon,
    )
    parts = [build([])]
    for start in range(0, count, CHUNK):
        index, documents = _with_rows(index, ids[start : start + CHUNK], horizon)
        parts.append(build(documents))
    return _with_facts(replace(index, main=joined(parts)), None)


def _all_ids() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(model_id ORDER BY model_id) FROM catalog_searchdocument")
        return cursor.fetchone()[0] or []


def _refreshed(index: Index) -> Index:
    embedder = embedders.current()
    if (embedder.name if embedder else "") != index.embedder:
        return _read_all()
    horizon, written = _changes(index.horizon, index.unsettled)
    changed = [
        pk
        for pk, at in written.items()
        if (row := index.row_of.get(pk)) is None or index.written[row] != at
    ]
    gone = [pk for pk in index.unsettled if pk not in written and pk in index.row_of]
    if gone:
        return _read_all()
    index = replace(
        index,
        horizon=horizon,
        unsettled=index.unsettled if connection.in_atomic_block else frozenset(),
    )
    if changed:
        index = _with_facts(_with_changed(index, changed, horizon), changed)
    if time.monotonic() - index.facts_at > index.facts_for_s:
        index = _with_facts(index, None)
    return index


def _changes(horizon: int, unsettled: Iterable[int]) -> tuple[int, dict[int, int]]:
    """(the next horizon, {id: when it was written, µs})."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT_CHANGES, [horizon, list(unsettled)])
        rows = cursor.fetchall()
    return rows[0][0], {pk: at for _, pk, at in rows if pk is not None}


def _with_changed(index: Index, changed: list[int], horizon: int) -> Index:
    """The changed rows go into the delta; a delta that has grown is merged."""
    old = index
    index, documents = _with_rows(index, changed, horizon)
    touched = np.zeros(len(index), bool)
    touched[[document.row for document in documents]] = True
    is_in_delta = np.concatenate([old.is_in_delta, np.ones(len(index) - len(old), bool)]) | touched
    delta = index.delta.merged(~touched, build(documents))
    index = replace(index, delta=delta, is_in_delta=is_in_delta)
    if np.count_nonzero(is_in_delta) <= max(DELTA, DELTA_SHARE * len(index)):
        return index
    main = index.main.merged(~is_in_delta, delta)
    return replace(index, main=main, delta=build([]), is_in_delta=np.zeros(len(index), bool))


def _with_rows(index: Index, ids: list[int], horizon: int) -> tuple[Index, list[Document]]:
    """(the Index with names, tags, vectors of these listings read anew; their Documents)."""
    row_of, new_ids = dict(index.row_of), []
    names, tags, tagged = list(index.names), list(index.tags), []
    documents, vectors, written, unsettled = [], {}, {}, set(index.unsettled)
    for pk, name, labels, words, weights, at, changed_in, vector in _rows(index.embedder, ids):
        row = row_of.setdefault(pk, len(names))
        if row == len(names):
            new_ids.append(pk)
            names.append(name)
            tags.append(())
        before, tags[row] = tags[row], tuple(map(str, json.loads(labels)))
        tagged.append((row, before, tags[row]))
        names[row] = name
        documents.append(
            Document(row, words.split(" ") if words else [], np.frombuffer(weights, np.uint8))
        )
        vectors[row], written[row] = vector, at
        if changed_in >= horizon and connection.in_atomic_block:
            unsettled.add(pk)
    count = len(names)
    lengths, at_of = _grown(index.lengths, count), _grown(index.written, count)
    has_vector = _grown(index.has_vector, count)
    matrix = index.vectors  # large: changed in place, copied only where there are more rows
    if count > len(matrix):
        matrix = _grown(matrix, count)
    for document in documents:
        lengths[document.row] = document.weights.sum()
        at_of[document.row] = written[document.row]
        vector = vectors[document.row]
        is_whole = vector is not None and len(vector) == 2 * matrix.shape[1]
        has_vector[document.row] = is_whole
        matrix[document.row] = np.frombuffer(vector, np.float16) if is_whole else 0
    index = replace(
        index,
        ids=np.concatenate([index.ids, np.array(new_ids, np.int64)]),
        row_of=row_of,
        names=names,
        tags=tags,
        by_tag=_retagged(index.by_tag, tagged),
        lengths=lengths,
        vectors=matrix,
        has_vector=has_vector,
        written=at_of,
        unsettled=frozenset(unsettled),
        kept={},
        kept_of_words={},
    )
    return index, documents


def _retagged(
    by_tag: dict[str, Array], changes: Iterable[tuple[int, tuple[str, ...], tuple[str, ...]]]
) -> dict[str, Array]:
    """The rows of each tag after the changes: (row, its tags before, its tags now)."""
    touched: dict[str, set[int]] = {}
    for row, before, now in changes:
        old, new = ({tag.casefold() for tag in tags} for tags in (before, now))
        for tag in old ^ new:
            if tag not in touched:
                touched[tag] = set(by_tag[tag].tolist()) if tag in by_tag else set()
            (touched[tag].add if tag in new else touched[tag].discard)(row)
    kept = {tag: rows for tag, rows in by_tag.items() if tag not in touched}
    return kept | {tag: np.array(sorted(rows)) for tag, rows in touched.items() if rows}


def _rows(embedder: str, ids: list[int]) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(SELECT_ROWS, [embedder, ids])
        yield from cursor.fetchall()


def _with_facts(index: Index, ids: list[int] | None) -> Index:
    """The Index with the facts of these listings read anew, or of all; then those that are gone are not published."""
    began = time.monotonic()
    where = "true" if ids is None else "model.id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(SELECT_FACTS.replace("{where}", where), [] if ids is None else [ids])
        count, *sent = cursor.fetchone()
    columns = (
        [_numbers(column) for column in sent]
        if count
        else [np.zeros(0, np.int64)] * (len(FACTS) + 1)
    )
    source, target = _places(index.ids, np.argsort(index.ids), columns[0])
    facts = {}
    for (name, _), values in zip(FACTS, columns[1:], strict=True):
        before = index.facts[name] if ids is not None else np.zeros(0, np.int64)
        column = _grown(before, len(index), -1)
        column[target] = values[source]
        facts[name] = column
    if ids is None:
        facts["is_published"] = np.maximum(facts["is_published"], 0)
    index = replace(index, facts=facts, kept={})
    if ids is not None:
        return index
    now = time.monotonic()
    return replace(index, facts_at=now, facts_for_s=max(FACTS_S, (now - began) / REFRESHED_SHARE))


def _places(known: Array, order: Array, ids: Array) -> tuple[Array, Array]:
    """(places in `ids`, their places in `known`) of those that are known; `order` sorts `known`."""
    found = np.searchsorted(known, ids, sorter=order)
    rows = order[np.minimum(found, len(order) - 1)] if len(order) else found
    is_known = known[rows] == ids if len(order) else np.zeros(len(ids), bool)
    return np.flatnonzero(is_known), rows[is_known]


def _numbers(sent: bytes) -> Array:
    """An array of int8 as array_send writes it: 20 bytes of head, then four bytes of length and a number each."""
    rows = np.frombuffer(sent, [("length", ">i4"), ("number", ">i8")], offset=20)
    return rows["number"].astype(np.int64)


def _grown(column: Array, count: int, fill: int = 0) -> Array:
    """A copy with so many entries."""
    grown = np.full((count, *column.shape[1:]), fill, column.dtype)
    grown[: len(column)] = column
    return grown
