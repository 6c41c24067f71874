"""What the record may be asked, by page and API."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from marketplace.audit.models import AuditEvent
from marketplace.core.filters import FilterSet, MomentFilter, TextFilter


class EventFilter(FilterSet):
    q = TextFilter(
        method="search",
        label="Words in the action, the subject or the reason",
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    actor = TextFilter(field_name="actor__username", label="Who")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="From, inclusive")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="To, exclusive")

    class Meta:
        model = AuditEvent
        fields = ["q", "actor", "action", "object_type", "object_id", "since", "until"]

    def search(
        self, events: "QuerySet[AuditEvent]", name: str, words: str
    ) -> "QuerySet[AuditEvent]":
        """Each word in any of the three."""
        for word in words.split():
            events = events.filter(
                Q(action__icontains=word)
                | Q(object_label__icontains=word)
                | Q(reason__icontains=word)
            )
        return events

    def question(self) -> dict[str, Any]:
        """What was asked, as plain texts, without what was left empty."""
        return {name: self.data[name] for name in self.base_filters if self.data.get(name)}
