"""What a list may be asked: filter sets that the page and the API share, strict in the same way (docs/input-limits.md).

Enumerations, slugs and orders are case-blind; a value that is none of them is an error that names those there are, never "all".
"""

from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db import models
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ErrorDetail, ValidationError

from marketplace.core.field_limits import FIRST_YEAR, LAST_YEAR

LONGEST_TEXT = 200  # characters


class TextFilter(django_filters.CharFilter):
    """A text as it is, of at most 200 characters unless `max_length` says otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": LONGEST_TEXT} | kwargs)


class SlugFilter(TextFilter):
    """The name of something in addresses; case-blind, because slugs are lower case."""


class IdField(forms.IntegerField):
    """Digits 0 to 9, no others that Unicode knows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"min_value": 1, "max_value": 2**63 - 1} | kwargs)

    def to_python(self, value: Any) -> Any:
        if not str(value or "").isascii():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class IdFilter(django_filters.NumberFilter):
    """The number of a row."""

    field_class = IdField

    def get_max_validator(self) -> None:
        """The field has its own."""
        return None


class TruthField(forms.NullBooleanField):
    """true, false or nothing."""

    widget = forms.TextInput
    VALUES = {"": None, "true": True, "false": False}

    def to_python(self, value: Any) -> Any:
        text = str(value or "").lower()
        if text not in self.VALUES:
            raise forms.ValidationError(
                f"“{text}” is not one of: true, false.", code="invalid_choice"
            )
        return self.VALUES[text]


class TruthFilter(django_filters.BooleanFilter):
    """true or false."""

    field_class = TruthField


class MomentField(django_filters.fields.IsoDateTimeField):
    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        if moment is not None and not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise forms.ValidationError(
                f"Choose a time between {FIRST_YEAR} and {LAST_YEAR}.", code="out_of_range"
            )
        return moment


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A time in ISO 8601; UTC unless it says otherwise."""

    field_class = MomentField


class OrderFilter(django_filters.OrderingFilter):
    """Fields to sort by, separated by commas, "-" for descending. The first mention of a field counts."""

    def filter(self, queryset: "QuerySet[Any]", value: Any) -> "QuerySet[Any]":
        order: dict[str, str] = {}
        for name in value or ():
            order.setdefault(name.lstrip("-"), name)
        return super().filter(queryset, list(order.values()))


CASE_BLIND = (django_filters.ChoiceFilter, django_filters.MultipleChoiceFilter, SlugFilter)


class FilterSet(django_filters.FilterSet):
    """The base of every filter set. With an error in it nothing is found."""

    FILTER_DEFAULTS = django_filters.FilterSet.FILTER_DEFAULTS | {
        models.CharField: {"filter_class": TextFilter},
        models.TextField: {"filter_class": TextFilter},
        models.BooleanField: {"filter_class": TruthFilter},
    }

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            None if data is None else _lower_case(data, self.base_filters), *args, **kwargs
        )

    @property
    def qs(self) -> "QuerySet[Any]":
        return self.queryset.none() if self.is_bound and self.errors else super().qs

    @cached_property
    def form(self) -> forms.Form:
        form: forms.Form = super().form
        for field in form.fields.values():
            if isinstance(field, forms.ModelMultipleChoiceField):
                field.error_messages["invalid_choice"] = (
                    f"There is no {str(field.label).lower()} “%(value)s”."
                )
            elif isinstance(field, forms.ChoiceField):
                choices: Any = field.choices
                known = ", ".join(str(value) for value, _ in choices if value).replace("%", "%%")
                field.error_messages["invalid_choice"] = f"“%(value)s” is not one of: {known}."
        return form

    @property
    def sentences(self) -> list[str]:
        """What is wrong with the question, for a page."""
        return [
            f"{self.form.fields[name].label}: {message}"
            for name, messages in self.errors.items()
            for message in messages
        ]


class Filters(DjangoFilterBackend):
    """The API's filter backend, with the same base for resources that only name their fields."""

    filterset_base = FilterSet

    def filter_queryset(self, request: Any, queryset: "QuerySet[Any]", view: Any) -> Any:
        """The rows asked for. Raises ValidationError naming each parameter that cannot be read.

        The library formats every message with `%`, and a message may quote what somebody typed.
        """
        filterset = self.get_filterset(request, queryset, view)
        if filterset is not None and not filterset.is_valid():
            raise ValidationError(
                {
                    name: [
                        ErrorDetail(" ".join(error.messages), code=error.code) for error in errors
                    ]
                    for name, errors in filterset.errors.as_data().items()
                }
            )
        return queryset if filterset is None else filterset.qs


def _lower_case(data: Any, filters: dict[str, Any]) -> Any:
    folded = data.copy()
    for name, kind in filters.items():
        if isinstance(kind, CASE_BLIND) and name in folded:
            folded.setlist(name, [value.strip().lower() for value in data.getlist(name)])
    return folded
