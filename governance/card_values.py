"""What a field of the model card may hold: its JSON Schema, and a sentence for a value that does not fit it. Pure.

`None`, "", [] and {} empty a field. What a field must hold before submission is another question: CardField.problem.
"""

from functools import partial

from django.core.exceptions import ValidationError

from marketplace.core.field_limits import PROSE
from marketplace.core.text import prose

LINE = 500  # characters of a one-line answer
ENTRY = 1_000  # characters of one entry of a list, of a member of an entry, or of the reason why a field does not apply
ENTRIES = 100
MEMBERS = 20  # of an entry that is an object
NAME = 60  # characters of a member's name
LARGEST = 10**9
# What `text.prose` takes, as a regular expression: no controls but tab and line breaks, no overrides of direction.
PRINTED = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e]*$"
LONGEST = {"text": LINE, "textarea": PROSE}


def schema(field):
    """JSON Schema 2020-12 of a CardField's values, emptiness included."""
    said = {"title": field.label, "description": field.why}
    if field.source == "auto":
        return {**said, "readOnly": True}
    kinds = [_kind(field), {"enum": [None, "", [], {}]}]
    return {**said, "anyOf": [*kinds, _not_applicable()] if field.may_not_apply else kinds}


def is_empty(value):
    """Does the value empty a field?"""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def refusal(field, value):
    """Why the CardField does not take this value, as a sentence that says the limit; "" when it does."""
    if is_empty(value):
        return ""
    if field.source == "auto":
        return "The marketplace fills this in by itself."
    if isinstance(value, dict) and set(value) == {"not_applicable"}:
        return (
            _text_refusal(value["not_applicable"], ENTRY)
            if field.may_not_apply
            else "It cannot be marked as not applicable."
        )
    return CHECKS[field.widget](field, value)


def _kind(field):
    if field.widget == "choice":
        return {"type": "string", "enum": [value for value, _ in field.choices]}
    if field.widget == "number":
        return {"type": "number", "minimum": 0, "maximum": LARGEST}
    if field.widget == "list" and field.choices:
        codes = {"type": "string", "enum": [value for value, _ in field.choices]}
        return {"type": "array", "maxItems": ENTRIES, "items": codes}
    if field.widget == "list":
        return {"type": "array", "maxItems": ENTRIES, "items": {"anyOf": [_text(ENTRY), _entry()]}}
    return _text(LONGEST[field.widget])


def _text(longest):
    return {"type": "string", "maxLength": longest, "pattern": PRINTED}


def _entry():
    """One result or finding in parts, such as {"metric": "AUC", "value": 0.81, "data": "hold-out"}."""
    members = {"anyOf": [_text(ENTRY), {"type": "number"}, {"type": "boolean"}]}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MEMBERS,
        "additionalProperties": members,
        "propertyNames": {"minLength": 1, "maxLength": NAME},
    }


def _not_applicable():
    return {
        "type": "object",
        "properties": {"not_applicable": _text(ENTRY)},
        "required": ["not_applicable"],
        "additionalProperties": False,
    }


def _line_refusal(field, value):
    return _text_refusal(value, LONGEST[field.widget])


def _text_refusal(value, longest):
    if not isinstance(value, str):
        return "It takes a text."
    if len(value) > longest:
        return f"It takes at most {longest} characters; these are {len(value)}."
    try:
        prose(value)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _choice_refusal(field, value):
    known = [choice for choice, _ in field.choices]
    return (
        "" if isinstance(value, str) and value in known else f"It takes one of: {', '.join(known)}."
    )


def _number_refusal(_field, value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "" if is_number and 0 <= value <= LARGEST else f"It takes a number from 0 to {LARGEST}."


def _list_refusal(field, value):
    if not isinstance(value, list):
        return "It takes a list."
    if len(value) > ENTRIES:
        return f"It takes at most {ENTRIES} entries; these are {len(value)}."
    check = partial(_choice_refusal, field) if field.choices else _entry_refusal
    problems = ((place, check(entry)) for place, entry in enumerate(value, start=1))
    return next((f"Entry {place}: {problem}" for place, problem in problems if problem), "")


def _entry_refusal(entry):
    if not isinstance(entry, dict):
        return _text_refusal(entry, ENTRY)
    if not 1 <= len(entry) <= MEMBERS or not all(1 <= len(name) <= NAME for name in entry):
        return f"An object has 1 to {MEMBERS} members with names of at most {NAME} characters."
    return next(filter(None, map(_member_refusal, entry.values())), "")


def _member_refusal(value):
    return (
        ""
        if isinstance(value, (bool, int, float))
        else _text_refusal(value, ENTRY).replace("a text", "a text, a number, true or false")
    )


CHECKS = {
    "text": _line_refusal,
    "textarea": _line_refusal,
    "choice": _choice_refusal,
    "number": _number_refusal,
    "list": _list_refusal,
}
