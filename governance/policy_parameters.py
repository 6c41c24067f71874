"""What governance may change in each policy, as parameters of its text: their words, bounds and sections for pages. Pure.

The structure of a policy (which questions, fields, checks and kinds of review there are) comes with the product.
What law or the mission asks for has one choice only (docs/governance.md, "Policies").
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.text import slugify

from governance import cards, gates, matrix, periods, tiering
from governance.rules import Text
from marketplace.core.errors import Invalid
from marketplace.core.text import one_line

TIERS = ("low", "medium", "high")
COLUMNS = tuple(f"{tier.capitalize()} risk" for tier in TIERS)
CONDITIONS = {
    "people": "it affects people",
    "personal": "it uses personal data",
    "regulated": "its use is regulated",
    "credit": "it decides about credit or insurance",
    "generative": "it generates content",
}
POINT_MIN, POINT_MAX, SOURCE_MAX = 10, 200, 80  # characters of a point and of its source
LOW_HIGH = {  # days
    "valid_days": (30, 1095),
    "grace_days": (0, 90),
    "notice_days": (14, 730),
    "waiver_days": (1, 365),
    "condition_days": (1, 365),
    "update_days": (0, 90),
}
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Parameter:
    """One value of a text.

    path     where it stands
    label    what it is, on its own: "Fairness at low risk: business days"
    key      what it is across texts, where the path is a position in a list; else ""
    choices  value → words, of a choice; of a number its bounds are low and high, both included; else it is a line of text
    """

    path: Path
    label: str
    key: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    low: int = 0
    high: int = 0

    @property
    def name(self) -> str:
        """Of its form field."""
        return "__".join(map(str, self.path))

    @property
    def is_fixed(self) -> bool:
        """Nobody may change it."""
        return len(self.choices) == 1

    def read(self, text: Text) -> Any:
        """Its value as a form has it: a number, or a string."""
        value: Any = text
        for step in self.path:
            value = value.get(step, []) if isinstance(value, dict) else value[step]
        return " ".join(value) if isinstance(value, list) else value

    def write(self, text: Text, value: Any) -> None:
        """Put the value of a form into the text."""
        *steps, last = self.path
        holder: Any = text
        for step in steps:
            holder = holder[step]
        holder[last] = value.split() if self.path[0] == "reviews" else value

    def require(self, text: Text, value: Any) -> None:
        """Raises Invalid unless it may have this value."""
        now, words = self.read(text), dict(self.choices)
        if value == now:
            return
        if self.is_fixed:
            raise Invalid(f"{self.label} cannot be changed.", field=self.name)
        if words and value not in words:
            raise Invalid(f"Choose one of: {', '.join(filter(None, words))}.", field=self.name)
        if isinstance(now, int) and not (type(value) is int and self.low <= value <= self.high):
            raise Invalid(f"Give a whole number from {self.low} to {self.high}.", field=self.name)
        if not words and isinstance(now, str):
            if not isinstance(value, str) or len(value) > self.high:
                raise Invalid(f"Give at most {self.high} characters.", field=self.name)
            self._require_line(value)

    def _require_line(self, value: str) -> None:
        try:
            one_line(value)
        except ValidationError as problem:
            raise Invalid(problem.messages[0], field=self.name) from None

    def shown(self, text: Text) -> str:
        """Its value for people."""
        value = self.read(text)
        return dict(self.choices).get(value, str(value)) if self.choices else str(value)


@dataclass(frozen=True)
class Row:
    label: str
    cells: tuple[Parameter, ...]


@dataclass(frozen=True)
class Section:
    """A table of parameters."""

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Difference:
    """A parameter before and after; "" where there was, or is, none."""

    label: str
    before: str
    after: str


def sections(kind: str, text: Text) -> list[Section]:
    """The parameters of one kind of policy."""
    return list(_SECTIONS[kind](text))


def parameters(kind: str, text: Text) -> dict[str, Parameter]:
    """Form field name → parameter."""
    return {
        cell.name: cell
        for section in sections(kind, text)
        for row in section.rows
        for cell in row.cells
    }


def differences(kind: str, before: Text, after: Text) -> list[Difference]:
    """What one text says otherwise than another."""
    old, new = _by_key(kind, before), _by_key(kind, after)
    return [
        Difference((new.get(key) or old[key])[0], *said)
        for key in {**old, **new}
        if (said := tuple(side[key][1] if key in side else "" for side in (old, new)))
        and said[0] != said[1]
    ]


def editable(kind: str, text: Text) -> Text:
    """A copy of a text for a form: each checklist has an empty point at its end, to add one."""
    copy = deepcopy(text)
    if kind == "review_matrix":
        for points in copy["checklists"].values():
            points.append({"id": "", "asks": "", "source": "", "when": ""})
    return copy


def changed(kind: str, base: Text, values: dict[str, Any]) -> Text:
    """The text that a form proposes: `base` with {form field name: value} and the next number. Raises Invalid naming a field."""
    text = editable(kind, base)
    known = parameters(kind, text)
    for name, value in values.items():
        if name not in known:
            raise Invalid("This policy has no such parameter.", field=name)
        known[name].require(text, value)
        known[name].write(text, value)
    if kind in _CHECKS:
        _CHECKS[kind](text)
    if not differences(kind, editable(kind, base), text):
        raise Invalid("Nothing differs from the policy as it is.")
    if kind == "review_matrix":
        _tidy(text["checklists"])
    major, minor, _ = base["semver"].split(".")
    text["semver"] = f"{major}.{int(minor) + 1}.0"
    text["schema"] = f"{base['schema'].split('/')[0]}/{text['semver']}"
    return text


def _by_key(kind: str, text: Text) -> dict[str, tuple[str, str]]:
    return {
        parameter.key or name: (parameter.label, parameter.shown(text))
        for name, parameter in parameters(kind, text).items()
    }


def _by_tier(path: Path, label: str, says: str = "", **more: Any) -> Row:
    return Row(
        label,
        tuple(Parameter((*path, tier), f"{label} at {tier} risk{says}", **more) for tier in TIERS),
    )


def _tiering(text: Text) -> Iterator[Section]:
    yield Section(
        "Points of each answer",
        "The sum decides, unless a floor asks for more.",
        ("Points",),
        tuple(
            Row(
                f"{question.label} {option.label}",
                (
                    Parameter(
                        ("questions", question.id, option.id),
                        f"Points for “{question.id}: {option.label}”",
                        high=10,
                    ),
                ),
            )
            for question in tiering.QUESTIONS
            for option in question.options
        ),
    )
    yield Section(
        "From how many points on",
        "",
        ("Points",),
        tuple(
            Row(
                f"{tier.capitalize()} risk",
                (Parameter(("bands", place, 0), f"{tier.capitalize()} risk from", low=1, high=40),),
            )
            for place, (_, tier) in enumerate(text["bands"][:-1])
        ),
    )
    own = {name: tier for name, tier, _ in tiering.POLICY["floors"]}
    yield Section(
        "Floors",
        "What raises the tier by itself. Floors of the product are never lowered.",
        ("At least",),
        tuple(
            Row(
                f"{name}: {tiering.FLOORS_BY_NAME[name]}",
                (
                    Parameter(
                        ("floors", place, 1),
                        f"Floor {name}",
                        choices=tuple((tier, tier) for tier in TIERS[TIERS.index(own[name]) :]),
                    ),
                ),
            )
            for place, (name, _, _) in enumerate(text["floors"])
        ),
    )


def _card_schema(text: Text) -> Iterator[Section]:
    yield Section(
        "How complete a card must be",
        "In percent of the weight of what is required. Starred fields must be there in any case.",
        COLUMNS,
        (_by_tier(("needed",), "Complete to", low=50, high=100),),
    )
    for name, title, about in cards.SECTIONS:
        rows = tuple(
            Row(field.label + (" ★" if field.star else ""), _card_cells(place, field))
            for place, field in enumerate(cards.FIELDS)
            if field.section == name
        )
        yield Section(title, about, ("Required", "Weight"), rows)


def _card_cells(place: int, field: cards.CardField) -> tuple[Parameter, Parameter]:
    own = next((term for term in field.terms if set(term) <= set("LMH")), "")
    rest = [term for term in field.terms if term != own]
    least = own if field.star else ""
    tiers = [letters for letters in ("", "H", "MH", "LMH") if letters.endswith(least)]
    choices = tuple(
        (" ".join(filter(None, (letters, *rest))), _required(letters, rest)) for letters in tiers
    )
    return (
        Parameter(
            ("fields", place, "need"),
            f"{field.label}: required",
            key=f"{field.id} need",
            choices=choices,
        ),
        Parameter(
            ("fields", place, "weight"),
            f"{field.label}: weight",
            key=f"{field.id} weight",
            low=1 if field.terms else 0,
            high=10,
        ),
    )


def _required(letters: str, rest: list[str]) -> str:
    """Words of a field's `need`."""
    words = {"": "", "H": "at high risk", "MH": "from medium risk on", "LMH": "always"}[letters]
    also = " or ".join(f"if {term.replace('+', ' and ').replace('_', ' ')}" for term in rest)
    return ", ".join(filter(None, (words, also))) or "no"


