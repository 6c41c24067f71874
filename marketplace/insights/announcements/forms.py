"""Forms of announcements."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from catalog.models import Collection, Domain
from marketplace.accounts.models import BusinessUnit, RoleGrant
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.models import Announcement, Audience
from marketplace.insights.models.announcements import TITLE_MAX

USUAL = timedelta(days=14)


def moment_field(**given: Any) -> forms.DateTimeField:
    """A field for a day and a time, UTC."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(
        widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], **given
    )


class AnnouncementForm(forms.Form):
    """What is told to whom, from when until when."""

    title = LineField(max_length=TITLE_MAX, label="Title")
    text = forms.CharField(
        max_length=REASON,
        label="Text",
        help_text="Plain text. Addresses that begin with https:// become links.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    audience = forms.ChoiceField(choices=Audience.choices, label="Who reads it")
    unit = forms.ModelChoiceField(
        BusinessUnit.objects.all(), required=False, label="Business unit", empty_label="None"
    )
    role = forms.ChoiceField(
        choices=[("", "None"), *RoleGrant.Role.choices], required=False, label="Role"
    )
    domain = forms.ModelChoiceField(
        Domain.objects.all(), required=False, label="Domain", empty_label="None"
    )
    collection = forms.ModelChoiceField(
        Collection.objects.published(), required=False, label="Collection", empty_label="None"
    )
    shown_from = moment_field(label="From, UTC")
    shown_until = moment_field(label="Until, UTC", help_text="At most 92 days later.")

    def __init__(self, data: Any = None, *, of: Announcement | None = None) -> None:
        now = timezone.now().replace(second=0, microsecond=0)
        initial: dict[str, Any] = {"shown_from": now, "shown_until": now + USUAL}
        if of is not None:
            initial = {name: getattr(of, name) for name in self.base_fields}
        super().__init__(data, initial=initial)
