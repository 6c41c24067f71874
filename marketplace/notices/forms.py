"""Forms of notices."""

from django import forms

from marketplace.accounts.models import Team
from marketplace.core.forms import LineField


class JoinForm(forms.Form):
    """Which team somebody wants to join, and a word for its lead."""

    team = forms.ModelChoiceField(
        Team.objects.select_related("business_unit").order_by("name"), empty_label="Choose a team"
    )
    words = LineField(
        label="A word for its lead",
        max_length=200,
        required=False,
        help_text="Who you are and what you do.",
    )
