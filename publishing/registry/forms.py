"""The form that connects a model registry."""

from django import forms

from marketplace.accounts.models import Team, User
from marketplace.core.forms import LineField
from publishing.models import RegistryConnection, RegistryTrigger


class RegistryForm(forms.Form):
    """Which registry, and what in it publishes."""

    team: "forms.ModelChoiceField[Team]" = forms.ModelChoiceField(
        queryset=None, empty_label="Choose a team", help_text="It publishes this team's models."
    )
    name = LineField(max_length=60, help_text="What your team calls it, e.g. lending registry.")
    tracking_url = LineField(
        label="Tracking server",
        max_length=RegistryConnection.URL_MAX,
        help_text="Its address, https. Administrators list servers inside the network.",
    )
    trigger = forms.ChoiceField(
        label="Publishes", choices=RegistryTrigger, initial=RegistryTrigger.ALIAS
    )
    marker = LineField(
        label="Alias or tag",
        max_length=200,
        required=False,
        help_text="The alias, such as production; or the tag as name=value.",
    )
    credential = LineField(
        max_length=500,
        required=False,
        help_text="user:password, or a token, where the server asks for one. Kept sealed.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args, user: User, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
