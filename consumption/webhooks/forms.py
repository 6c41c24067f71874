"""Forms and filters of webhooks."""

from typing import Any

import django_filters
from django import forms

from consumption.models import Application
from marketplace.accounts.models import Team, User
from marketplace.core.filters import FilterSet
from marketplace.core.forms import LineField
from marketplace.notices.models import Webhook, WebhookDelivery, WebhookFormat
from marketplace.notices.webhooks import kinds_for_teams

OVERLAPS = [(0, "Not at all"), (1, "1 hour"), (24, "24 hours"), (168, "7 days")]


def kind_choices() -> list[tuple[str, str]]:
    return [(kind.slug, kind.label) for kind in kinds_for_teams()]


class WebhookForm(forms.Form):
    """Where a team's events go."""

    team: "forms.ModelChoiceField[Team]" = forms.ModelChoiceField(
        queryset=None, empty_label="Choose a team"
    )
    application: "forms.ModelChoiceField[Application]" = forms.ModelChoiceField(
        queryset=None,
        required=False,
        to_field_name="slug",
        empty_label="All of the team, and the models that it owns",
        help_text="Or only what concerns one application.",
    )
    name = LineField(max_length=60, help_text="What receives it, e.g. on-call channel.")
    url = LineField(
        label="Address",
        max_length=Webhook.URL_MAX,
        help_text="https only. It has to prove that it is yours before anything else is sent there.",
    )
    format = forms.ChoiceField(choices=WebhookFormat)
    kinds = forms.MultipleChoiceField(
        label="Only these kinds",
        required=False,
        choices=kind_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Without a choice: all that go to teams.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
        own = Application.objects.filter(team__in=user.teams())
        self.fields["application"].queryset = own  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        application = data.get("application")
        if application and data.get("team") and application.team_id != data["team"].pk:
            self.add_error("application", f"{application} is not an application of {data['team']}.")
        data["application"] = application.slug if application else ""
        return data


class WebhookEditForm(forms.Form):
    """What may change of a webhook."""

    name = LineField(max_length=60)
    kinds = forms.MultipleChoiceField(
        label="Only these kinds",
        required=False,
        choices=kind_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Without a choice: all that go to teams.",
    )


class CodeForm(forms.Form):
    """The code that a chat shows."""

    code = LineField(max_length=20, label="Code", help_text="The eight digits in the chat.")


class RotateForm(forms.Form):
    """How long the old secret signs, too."""

    hours = forms.TypedChoiceField(
        label="Both secrets sign for", coerce=int, choices=OVERLAPS, initial=24
    )


class DeliveryFilter(FilterSet):
    state = django_filters.ChoiceFilter(
        label="State", choices=WebhookDelivery.State.choices, empty_label="All"
    )
    kind = django_filters.ChoiceFilter(
        label="Kind", field_name="event__kind", choices=kind_choices, empty_label="All kinds"
    )

    class Meta:
        model = WebhookDelivery
        fields = ["state", "kind"]