def _review_matrix(text: Text) -> Iterator[Section]:
    yield Section(
        "Which reviews a version needs",
        "Curation, the independent evaluation and the final approval are needed at every tier.",
        COLUMNS,
        tuple(
            _by_tier(("reviews", rule.kind), rule.label, choices=_when_needed(rule.kind, text))
            for rule in matrix.RULES
        ),
    )
    yield Section(
        "How many business days a review may take",
        "Reminders go out at 75, 100 and 150 percent of them.",
        COLUMNS,
        tuple(
            _by_tier(
                ("business_days", rule.kind), rule.label, says=": business days", low=1, high=60
            )
            for rule in matrix.RULES
        ),
    )
    yield Section(
        "How many different people approve",
        "",
        COLUMNS,
        (_by_tier(("min_people",), "People", low=2, high=6),),
    )
    yield Section(
        "What green checks approve alone",
        "A patch at low risk that answers as the version before it, with the same card, answers and interface.",
        ("Approved by",),
        (
            Row(
                "A patch at low risk",
                (Parameter(("automatic",), "A patch at low risk", choices=_BY_WHOM),),
            ),
        ),
    )
    for rule in matrix.RULES:
        points = text["checklists"][rule.kind]
        yield Section(
            f"Checklist: {rule.label.lower()}",
            "What the reviewer answers before approving.",
            ("Point", "Source", "When"),
            tuple(_point(rule, place, point) for place, point in enumerate(points)),
        )


