"""Verb of bulk import: people and teams from a table, all of it or nothing (docs/people.md, "Import")."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction

from marketplace.accounts.models import BusinessUnit, Membership, Team, User
from marketplace.audit.actions import record
from marketplace.core.errors import BusinessAnswer, Invalid, NotAllowed
from marketplace.core.guard import require
from marketplace.organisation.actions.members import add_member, make_lead
from marketplace.organisation.actions.people import add_person
from marketplace.organisation.actions.teams import add_team
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer

COLUMNS = ("email", "name", "title", "team", "unit", "lead")
NEEDED = ("email", "name")
MOST_ROWS, MOST_CHARACTERS = 500, 200_000
LEAD = {"": False, "no": False, "yes": True}


@dataclass
class Row:
    """One line of the table: its number (the first row of people is 2), what it says, what is wrong, what it does."""

    number: int
    values: dict[str, str]
    errors: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        return self.values["name"] or self.values["email"]


@dataclass
class Import:
    """What a table does, or did: every row with its errors and acts. `is_done` when it was kept."""

    rows: list[Row]
    is_done: bool = False

    @property
    def wrong(self) -> list[Row]:
        return [row for row in self.rows if row.errors]

    @property
    def acts(self) -> int:
        return sum(len(row.acts) for row in self.rows)


class _Undo(Exception):
    """Takes a preview back."""


def import_people(by: User, table: str, *, is_kept: bool) -> Import:
    """Add the people of a table and put them on teams; a team that is not there is added to its unit.

    table  CSV with the COLUMNS, NEEDED at least, at most MOST_ROWS rows; lead is yes or no.
    is_kept  False does everything and takes it back: the preview is what would happen. With an error nothing is kept.
    Returns the Import. Raises NotAllowed, Invalid when the table cannot be read.
    """
    require(can_administer(by), *ADMINISTRATORS)
    done = Import(list(_read(table)))
    try:
        with transaction.atomic():
            for row in done.rows:
                _take(by, row)
            if done.wrong or not is_kept:
                raise _Undo
            record(by, "person.import", by, rows=len(done.rows), acts=done.acts)
            done.is_done = True
    except _Undo:
        pass
    return done


def _read(table: str) -> Iterator[Row]:
    """The rows of the table. Raises Invalid naming what cannot be read."""
    if len(table) > MOST_CHARACTERS:
        raise Invalid(f"At most {MOST_CHARACTERS} characters are read.", field="table")
    try:
        lines = list(csv.reader(io.StringIO(table.strip()), strict=True))
    except csv.Error as error:
        raise Invalid(f"This is not CSV: {error}.", field="table") from None
    heads = [name.strip().lower() for name in lines[0]] if lines else []
    if unknown := [name for name in heads if name not in COLUMNS]:
        raise Invalid(
            f"There is no column “{unknown[0][:40]}”.",
            field="table",
            remedy=f"Write {', '.join(COLUMNS)} into the first row.",
        )
    if missing := [name for name in NEEDED if name not in heads]:
        raise Invalid(f"The column {missing[0]} is missing.", field="table")
    if len(set(heads)) < len(heads):
        raise Invalid("A column is there twice.", field="table")
    if not 1 < len(lines) <= MOST_ROWS + 1:
        raise Invalid(f"Write one to {MOST_ROWS} rows of people.", field="table")
    for number, line in enumerate(lines[1:], start=2):
        if any(cell.strip() for cell in line):
            yield _row(number, heads, line)


def _row(number: int, heads: list[str], line: list[str]) -> Row:
    values = dict.fromkeys(COLUMNS, "") | dict(zip(heads, map(str.strip, line), strict=False))
    row = Row(number, values)
    if len(line) != len(heads):
        row.errors.append(f"It has {len(line)} cells, the first row has {len(heads)}.")
    if values["lead"].lower() not in LEAD:
        row.errors.append("lead: Write yes or no.")
    if values["unit"] and not values["team"]:
        row.errors.append("team: A person belongs to a unit through a team.")
    return row


def _take(by: User, row: Row) -> None:
    """Do what the row says; what is refused is its error, and what it did before is taken back."""
    if row.errors:
        return
    try:
        with transaction.atomic():
            person = _person(by, row)
            if row.values["team"]:
                _put_on_team(by, row, person, _team(by, row))
    except NotAllowed as refusal:
        row.errors.append(refusal.sentence)
    except BusinessAnswer as refusal:
        row.errors.append(
            f"{refusal.field}: {refusal.sentence}" if refusal.field else refusal.sentence
        )


def _person(by: User, row: Row) -> User:
    known = User.objects.filter(email__iexact=row.values["email"]).first()
    if row.values["email"] and known is not None:
        if not known.is_active:
            raise Invalid(f"{known} is deactivated.", field="email")
        return known
    person = add_person(
        by,
        email=row.values["email"],
        display_name=row.values["name"],
        job_title=row.values["title"],
    )
    row.acts.append(f"adds {person} as {person.username}")
    return person


def _team(by: User, row: Row) -> Team:
    """The team of that name or address; a new one needs its unit."""
    name, unit_name = row.values["team"], row.values["unit"]
    team = (
        Team.objects.select_related("business_unit").filter(slug=name.lower()).first()
        or Team.objects.select_related("business_unit").filter(name__iexact=name).first()
    )
    units = BusinessUnit.objects.current()
    unit = (
        units.filter(slug=unit_name.lower()).first() or units.filter(name__iexact=unit_name).first()
    )
    if unit_name and unit is None:
        raise Invalid(f"There is no unit “{unit_name[:80]}”.", field="unit", remedy="Add it first.")
    if team is not None:
        if unit is not None and team.business_unit_id != unit.pk:
            raise Invalid(
                f"{team} belongs to {team.business_unit}.",
                field="unit",
                remedy="Move the team on its page.",
            )
        return team
    if unit is None:
        raise Invalid(f"There is no team “{name[:80]}”; a new one needs a unit.", field="unit")
    team = add_team(by, name=name, unit=unit)
    row.acts.append(f"adds the team {team} to {unit}")
    return team


def _put_on_team(by: User, row: Row, person: User, team: Team) -> None:
    wanted = Membership.Role.LEAD if LEAD[row.values["lead"].lower()] else Membership.Role.MEMBER
    current = Membership.objects.filter(user=person, team=team, left_at=None).first()
    if current is None:
        add_member(by, team, person, role=wanted)
        row.acts.append(
            f"puts them on {team}{' as a lead' if wanted == Membership.Role.LEAD else ''}"
        )
    elif wanted == Membership.Role.LEAD and not current.is_lead:
        make_lead(by, current)
        row.acts.append(f"makes them a lead of {team}")
