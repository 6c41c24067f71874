"""One search: what was asked, what was found, page by page (docs/search.md)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from django.core.paginator import Page, Paginator
from django.db import connection

from catalog.models import RegisteredModel
from catalog.search import facets as grouping
from catalog.search.embedders import Array
from catalog.search.facets import Facet
from catalog.search.findings import Finding, findings_of
from catalog.search.index import Index, current
from catalog.search.ranking import Band, Ranking, by_use, rank, use
from catalog.search.understanding import understand
from marketplace.accounts.models import Team, User

PAGE_SIZE = 12
RANKED_MOST = 1_000  # that a queryset is ordered by
KEPT_STATEMENTS = 1_000
_statements: dict[tuple[Any, ...], tuple[str, tuple[Any, ...]]] = {}
OTHER_FILTERS = ("team", "owner", "tag")


@dataclass(frozen=True)
class Asked:
    """A search as it was asked.

    exact       no word is corrected.
    chosen      {filter: values}, any of a filter's values, all of the filters.
    sort        one of SORTS; "": the best match, without text what is trusted and used most.
    is_refused  something in it is not understood: nothing is found.
    """

    text: str = ""
    exact: bool = False
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sort: str = ""
    is_refused: bool = False

    def without(self, param: str, value: str) -> "Asked":
        """The same without one value of a filter."""
        kept = [other for other in self.chosen.get(param, ()) if other != value]
        return replace(self, chosen={**self.chosen, param: kept})


@dataclass(frozen=True)
class Hit:
    """One model that was found. `score` is for the order, not for show."""

    model: RegisteredModel
    band: Band
    score: float
    is_best: bool
    findings: list[Finding]


@dataclass(frozen=True)
class Widening:
    """How many models there are without one filter in force."""

    param: str
    value: str
    label: str
    count: int


class Found:
    """What one person found. Counts are there at once; models and reasons are fetched for the page that is shown."""

    def __init__(self, asked: Asked, index: Index, is_visible: Array) -> None:
        self.asked, self.index, self.is_visible = asked, index, is_visible
        self.typed = asked.text.strip()
        self.question = understand(index, is_visible, self.typed, exact=asked.exact)
        self.ranking = self._ranked()
        fits = self._fits(asked)
        is_kept = fits[self.ranking.rows]
        self.rows = self._sorted(self.ranking.rows[is_kept])
        self.good = int(self.ranking.is_good[is_kept].sum())
        self.total = len(self.rows)

    @property
    def weak(self) -> int:
        return self.total - self.good

    @property
    def understood(self) -> str:
        """The text with its corrected words; "" when none was corrected."""
        return self.question.text if self.question.corrections else ""

    @property
    def read_as(self) -> list[tuple[str, str]]:
        """(short word, its meaning) of those that the glossary explains."""
        return [(word.upper(), said) for word, said in self.question.read_as.items()]

    @property
    def by_meaning(self) -> bool:
        return self.ranking.is_by_meaning

    @property
    def best_is_clear(self) -> bool:
        is_best_kept = self.total > 0 and self.rows[0] == self.ranking.rows[0]
        return (
            bool(self.typed) and not self.asked.sort and is_best_kept and self.ranking.is_best_clear
        )

    @cached_property
    def facets(self) -> list[Facet]:
        is_found = np.zeros(len(self.index), bool)
        is_found[self.ranking.rows] = True
        others = {param: self.asked.chosen.get(param, ()) for param in OTHER_FILTERS}
        is_other = self._fits(Asked(chosen=others))
        return grouping.facets(self.index, self.is_visible, is_found, self.asked.chosen, is_other)

    @cached_property
    def widen(self) -> list[Widening]:
        """What is found without one of the filters, where that is more; most first."""
        found = []
        for param, values in self.asked.chosen.items():
            for value in values:
                fits = self._fits(self.asked.without(param, value))
                count = int(fits[self.ranking.rows].sum())
                if count > self.total:
                    found.append(Widening(param, value, label_of(param, value), count))
        return sorted(found, key=lambda widening: -widening.count)

    def ids(self, limit: int) -> list[int]:
        """The ids of the best models."""
        ids: list[int] = self.index.ids[self.rows[:limit]].tolist()
        return ids

    def page(self, number: object = 1, size: int = PAGE_SIZE) -> "Page[Hit]":
        """One page of Hits; a number that is none, or too large, is taken as Django's get_page does."""
        page = Paginator(self.rows.tolist(), size).get_page(number)  # type: ignore[arg-type]
        page.object_list = self._hits(list(page.object_list))
        return page

    def _hits(self, rows: list[int]) -> list[Hit]:
        ids = self.index.ids[rows].tolist()
        # `visible_rows` asked visible_to for this very request; nothing else gets into `rows`.
        seen = RegisteredModel.objects.published().for_page()
        models = {model.pk: model for model in seen.filter(pk__in=ids)}
        shown = [models[pk] for pk in ids if pk in models]
        place = {row: int(np.flatnonzero(self.ranking.rows == row)[0]) for row in rows}
        findings = self._findings(
            shown,
            {pk: int(self.ranking.had[place[row]]) for row, pk in zip(rows, ids, strict=True)},
        )
        return [
            Hit(
                models[pk],
                Band.GOOD if self.ranking.is_good[place[row]] else Band.WEAK,
                float(self.ranking.score[place[row]]),
                self.best_is_clear and row == self.rows[0],
                findings.get(pk, []),
            )
            for row, pk in zip(rows, ids, strict=True)
            if pk in models
        ]

    def _findings(
        self, models: Sequence[RegisteredModel], had: Mapping[int, int]
    ) -> dict[int, list[Finding]]:
        if not self.typed:
            return {}
        counts = {} if self.question.read_as else had  # a short word is marked beside its meaning
        return findings_of(models, self.question.marked, self.ranking.vector, counts)

    def _ranked(self) -> Ranking:
        if self.asked.is_refused:
            none = np.zeros(0, np.int64)
            return Ranking(none, none.astype(np.float32), none.astype(bool), none, False)
        if self.typed:
            return rank(self.index, self.is_visible, self.question)
        rows = by_use(self.index, self.is_visible)
        no_words = np.zeros(len(rows), np.int16)
        return Ranking(rows, use(self.index)[rows], np.ones(len(rows), bool), no_words, False)

    def _fits(self, asked: Asked) -> Array:
        """The rows that fit all filters, whatever the question."""
        fits = np.ones(len(self.index), bool)
        for param, values in asked.chosen.items():
            if not values:
                continue
            if param in grouping.BY_PARAM:
                fits &= grouping.selection(self.index, param, values)
            else:
                fits &= other_selection(self.index, param, values)
        return fits

    def _sorted(self, rows: Array) -> Array:
        if self.asked.sort not in SORTS:
            return rows
        return rows[np.argsort(SORTS[self.asked.sort](self.index)[rows], kind="stable")]


