"""What people type about a deployment."""

from django import forms

from consumption.forms import ChangeForm
from hosting.capacity import MOST_AT_ONCE, MOST_REPLICAS, WORDS, size
from marketplace.core.field_limits import CREDENTIAL, REASON
from marketplace.core.forms import LineField


class StartForm(forms.Form):
    """Nothing to say; starting needs no reason."""


class ReasonForm(forms.Form):
    """Why it is stopped or rolled back. Several stand on one page, so each has ids of its own."""

    reason = forms.CharField(
        min_length=5,
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The publisher's team and the consumers read this.",
    )

    def __init__(self, *args, prefix_id, **kwargs):
        super().__init__(*args, auto_id=f"id_{prefix_id}_%s", **kwargs)


class CapacityForm(ChangeForm):
    """The size that a deployment shall have; what is there is the size it has."""

    field_order = ["min_replicas", "max_replicas", "target_ongoing_requests"]

    min_replicas = forms.IntegerField(min_value=0, label="Replicas at least")
    max_replicas = forms.IntegerField(min_value=1, label="Replicas at most")
    target_ongoing_requests = forms.IntegerField(min_value=1, label="Calls at once for each")

    def __init__(self, *args, version, **kwargs):
        super().__init__(*args, version=version, initial=size(version.deployment), **kwargs)

    def after(self):
        return {name: self.cleaned_data[name] for name in WORDS}


class CredentialForm(forms.Form):
    """The secret of an external endpoint. It is never shown again."""

    credential = LineField(
        required=False,
        max_length=CREDENTIAL,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="A token, sent as Authorization: Bearer …, or scheme and value, such as Basic dXNlcjpw. Empty removes it.",
    )


class SizeForm(forms.Form):
    """How many processes, and how busy each may be before another is added."""

    minimum = forms.IntegerField(
        min_value=0,
        max_value=MOST_REPLICAS,
        label="Replicas at least",
        help_text="0 lets it sleep when nobody calls it; a first call then waits until it has started.",
    )
    maximum = forms.IntegerField(min_value=1, max_value=MOST_REPLICAS, label="Replicas at most")
    target_ongoing_requests = forms.IntegerField(
        min_value=1,
        max_value=MOST_AT_ONCE,
        label="Calls at once for each",
        help_text="More than this on average adds a replica.",
    )
    reason = forms.CharField(
        required=False,
        max_length=REASON,
        label="Why",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed from operators who take capacity from consumers; they read it.",
    )
