"""What is typed about a gap."""

from typing import Any

from django import forms

from catalog.models import Capability, Need
from catalog.models.needs import TEXT_MAX
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.models import DemandGap


class TakeUpForm(forms.Form):
    """A gap as a need, in words that everybody in the company reads."""

    title = LineField(max_length=120)
    text = forms.CharField(
        max_length=TEXT_MAX,
        label="What is needed",
        help_text="At least 30 characters. Everybody in the company reads it.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    capability = forms.ModelChoiceField(Capability.objects.none(), required=False)

    def __init__(self, *args: Any, gap: DemandGap, **kwargs: Any) -> None:
        title = gap.title[:1].upper() + gap.title[1:]
        said = ", ".join(f"“{text}”" for text in gap.queries[:5])
        super().__init__(*args, **kwargs)
        self.initial = {
            **self.initial,
            "title": title[:120],
            "text": f"Teams searched in vain for {said}.",
        }
        self.fields["capability"].queryset = Capability.objects.current()  # type: ignore[attr-defined]


class JoinNeedForm(forms.Form):
    need = forms.ModelChoiceField(Need.objects.none(), label="Need that it is about")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waiting = Need.objects.filter(state__in=Need.WAITING).order_by("title")
        self.fields["need"].queryset = waiting  # type: ignore[attr-defined]
        self.fields["need"].label_from_instance = lambda need: f"{need}: {need.title}"  # type: ignore[attr-defined]


class NoGapForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON,
        label="Why it is no gap",
        help_text="At least 20 characters.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