_BY_WHOM = (
    (matrix.BY_PEOPLE, "people, as every version"),
    (matrix.AUTOMATIC, "its checks alone, when all are green"),
)
ALWAYS_NEEDED = ("curation", "evaluation", "final")


def _when_needed(kind: str, text: Text) -> tuple[tuple[str, str], ...]:
    if kind in ALWAYS_NEEDED:
        return (("*", "always"),)
    several = {" ".join(needed) for needed in text["reviews"][kind].values() if len(needed) > 1}
    several |= {"personal regulated", "people personal"}
    return (
        ("", "never"),
        ("*", "always"),
        *((name, f"if {words}") for name, words in CONDITIONS.items()),
        *(
            (names, " or ".join(f"if {CONDITIONS[name]}" for name in names.split()))
            for names in sorted(several)
        ),
    )


def _point(rule: matrix.Rule, place: int, point: dict[str, str]) -> Row:
    at: Path = ("checklists", rule.kind, place)
    label = f"{rule.label}: {point['asks'] or 'a new point'}"
    key = f"{rule.kind} {point['id']}"
    when = (
        ("", "always"),
        *((tier, f"at {tier} risk") for tier in TIERS),
        *((name, f"if {words}") for name, words in CONDITIONS.items()),
    )
    return Row(
        point["asks"] or "New point",
        (
            Parameter((*at, "asks"), label, key=f"{key} asks", high=POINT_MAX),
            Parameter((*at, "source"), f"{label}, source", key=f"{key} source", high=SOURCE_MAX),
            Parameter((*at, "when"), f"{label}, when", key=f"{key} when", choices=when),
        ),
    )


