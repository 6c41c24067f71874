"""Forms of a version's end: the deprecation wizard, its migration guide, more time, waivers, messages."""

import re
from datetime import UTC, datetime, time
from typing import Any

from django import forms

from catalog import field_mapping
from catalog.models import ModelVersion
from marketplace.accounts.models import User
from marketplace.core.errors import RuleError
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.forms import LineField
from publishing.actions import GuideText
from publishing.actions.guides import WORDS_MIN
from publishing.deprecation import check_successor, check_sunset, first_end, notice_days

RENAME = "becomes."
NAMED = re.compile(r"\s*(?P<slug>[-\w]{1,80})\s+(?P<number>[-.\w]{1,30})\s*", re.ASCII)
MOST_DIGITS = 19  # of an id
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _text(label: str, rows: int, help_text: str, most: int = PROSE) -> forms.CharField:
    return forms.CharField(
        label=label,
        widget=forms.Textarea(attrs={"rows": rows}),
        min_length=WORDS_MIN,
        max_length=most,
        help_text=help_text,
    )


class GuideForm(forms.Form):
    """What consumers read to move. `successor`: whose signature the mapping leads to, None without one."""

    what_changes = _text(
        "What changes, and why",
        4,
        "In the words of somebody who calls it. Fields are listed below by themselves.",
    )
    steps = _text("How to move", 4, "One step a line: what to change, in which order.")
    checks = _text(
        "How to know that it works",
        3,
        "Examples to compare, figures to expect, what may differ and how much.",
    )

    def __init__(
        self,
        *args: Any,
        version: ModelVersion,
        successor: ModelVersion | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.version, self.taking_over = version, successor
        self._ask_for_renames()

    def guide(self) -> GuideText:
        """What was written."""
        given = self.cleaned_data
        texts = {name: given.get(name, "") for name in ("what_changes", "steps", "checks")}
        renames = {
            name.removeprefix(RENAME): value
            for name, value in given.items()
            if name.startswith(RENAME) and value
        }
        return GuideText(**texts, renames=renames)

    def renames(self) -> dict[str, str]:
        """What the page shows as the mapping: what was chosen, or what is likely."""
        return {
            name.removeprefix(RENAME): str(self[name].value() or "")
            for name in self.fields
            if name.startswith(RENAME)
        }

    def rename_fields(self) -> list[forms.BoundField]:
        """The questions what became of a field that is gone."""
        return [self[name] for name in self.fields if name.startswith(RENAME)]

    def _ask_for_renames(self) -> None:
        if self.taking_over is None:
            return
        old, new = self.version.signature, self.taking_over.signature
        likely = field_mapping.likely_renames(old, new)
        for path, others in field_mapping.gone(old, new).items():
            side, _, name = path.partition(".")
            choices = [("", "nothing: it is dropped")]
            choices += [(other, other.partition(".")[2]) for other in others]
            asked = f"{RENAME}{path}"
            self.fields[asked] = forms.ChoiceField(
                label=f"The {field_mapping.SIDES[side]} {name} becomes",
                choices=choices,
                required=False,
                initial=self.initial.get("renames", likely).get(path, ""),
            )
            if self.is_bound and asked not in self.data:  # for another successor than before
                self.data = {**dict(self.data.items()), asked: likely.get(path, "")}


class DeprecateForm(GuideForm):
    """The deprecation wizard: when, who takes over, how to move, with which warning. `is_preview`: nothing is confirmed yet."""

    sunset_at = forms.DateTimeField(label="Stops answering on", widget=DAY)
    successor: "forms.ModelChoiceField[ModelVersion]" = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="None of this model", label="Successor"
    )
    other_successor = LineField(
        label="Or a version of another model",
        required=False,
        max_length=120,
        help_text="As in its address: income-verification 2.0.0. Consumers then subscribe anew, with new keys.",
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        min_length=20,
        max_length=REASON,
        help_text="Consumers read it: why it ends, and what moving takes.",
    )
    brownouts = forms.BooleanField(
        label="Announce short refusals before the end",
        required=False,
        help_text="10 minutes, 1 hour and 4 hours, 14, 7 and 2 days before, on working days from 10:00 UTC. Who still calls notices in time.",
    )
    confirm = LineField(required=False, max_length=120)
    field_order = ["sunset_at", "successor", "other_successor", "reason"]

    def __init__(
        self,
        data: Any = None,
        *,
        version: ModelVersion,
        reader: User,
        has_consumers: bool,
        is_preview: bool = False,
    ) -> None:
        self.reader, self.is_preview = reader, is_preview
        published = version.model.versions.filter(state=ModelVersion.State.PUBLISHED)
        self.choices = published.exclude(pk=version.pk).select_related("model").newest_first()
        newest = self.choices.first()
        initial = (
            {"successor": newest.pk} if newest and newest.precedence > version.precedence else {}
        )
        super().__init__(
            data, version=version, successor=self._chosen(data, initial), initial=initial
        )
        self.fields["successor"].queryset = self.choices  # type: ignore[attr-defined]
        self.typed_name = f"{version.model.slug} {version.number}"
        self.fields["confirm"].label = f"Type {self.typed_name} to confirm"
        self.fields["confirm"].widget.attrs["autocomplete"] = "off"
        for name in ("what_changes", "steps", "checks"):
            self.fields[name].required = has_consumers
        first, days = first_end(version), notice_days(version)
        self.fields[
            "sunset_at"
        ].help_text = f"{first:%-d %B %Y} or later (UTC): at {version.risk_tier or 'low'} risk consumers have {days} days to move."
        self.fields["sunset_at"].widget.attrs["min"] = f"{first:%Y-%m-%d}"

    def clean(self) -> dict[str, Any]:
        super().clean()
        given = self.cleaned_data
        other = given.get("other_successor", "")
        if other and given.get("successor"):
            self.add_error(
                "other_successor", "Choose one successor: of this model or of another one."
            )
        elif other and self.taking_over is None:
            self.add_error("other_successor", f"You see no published version {other}.")
        if self.is_preview:
            self._check_what_the_verb_will()
        if not self.is_preview and given.get("confirm", "").strip() != self.typed_name:
            self.add_error("confirm", f"Type {self.typed_name} exactly.")
        return given

    def verb_arguments(self) -> dict[str, Any]:
        """What publishing.actions.deprecate takes."""
        given = self.cleaned_data
        return {
            "sunset_at": given["sunset_at"],
            "successor": self.taking_over,
            "reason": given["reason"],
            "guide": self.guide() if given["what_changes"] else None,
            "with_brownouts": given["brownouts"],
        }

    def when_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("sunset_at", "successor", "other_successor", "reason")]

    def guide_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("what_changes", "steps", "checks")]

    def _check_what_the_verb_will(self) -> None:
        """So that a preview shows what may be announced."""
        try:
            if "sunset_at" in self.cleaned_data:
                check_sunset(self.version, self.cleaned_data["sunset_at"])
            if self.taking_over is not None:
                check_successor(self.version, self.taking_over)
        except RuleError as problem:
            self.add_error(problem.field, problem.sentences)

    def _chosen(self, data: Any, initial: dict[str, Any]) -> ModelVersion | None:
        """The successor that was chosen, also while the rest of the form has errors."""
        if data is None:
            return self.choices.filter(pk=initial.get("successor")).first()
        if named := NAMED.fullmatch(str(data.get("other_successor", ""))):
            seen = ModelVersion.objects.visible_to(self.reader).select_related("model")
            return seen.filter(
                model__slug=named["slug"],
                number=named["number"],
                state=ModelVersion.State.PUBLISHED,
            ).first()
        pk = str(data.get("successor", ""))
        is_id = pk.isascii() and pk.isdigit() and len(pk) < MOST_DIGITS
        is_of_model = is_id and not str(data.get("other_successor", "")).strip()
        return self.choices.filter(pk=int(pk)).first() if is_of_model else None


