"""Forms of events."""

from typing import Any

from django import forms

from catalog.models import Domain
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.announcements.forms import moment_field
from marketplace.insights.models import CompanyEvent
from marketplace.insights.models.events import CAPACITY_MAX, LINK_MAX, PLACE_MAX, TITLE_MAX


class EventForm(forms.Form):
    """What takes place, when, and where."""

    title = LineField(max_length=TITLE_MAX, label="Title")
    text = forms.CharField(
        max_length=REASON, label="What it is about", widget=forms.Textarea(attrs={"rows": 5})
    )
    starts_at = moment_field(label="Begins, UTC")
    ends_at = moment_field(label="Ends, UTC")
    place = LineField(max_length=PLACE_MAX, required=False, label="Place")
    link = forms.URLField(max_length=LINK_MAX, required=False, label="Link", assume_scheme="https")
    capacity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=CAPACITY_MAX,
        label="Places",
        help_text="Empty: as many as come.",
    )
    domain = forms.ModelChoiceField(
        Domain.objects.all(),
        required=False,
        empty_label="All",
        label="Domain",
        help_text="Its followers read of it in their weekly digest.",
    )

    def __init__(self, data: Any = None, *, of: CompanyEvent | None = None) -> None:
        initial = {name: getattr(of, name) for name in self.base_fields} if of else {}
        super().__init__(data, initial=initial)
