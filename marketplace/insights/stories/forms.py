"""Forms of success stories."""

from typing import Any

from django import forms

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.models import ReuseEvent, Story
from marketplace.insights.models.stories import QUOTE_MAX, TITLE_MAX
from marketplace.insights.stories import actions


def _prose(label: str, help_text: str = "", **given: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 4})
    given = {"max_length": REASON} | given
    return forms.CharField(label=label, help_text=help_text, widget=widget, **given)


class StoryTextForm(forms.Form):
    """What was, what is, and what somebody says about it."""

    title = LineField(max_length=TITLE_MAX, label="Title")
    problem = _prose("The problem")
    before = _prose("Before")
    after = _prose(
        "After", "Time and volume, no amounts of money: those come from the value ledger."
    )
    quote = _prose("Quote", max_length=QUOTE_MAX, required=False)
    quoted_person = forms.ModelChoiceField(
        User.objects.filter(is_active=True, is_system=False),
        to_field_name="username",
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 150}),
        label="Who says it",
        help_text="The sign-in name. The person agrees before anybody reads it.",
        error_messages={"invalid_choice": "There is nobody of this name."},
    )

    def __init__(self, data: Any = None, *, of: Story | None = None, **kwargs: Any) -> None:
        initial = kwargs.pop("initial", {})
        if of is not None:
            initial = {name: getattr(of, name) for name in StoryTextForm.base_fields}
            initial["quoted_person"] = of.quoted_person.username if of.quoted_person else ""
        super().__init__(data, initial=initial, **kwargs)


class StoryEditForm(StoryTextForm):
    """The texts of a draft, and lines of the value ledger that finance signed."""

    lines = forms.ModelMultipleChoiceField(
        ReuseEvent.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Lines of the value ledger",
        help_text="Of this team and model, in a quarter that finance signed.",
    )

    def __init__(self, data: Any = None, *, of: Story, user: User) -> None:
        super().__init__(data, of=of)
        field: Any = self.fields["lines"]
        field.queryset = actions.lines_for(user, of)
        field.label_from_instance = _line_label
        self.initial["lines"] = list(of.lines.values_list("pk", flat=True))


def _line_label(line: ReuseEvent) -> str:
    return f"{line.quarter_name}: {line.low:,.0f} to {line.high:,.0f} USD"


class StoryForm(StoryTextForm):
    """A story about a model and a team that uses it."""

    model = forms.ModelChoiceField(
        RegisteredModel.objects.none(),
        to_field_name="slug",
        widget=forms.TextInput(attrs={"maxlength": 80}),
        label="Model",
        help_text="The end of its address.",
        error_messages={"invalid_choice": "There is no published model at that address."},
    )
    team = forms.ModelChoiceField(
        Team.objects.all(), label="Team that uses it", empty_label="Choose one"
    )
    field_order = ["model", "team"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = RegisteredModel.objects.visible_to(user).published()
        self.fields["model"].queryset = seen  # type: ignore[attr-defined]