class RetireForm(forms.Form):
    """The typed name that confirms an act which nobody takes back."""

    confirm = LineField(max_length=120)

    def __init__(self, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed_name = f"{version.model.slug} {version.number}"
        self.fields["confirm"].label = f"Type {self.typed_name} to confirm"
        self.fields["confirm"].widget.attrs["autocomplete"] = "off"

    def clean_confirm(self) -> str:
        given: str = self.cleaned_data["confirm"].strip()
        if given != self.typed_name:
            raise forms.ValidationError(f"Type {self.typed_name} exactly.")
        return given


class PostponeForm(forms.Form):
    """More time."""

    sunset_at = forms.DateField(label="Stops answering on", widget=DAY)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        min_length=20,
        max_length=REASON,
        help_text="Consumers read it.",
    )

    def clean_sunset_at(self) -> datetime:
        return datetime.combine(self.cleaned_data["sunset_at"], time(), UTC)


class SentenceForm(forms.Form):
    """A reason, or a message to the other team."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), min_length=20, max_length=REASON
    )

    def __init__(self, *args: Any, label: str = "Message", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].label = label


class RetirementWaiverForm(forms.Form):
    reason = forms.CharField(
        label="Why the version should end although this application has not moved",
        widget=forms.Textarea(attrs={"rows": 3}),
        min_length=20,
        max_length=REASON,
        help_text="Governance decides by it, and the application's team reads it.",
    )
    instead = forms.CharField(
        label="What the application does without it",
        widget=forms.Textarea(attrs={"rows": 3}),
        min_length=20,
        max_length=REASON,
    )
    ends_on = forms.DateField(
        label="Last day",
        widget=DAY,
        help_text="The version has to be retired by then; after it the application is waited for again.",
    )