def _gates(text: Text) -> Iterator[Section]:
    yield Section(
        "What a failed check does",
        "A check that could not run always blocks. What guards files, evidence and people cannot be lowered.",
        COLUMNS,
        tuple(
            _by_tier(("gates", gate.name, "severity"), gate.label, choices=_severities(gate))
            for gate in gates.GATES
        ),
    )


def _severities(gate: gates.Gate) -> tuple[tuple[str, str], ...]:
    """What a check may do. Guards keep blocking; what may inform at one tier may warn at another."""
    own = set(gate.severity.values())
    is_open = gate.is_waivable or own & {gates.WARN, gates.INFORMS}
    choices = [(gates.BLOCK, "blocks"), (gates.WARN, "warns"), (gates.INFORMS, "informs")]
    return tuple(choices[: 3 if gates.INFORMS in own else 2 if is_open else 1])


def _periods(text: Text) -> Iterator[Section]:
    yield Section(
        "Days by risk tier",
        "",
        COLUMNS,
        tuple(
            _by_tier((name,), label, low=LOW_HIGH[name][0], high=LOW_HIGH[name][1])
            for name, (label, _) in periods.BY_TIER.items()
        ),
    )
    yield Section(
        "Days for everybody",
        "A change that takes something from consumers begins when its notice has run.",
        ("Days",),
        (
            Row(
                "Notice of a change of price, limits, capacity or visibility",
                (Parameter((periods.CHANGE_NOTICE,), "Notice of a change", low=0, high=365),),
            ),
            *_numbers(periods.OVERDUE),
        ),
    )
    yield Section(
        "Automatic minor updates",
        "A share of the applications gets one first, then a larger one, then all, while its calls are no worse.",
        ("First step", "Second step"),
        tuple(_of_steps(name, *words) for name, words in periods.STEP.items()),
    )


def _numbers(named: dict[str, tuple[str, int, int, int]]) -> tuple[Row, ...]:
    return tuple(
        Row(label, (Parameter((name,), label, low=low, high=high),))
        for name, (label, _, low, high) in named.items()
    )


def _of_steps(name: str, label: str, low: int, high: int) -> Row:
    """One number of each step in which an automatic update spreads."""
    cells = (
        Parameter((periods.CANARY, step, name), f"Step {step + 1}: {label}", low=low, high=high)
        for step in range(len(periods.STEPS))
    )
    return Row(label, tuple(cells))


_SECTIONS = {
    "tiering": _tiering,
    "card_schema": _card_schema,
    "review_matrix": _review_matrix,
    "gates": _gates,
    "periods": _periods,
}


def _check_tiering(text: Text) -> None:
    high, medium = text["bands"][0][0], text["bands"][1][0]
    if medium >= high:
        raise Invalid("High risk begins above medium risk.", field="bands__0__0")
    for question in tiering.QUESTIONS:
        points = text["questions"][question.id]
        for weaker, stronger in zip(question.options, question.options[1:], strict=False):
            if points[stronger.id] < points[weaker.id]:
                raise Invalid(
                    f"“{stronger.label}” gives at least as many points as “{weaker.label}”.",
                    field=f"questions__{question.id}__{stronger.id}",
                )


