"""What people type about records of a search before build, about needs and collections."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from catalog.models import Capability, Collection, ReasonCode, ReuseDecision, SearchRecord
from catalog.models.needs import TEXT_MAX, VALUE_MAX
from catalog.search_record_actions import Reason
from catalog.search_records import Shown
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField

WITHOUT = [("", "No reason yet")]
STRONG = "A strong candidate: say why it does not do, or reuse it."


@dataclass(frozen=True)
class CandidateLine:
    """A candidate on the page; the fields of its reason where it may be given."""

    shown: Shown
    code: BoundField | None = None
    reason: BoundField | None = None

    @property
    def is_folded(self) -> bool:
        """A weak candidate needs no reason; its fields fold away until there is something in them."""
        is_weak = not self.shown.candidate.is_strong
        touched = self.code and self.reason and (self.reason.value() or self.code.value())
        return is_weak and not touched


class OfTeamForm(forms.Form):
    """Something that a person does for one of their teams."""

    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None, label="Team")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]


class SearchForm(OfTeamForm):
    """What a team needs before it starts a project."""

    title = LineField(max_length=120, label="Project", help_text="A few words for your list.")
    need = forms.CharField(
        max_length=TEXT_MAX,
        label="What you need, in your own words",
        help_text="What goes in, what should come out, for whom. No model names are needed.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    field_order = ["title", "need", "team"]


class DecisionForm(forms.Form):
    """The reasons why candidates do not do, and the decision. `found`: what the reader sees of the candidates."""

    decision = forms.ChoiceField(
        choices=ReuseDecision.choices,
        widget=forms.RadioSelect,
        label="What you do",
    )
    position = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label="Which model",
        help_text="When you reuse one, or have one extended.",
    )
    sponsor = LineField(
        max_length=120,
        label="Sponsor",
        help_text="Who answers for the project and its cost.",
    )
    reason = forms.CharField(
        max_length=REASON,
        label="Why",
        help_text="At least 20 characters. A reviewer reads it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self, *args: Any, found: list[Shown], is_deciding: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.found, self.is_deciding = found, is_deciding
        for name in ("decision", "sponsor", "reason"):
            self.fields[name].required = is_deciding
        own = [(one.candidate.position, one.name) for one in found if one.model]
        self.fields["position"].choices = [("", "None"), *own]  # type: ignore[attr-defined]
        for one in found:
            self._add_reason(one)

    def _add_reason(self, one: Shown) -> None:
        at, candidate = one.candidate.position, one.candidate
        self.fields[f"code_{at}"] = forms.ChoiceField(
            choices=[*WITHOUT, *ReasonCode.choices],
            required=False,
            initial=candidate.reason_code,
            label="Kind",
            widget=forms.Select(attrs={"aria-label": f"Why {one.name} does not do"}),
        )
        self.fields[f"reason_{at}"] = forms.CharField(
            max_length=REASON,
            required=False,
            initial=candidate.reason,
            label="In a sentence",
            widget=forms.Textarea(
                attrs={"rows": 2, "aria-label": f"Why {one.name} does not do, in a sentence"}
            ),
        )

    def clean(self) -> dict[str, Any]:
        """What the verb refuses one by one is said all at once, each at its candidate."""
        data = super().clean() or self.cleaned_data
        if self.is_deciding and data.get("decision") == ReuseDecision.BUILD:
            for one in self.found:
                at = one.candidate.position
                if one.model and one.candidate.is_strong and not data.get(f"reason_{at}"):
                    self.add_error(f"reason_{at}", STRONG)
        return data

    def lines(self) -> list[CandidateLine]:
        """The candidates, those that the reader sees with their fields."""
        return [
            CandidateLine(one, self[f"code_{at}"], self[f"reason_{at}"])
            if one.model
            else CandidateLine(one)
            for at, one in ((one.candidate.position, one) for one in self.found)
        ]

    def reasons(self) -> list[Reason]:
        """What was typed of each candidate that the reader sees."""
        data = self.cleaned_data
        return [
            Reason(at, data[f"code_{at}"], data[f"reason_{at}"])
            for at in (one.candidate.position for one in self.found if one.model)
        ]


class CollectionForm(forms.Form):
    """What a set of models is called, and what it is for."""

    name = LineField(max_length=Collection.NAME_MAX, label="Name")
    text = forms.CharField(
        max_length=Collection.TEXT_MAX,
        label="What these models are for",
        help_text="The first paragraph stands on home and in lists.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class CollectionEditForm(CollectionForm):
    """The same, and whether home shows it."""

    is_featured = forms.BooleanField(required=False, label="Show it on home")


class EntryForm(forms.Form):
    """A model to put into a collection."""

    model = LineField(
        max_length=100, label="Model", help_text="Its address: income-verification, for example."
    )
    note = forms.CharField(
        required=False,
        max_length=REASON,
        label="Why it is in it",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class JoinForm(OfTeamForm):
    """A team needs it, too."""

    value_a_year = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=VALUE_MAX,
        label="Worth a year, in USD",
        help_text="What a year of it would bring or save you. Leave it empty when you cannot say.",
    )
    note = forms.CharField(
        required=False,
        max_length=REASON,
        label="How you come to it",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class NeedForm(OfTeamForm):
    """Something that no model does yet."""

    title = LineField(max_length=120, label="What is missing")
    text = forms.CharField(
        max_length=TEXT_MAX,
        label="In your own words",
        help_text="What goes in, what should come out, for whom. Everybody in the company reads it.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    capability = forms.ModelChoiceField(
        Capability.objects.current(),
        required=False,
        empty_label="I do not know",
        label="Capability",
    )
    value_a_year = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=VALUE_MAX,
        label="Worth a year, in USD",
        help_text="What a year of it would bring or save your team.",
    )
    search_record = forms.ModelChoiceField(
        SearchRecord.objects.none(), required=False, widget=forms.HiddenInput
    )
    field_order = ["title", "text", "capability", "value_a_year", "team"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        own = SearchRecord.objects.filter(team__in=user.teams())
        self.fields["search_record"].queryset = own  # type: ignore[attr-defined]


class LinkForm(forms.Form):
    """The model that is to meet a need, by the end of its address."""

    model = LineField(max_length=80, label="Model", help_text="The end of its address.")


class TeamForm(forms.Form):
    """A team by its address."""

    team = forms.ModelChoiceField(Team.objects.all(), to_field_name="slug")


class CommissionForm(forms.Form):
    team = forms.ModelChoiceField(Team.objects.all(), label="Team that builds it")
    budget = forms.IntegerField(
        required=False, min_value=0, max_value=VALUE_MAX, label="Budget, USD"
    )
    ready_by = forms.DateField(
        required=False,
        label="Published by",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    reason = forms.CharField(
        max_length=REASON, label="Why", widget=forms.Textarea(attrs={"rows": 2})
    )


class WhyForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON, label="Why", widget=forms.Textarea(attrs={"rows": 2})
    )
