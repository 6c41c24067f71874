"""What people type about models that they use: ratings and discussions."""

from typing import Any

from django import forms

from catalog.models import ModelVersion
from consumption.models import Discussion
from consumption.models.discussions import MESSAGE_MAX, PAYLOAD_MAX
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField

STARS = [
    ("", "Choose"),
    (5, "5, excellent"),
    (4, "4, good"),
    (3, "3, fair"),
    (2, "2, poor"),
    (1, "1, useless"),
]


class RatingForm(forms.Form):
    """`teams`: those of the person that may rate the model."""

    stars = forms.TypedChoiceField(choices=STARS, coerce=int, label="Stars")
    text = forms.CharField(
        max_length=REASON,
        label="Why",
        help_text="What you use it for, what is good, what is not. At least 20 characters.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None, label="For your team")

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


class MessageForm(forms.Form):
    text = forms.CharField(
        max_length=MESSAGE_MAX,
        label="What you want to say",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DiscussionForm(forms.Form):
    """A bug, a request or an observation about one version."""

    kind = forms.ChoiceField(choices=Discussion.Kind.choices, label="What it is")
    version = forms.ModelChoiceField(
        ModelVersion.objects.none(), empty_label=None, to_field_name="number", label="Version"
    )
    title = LineField(max_length=120, label="In a few words")
    text = forms.CharField(
        max_length=MESSAGE_MAX,
        label="What happens, or what you need",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), required=False, empty_label="Only for me", label="For your team"
    )
    request_id = forms.UUIDField(
        required=False,
        label="Request id",
        help_text="Of a call of your team, from the answer's X-Request-Id.",
    )
    payload = forms.CharField(
        required=False,
        max_length=PAYLOAD_MAX,
        label="Example",
        help_text="The marketplace keeps no requests. What you add here, the publisher reads.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
    )

    def __init__(self, *args: Any, user: User, versions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
        self.fields["team"].initial = user.teams().first()
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]


class ResponseForm(MessageForm):
    """What the publisher makes of it."""

    state = forms.ChoiceField(
        choices=[
            (state, state.label) for state in (Discussion.State.ACKNOWLEDGED, *Discussion.RESPONSES)
        ],
        label="It is",
    )
    fixed_in = LineField(
        required=False, max_length=30, label="Fixed in version", help_text="When it is fixed."
    )
    field_order = ["state", "text", "fixed_in"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].required = False
