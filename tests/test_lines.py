"""Issue 9, line 12: one-line fields refuse what cannot be seen. Walks all forms and all serializers of the product."""

import importlib
import inspect
import pkgutil
import re

import pytest
from django import forms
from django.core.exceptions import ValidationError
from rest_framework import serializers

from catalog.models import RegisteredModel
from consumption.forms import ApplicationForm
from governance import cards
from marketplace.core.serializers import ProseField
from tests import factories

APPS = [
    "catalog",
    "governance",
    "consumption",
    "hosting",
    "publishing",
    *(
        f"marketplace.{name}"
        for name in ("accounts", "audit", "notices", "tokens", "organisation", "insights")
    ),
]
UNSEEN = {
    "line break": "ab\ncd efghij",
    "override": "ab\u202ecd efghij",
    "zero width": "ab\u200bcd efghij",
    "control": "ab\x1bcd efghij",
    "NUL": "ab\x00cd efghij",
    "half a character": "ab\ud800cd efghij",
}
SEVERAL_LINES = {"override", "control", "NUL", "half a character"}  # what prose refuses too


# What an uploaded file calls its tensors is compared with the file, letter by letter.
EXACT = {"publishing.forms.ColumnsForm.tensor", "publishing.api.Columns.tensor"}


def modules(name):
    """The modules of that name, those whose name ends with it (review_api), and what is in a package of that name, in all rooms."""
    for app in map(importlib.import_module, APPS):
        for found in pkgutil.walk_packages(app.__path__, f"{app.__name__}."):
            parts = found.name.split(".")
            if name in parts or parts[-1].endswith(f"_{name}"):
                yield importlib.import_module(found.name)


def classes(name, kind):
    return [
        one
        for module in modules(name)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, kind) and one.__module__ == module.__name__
    ]


def lines_of_forms():
    for form in classes("forms", forms.BaseForm):
        for name, field in form.base_fields.items():
            if (
                isinstance(field, forms.CharField)
                and not isinstance(field, forms.JSONField)
                and not isinstance(field.widget, forms.Textarea)
            ):
                yield f"{form.__module__}.{form.__name__}.{name}", field


def texts_of(serializer):
    """(name, field) of every text that one can send, those in lists and in nested serializers included."""
    for name, field in serializer.fields.items():
        if not field.read_only:
            yield from texts_in(name, field)


def texts_in(name, field):
    if isinstance(field, serializers.ListField | serializers.DictField):
        yield from texts_in(f"{name}[]", field.child)
    elif isinstance(field, serializers.BaseSerializer):
        yield from (
            (f"{name}.{inner}", found) for inner, found in texts_of(getattr(field, "child", field))
        )
    elif isinstance(field, serializers.CharField):
        yield name, field


def texts_of_serializers():
    """Of what operations take: each names its serializer for the schema."""
    for module in modules("api"):
        for serializer in {
            getattr(module, name)
            for name in re.findall(r"\brequest=([A-Z]\w+)", inspect.getsource(module))
        }:
            for place, field in texts_of(serializer()):
                yield f"{serializer.__module__}.{serializer.__name__}.{place}", field


def refused_by(field):
    """What this field must refuse; long texts of models (a Text column) only what cannot be kept."""
    if isinstance(field, ProseField):
        return SEVERAL_LINES
    return (
        {"NUL", "half a character"}
        if field.style.get("base_template") == "textarea.html"
        else UNSEEN
    )


FORM_LINES = {
    place: field
    for place, field in sorted(lines_of_forms(), key=lambda pair: pair[0])
    if place not in EXACT
}
SERIALIZER_TEXTS = {
    place: field
    for place, field in sorted(texts_of_serializers(), key=lambda pair: pair[0])
    if place not in EXACT
}


def test_the_walk_finds_the_fields():
    assert {
        "publishing.forms.RegisterForm.name",
        "consumption.forms.KeyForm.name",
        "publishing.forms.VersionForm.number",
    } <= set(FORM_LINES)
    assert {
        "catalog.api.Registration.name",
        "catalog.api.Registration.tags[]",
        "consumption.subscribing.api.access.KeyWanted.name",
    } <= set(SERIALIZER_TEXTS)


@pytest.mark.parametrize("place", FORM_LINES)
def test_a_line_on_a_page(place):
    taken = [what for what, line in UNSEEN.items() if _takes(FORM_LINES[place].clean, line)]
    assert taken == []


@pytest.mark.parametrize("place", SERIALIZER_TEXTS)
def test_a_text_in_the_api(place):
    field = SERIALIZER_TEXTS[place]
    taken = [what for what in refused_by(field) if _takes(field.run_validation, UNSEEN[what])]
    assert taken == []


def _takes(check, value):
    try:
        check(value)
    except (ValidationError, serializers.ValidationError):
        return False
    return True


def test_prose_has_lines():
    assert (
        ProseField().run_validation("First.\n\tSecond.\r\nThird.") == "First.\n\tSecond.\r\nThird."
    )


def test_a_line_of_a_card():
    from publishing.card_form import CardForm, CardState

    single = [
        field.id for field in cards.FIELDS if field.source != "auto" and field.widget == "text"
    ]
    nothing = CardState({}, frozenset(), frozenset(), {})
    form = CardForm(dict.fromkeys(single, UNSEEN["override"]), state=nothing)
    assert set(single) <= set(form.errors)


@pytest.mark.django_db
def test_composed_letters_are_kept_whichever_way_they_came():
    form = ApplicationForm(
        {"team": factories.mortgage().pk, "name": "Cafe\u0301", "environment": "prod"},
        user=factories.maya(),
    )
    assert form.is_valid() and form.cleaned_data["name"] == "Caf\u00e9"
    assert factories.model(support_contact="Cafe\u0301 desk").support_contact == "Caf\u00e9 desk"
    assert RegisteredModel.objects.get().support_contact == "Caf\u00e9 desk"
