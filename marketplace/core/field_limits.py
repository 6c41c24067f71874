"""How much one field may hold (docs/input-limits.md). Forms and serializers read the limits off the models and say them first;
`require` says them in every verb, because no row is saved without it: what was never stored breaks no later page.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import BaseValidator
from django.db import models

from marketplace.core.errors import Invalid
from marketplace.core.json_reader import Unusable, check, text_problem
from marketplace.core.text import prose

REASON = 4_000  # characters: a reason, a purpose
PROSE = 10_000  # characters: a description, a changelog
CREDENTIAL = 4_096  # characters: a secret that goes into one header line
FIRST_YEAR, LAST_YEAR = 2001, 2099  # of a time


def require(row: models.Model, names: Iterable[str] | None = None) -> None:
    """Raise Invalid, naming the field, unless the values of `row` (of the fields `names`, if given) are within their limits."""
    for field in row._meta.concrete_fields:
        is_asked = names is None or field.name in names or field.attname in names
        if is_asked and field.attname in vars(row) and not field.generated:
            require_value(field, getattr(row, field.attname))


def require_fields(model: type[models.Model], **values: Any) -> None:
    """The same for values that no row holds yet: before work that grows with their size."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    for name, value in values.items():
        require_value(fields[name], value)


def require_value(field: "models.Field[Any, Any]", value: Any) -> None:
    """The same for one value of a field. Expressions are the database's business."""
    if isinstance(value, str):
        require_text(field.name, value, field.max_length)
        if isinstance(field, models.TextField) and field.max_length:
            _require_prose(field.name, value)
    elif isinstance(value, datetime):
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise Invalid(f"Choose a time between {FIRST_YEAR} and {LAST_YEAR}.", field=field.name)
    elif isinstance(field, models.JSONField):
        _require_json(field.name, value)
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        _require_number(field, value)


def require_text(name: str, text: str, longest: int | None = REASON) -> None:
    """Raise Invalid unless the text of the field `name` can be kept."""
    if longest is not None and len(text) > longest:
        raise Invalid(
            f"At most {longest} characters can be kept; these are {len(text)}.", field=name
        )
    if problem := text_problem(text):
        raise Invalid(problem, field=name)


def before_save(
    sender: type[models.Model],
    instance: models.Model,
    raw: bool,
    update_fields: Any = None,
    **_: Any,
) -> None:
    """Receiver of Django's pre_save."""
    if not raw:
        require(instance, update_fields)


def _require_prose(name: str, text: str) -> None:
    """A text column with a limit is typed by people; one without is written by the product."""
    try:
        prose(text)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field=name) from None


def _require_json(name: str, value: Any) -> None:
    try:
        check(value)
    except Unusable as error:
        raise Invalid(error.message, field=f"{name}.{error.path}" if error.path else name) from None


def _require_number(field: "models.Field[Any, Any]", value: int | Decimal) -> None:
    for limit in field.validators:
        if isinstance(limit, BaseValidator):
            try:
                limit(value)
            except ValidationError as error:
                raise Invalid(" ".join(error.messages), field=field.name) from None