def find(user: User, asked: Asked) -> Found:
    """The published models that the person may see and that fit."""
    index = current()
    return Found(asked, index, visible_rows(index, user))


def visible_rows(index: Index, user: User) -> Array:
    """Which rows are published models that the person may see: everybody's, and those that the database names for this person."""
    if not user.is_authenticated or not user.is_active:
        return np.zeros(len(index), bool)
    is_published = index.facts["is_published"] == 1
    is_visible = is_published & (index.facts["is_open"] == 1)
    is_visible[index.rows(_named(user))] = True
    return is_visible & is_published


def _named(user: User) -> list[int]:
    """The ids of published models that are not for everybody and that the person may see.

    Django takes longer to write the statement of visible_to than Postgres to answer it, so its text is kept: it depends on who asks,
    on the team of a token and on the roles of this moment, and on no time.
    """
    key = (user.pk, user.only_team_id, frozenset(user.roles()))
    if key not in _statements:
        if len(_statements) >= KEPT_STATEMENTS:
            _statements.clear()
        seen = RegisteredModel.objects.visible_to(user).not_open().order_by().values("id")
        _statements[key] = seen.query.sql_with_params()
    sql, values = _statements[key]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT array_agg(id) FROM ({sql}) AS seen", values)
        return cursor.fetchone()[0] or []


def other_selection(index: Index, param: str, values: Sequence[str]) -> Array:
    """The rows of teams (slugs), owners (usernames) or tags."""
    if param == "tag":
        has = np.zeros(len(index), bool)
        for value in values:
            if (rows := index.by_tag.get(value.casefold())) is not None:
                has[rows] = True
        return has
    if param == "team":
        ids = Team.objects.filter(slug__in=list(values)).values_list("pk", flat=True)
    else:
        ids = User.objects.filter(username__in=list(values)).values_list("pk", flat=True)
    return np.isin(index.facts[param], list(ids))


def label_of(param: str, value: str) -> str:
    """What a value of a filter is called."""
    if param == "team":
        return str(Team.objects.filter(slug=value).first() or value)
    if param == "owner":
        return str(User.objects.filter(username=value).first() or value)
    group = grouping.BY_PARAM.get(param)
    if group is None:
        return value
    if group.choices:
        return next((one.label for one in group.choices if one.value == value), value)
    terms = group.terms.objects.published() if group.members else group.terms.objects
    term = terms.filter(slug=value).first()
    return term.name if term else value


def name_ranks(index: Index) -> Array:
    """The place of each row in the order of names."""
    if "names" not in index.kept_of_words:
        order = sorted(range(len(index)), key=lambda row: (index.names[row].casefold(), row))
        ranks = np.zeros(len(index), np.int32)
        ranks[order] = np.arange(len(index))
        index.kept_of_words["names"] = ranks
    kept: Array = index.kept_of_words["names"]
    return kept


# {sort: (Index) → one number a row, the least first}
SORTS: dict[str, Callable[[Index], Array]] = {
    "name": name_ranks,
    "-calls_30d": lambda index: -index.facts["calls"],
    "-created_at": lambda index: -index.facts["created"],
    "-consumer_teams": lambda index: -index.facts["consumers"],
    "-rating_mean": lambda index: -index.facts["rating"],
}