def _check_card(text: Text) -> None:
    _never_falls(text, "needed", "A graver tier needs no less complete a card.")


def _check_matrix(text: Text) -> None:
    _never_falls(text, "min_people", "A graver tier needs no fewer people.")
    for tier in TIERS:
        always = sum("*" in text["reviews"][rule.kind].get(tier, ()) for rule in matrix.RULES)
        if text["min_people"][tier] > always:
            raise Invalid(
                f"Only {always} reviews are needed always, so {text['min_people'][tier]} people could never be reached.",
                field=f"min_people__{tier}",
            )
    for rule in matrix.RULES:
        for weaker, graver in zip(TIERS, TIERS[1:], strict=False):
            if "*" in text["reviews"][rule.kind].get(weaker, ()) and "*" not in text["reviews"][
                rule.kind
            ].get(graver, ()):
                raise Invalid(
                    f"What is always needed at {weaker} risk is needed at {graver} risk, too.",
                    field=f"reviews__{rule.kind}__{graver}",
                )
    for kind, points in text["checklists"].items():
        _check_points(kind, points)


def _check_points(kind: str, points: list[dict[str, str]]) -> None:
    if not any(point["asks"] and not point["when"] for point in points):
        raise Invalid(
            "A checklist keeps a point that is always asked.", field=f"checklists__{kind}__0__asks"
        )
    for place, point in enumerate(points):
        field = f"checklists__{kind}__{place}"
        if point["asks"] and len(point["asks"]) < POINT_MIN:
            raise Invalid(f"Ask in at least {POINT_MIN} characters.", field=f"{field}__asks")
        if point["asks"] and not point["source"]:
            raise Invalid(
                "Name the standard, the law or the house rule that it comes from.",
                field=f"{field}__source",
            )


def _check_periods(text: Text) -> None:
    _check_steps(text[periods.CANARY])
    _never_falls(text, "notice_days", "Consumers of a graver version get no shorter notice.")
    _never_falls(text, "update_days", "A graver version is not announced later.")
    for name in ("valid_days", "grace_days", "waiver_days", "condition_days"):
        _never_rises(text, name, "At a graver risk it is not longer.")


def _check_steps(steps: list[dict[str, int]]) -> None:
    for place, step in enumerate(steps):
        field = f"{periods.CANARY}__{place}"
        if step["days"] * 24 < step["hours"]:
            raise Invalid("It is given up after the next step may begin.", field=f"{field}__days")
        if place and step["percent"] <= steps[place - 1]["percent"]:
            raise Invalid("Each step reaches more than the one before.", field=f"{field}__percent")


def _never_falls(text: Text, name: str, sentence: str) -> None:
    for weaker, graver in zip(TIERS, TIERS[1:], strict=False):
        if text[name][graver] < text[name][weaker]:
            raise Invalid(sentence, field=f"{name}__{graver}")


def _never_rises(text: Text, name: str, sentence: str) -> None:
    for weaker, graver in zip(TIERS, TIERS[1:], strict=False):
        if text[name][graver] > text[name][weaker]:
            raise Invalid(sentence, field=f"{name}__{graver}")


_CHECKS = {
    "tiering": _check_tiering,
    "card_schema": _check_card,
    "review_matrix": _check_matrix,
    "periods": _check_periods,
}


def _tidy(lists: dict[str, list[dict[str, str]]]) -> None:
    """Points without words go; a new one gets an id of its own."""
    for kind, points in lists.items():
        kept = [point for point in points if point["asks"]]
        ids = {point["id"] for point in kept}
        for point in kept:
            if not point["id"]:
                point["id"] = _free_id(slugify(point["asks"])[:30], ids)
        lists[kind] = kept


def _free_id(wanted: str, taken: set[str]) -> str:
    name, number = wanted or "point", 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.add(name)
    return name
