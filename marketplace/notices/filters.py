"""What one's notices may be asked, by page and API."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from marketplace.core.filters import FilterSet, SlugFilter, TruthFilter
from marketplace.notices import kinds
from marketplace.notices.models import Notice

MODELS_LISTED = 200


class DayFilter(django_filters.DateFilter):
    """A day (UTC), as 2026-11-30."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(*args, **{"input_formats": ["%Y-%m-%d"], "widget": day} | kwargs)


class NoticeFilter(FilterSet):
    kind = django_filters.ChoiceFilter(
        label="Kind",
        choices=[(kind.slug, kind.label) for kind in kinds.KINDS.values()],
        empty_label="All kinds",
    )
    model = SlugFilter(label="Model")
    application = SlugFilter(label="Application")
    unread = TruthFilter(
        label="State",
        method="of_state",
        widget=forms.Select(choices=[("", "All"), ("true", "Unread"), ("false", "Read")]),
    )
    since = DayFilter(field_name="at", lookup_expr="date__gte", label="From day, UTC")
    until = DayFilter(field_name="at", lookup_expr="date__lte", label="To day, UTC")

    class Meta:
        model = Notice
        fields = ["kind", "model", "application", "unread", "since", "until"]

    def of_state(self, notices: "QuerySet[Notice]", name: str, value: bool) -> "QuerySet[Notice]":
        return notices.filter(read_at__isnull=value)


class NoticePageFilter(NoticeFilter):
    """The same on the page, where the models and applications of one's notices are listed to choose from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, nothing in (("model", "All models"), ("application", "All applications")):
            slugs = self.queryset.exclude(**{name: ""}).order_by(name).values_list(name, flat=True)
            choices = [(slug, slug) for slug in slugs.distinct()[:MODELS_LISTED]]
            asked = self.data.get(name, "") if self.is_bound else ""
            if asked and asked not in dict(choices):
                choices.append((asked, asked))
            self.form.fields[name].widget = forms.Select(choices=[("", nothing), *choices])
