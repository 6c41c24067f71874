"""Forms of notices."""

from typing import Any

from django import forms

from marketplace.notices.kinds import Kind, Mail
from marketplace.notices.models import NoticeSettings, Weekday, time_zones


class ChannelForm(forms.Form):
    """The channels of one kind of notice; the row of a table of them."""

    page = forms.BooleanField(required=False)
    mail = forms.ChoiceField(choices=Mail)

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": kind.slug} | kwargs)
        self.kind = kind
        self.fields["page"].widget.attrs["aria-label"] = f"{kind.label}: on the page"
        self.fields["mail"].widget.attrs["aria-label"] = f"{kind.label}: by mail"
        if kind.must:
            self.fields["page"].disabled = True


class TimesForm(forms.Form):
    """Quiet hours and the weekly digest."""

    time_zone = forms.ChoiceField(label="Time zone")
    quiet_from = forms.TimeField(
        label="Quiet from",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="No mail comes in these hours; it waits for their end.",
    )
    quiet_until = forms.TimeField(
        label="Quiet until",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    digest_day = forms.TypedChoiceField(label="Digest on", coerce=int, choices=Weekday)
    digest_at = forms.TimeField(
        label="Digest at", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def __init__(self, *args: Any, chosen: NoticeSettings, **kwargs: Any) -> None:
        names = ("time_zone", "quiet_from", "quiet_until", "digest_day", "digest_at")
        initial = {name: getattr(chosen, name) for name in names}
        super().__init__(*args, **{"initial": initial} | kwargs)
        zones = [(name, name.replace("_", " ")) for name in time_zones()]
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]
