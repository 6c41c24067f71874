"""Forms of batch evaluations: bring a file, say what its columns are, read it another way."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from catalog.models import Alias, ModelVersion, RegisteredModel
from consumption.evaluations import mapping as evaluation_mapping
from consumption.evaluations.mapping import Mapping, NeededInput
from consumption.models import BatchEvaluation, DataClass
from governance import benchmarks
from marketplace.accounts.models import Team, User
from marketplace.core.forms import LineField

OFFERED = 8  # versions to tick; any other one is named
KEEP = (
    (0, "As soon as the run has ended"),
    (7, "7 days after the run begins"),
    (30, "30 days after the run begins"),
)
TASKS = (
    ("", "As its values suggest"),
    ("binary", "Yes or no"),
    ("multiclass", "One of several classes"),
    ("regression", "An amount"),
)
ENCODINGS = (("", "Guess"), ("utf-8", "UTF-8"), ("utf-16", "UTF-16"), ("latin-1", "Latin-1"))
DELIMITERS = (
    ("", "Guess"),
    ("comma", "Comma"),
    ("semicolon", "Semicolon"),
    ("tab", "Tab"),
    ("pipe", "Vertical bar"),
)
DECIMALS = (("", "Guess"), (".", "Point, 1.5"), (",", "Comma, 1,5"))


def can_answer(user: User) -> Any:
    """The live versions with a stored graph that the person may see: a queryset of ModelVersion."""
    versions = ModelVersion.objects.visible_to(user).callable()
    return versions.exclude(kind=ModelVersion.Kind.EXTERNAL).select_related("model__owner_team")


def offered(user: User, model: RegisteredModel | None) -> list[ModelVersion]:
    """What is worth a comparison: the model's own versions, then those of its capability; without a model the most called ones."""
    versions = can_answer(user)
    if model is None:
        return list(versions.order_by("-model__calls_30d", "model__name", "-id")[:OFFERED])
    own = list(versions.filter(model=model).newest_first()[:3])
    near = versions.filter(model__capability=model.capability).exclude(model=model)
    others = near.order_by("-model__calls_30d", "model__name", "-id")
    return own + list(others[: OFFERED - len(own)])


class UploadForm(forms.Form):
    """A file, what its data is, who may answer it. What the data is comes first: some of it is not taken."""

    data_class = forms.ChoiceField(
        label="What is in the file?",
        choices=DataClass,
        widget=forms.RadioSelect,
        help_text="Special categories are health, origin, belief, union, sex life, genes and biometrics: they are not taken.",
    )
    file = forms.FileField(
        help_text="CSV, Excel (.xlsx) or Parquet, names of columns in the first line."
    )
    name = LineField(max_length=80, help_text="So that your team finds it again.")
    team = forms.ModelChoiceField(queryset=Team.objects.none(), empty_label=None)
    versions = forms.ModelMultipleChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Models that answer",
        help_text="Up to five, on identical rows. The first one is what the others are compared with.",
    )
    others = LineField(
        required=False,
        max_length=400,
        label="Other models",
        help_text="By address, parted by commas: income-verification, or income-verification/2.0.0 for one version.",
    )
    keep_days = forms.TypedChoiceField(
        label="Delete rows and answers",
        choices=KEEP,
        coerce=int,
        widget=forms.RadioSelect,
        initial=7,
    )

    def __init__(
        self,
        *args: Any,
        user: User,
        model: RegisteredModel | None,
        picked: Sequence[ModelVersion] = (),
        **kwargs: Any,
    ):
        """`picked`: versions to compare, which are ticked; the first one is what the others are compared with."""
        super().__init__(*args, **kwargs)
        self.user, self.model = user, model
        others = offered(user, model or (picked[0].model if picked else None))
        shown = list(dict.fromkeys([*picked, *others]))
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
        versions: Any = self.fields["versions"]
        versions.queryset = can_answer(user)
        versions.widget.choices = [(version.pk, str(version)) for version in shown]
        if picked and not self.is_bound:
            self.initial["versions"] = [version.pk for version in picked]
        elif model is not None and shown and not self.is_bound:
            stable = [version for version in shown if version == model.stable]
            self.initial["versions"] = [(stable or shown)[0].pk]
        most = filesizeformat(settings.EVALUATION_MAX_BYTES)
        self.fields["file"].help_text += f" At most {most}, 200,000 rows, 500 columns."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "versions" in data and "others" in data:
            data["versions"] = self._ordered(data["versions"]) + self._named(data["others"])
            if not data["versions"]:
                self.add_error("versions", "Choose at least one model.")
        data.pop("others", None)
        return data

    def _ordered(self, chosen: Iterable[ModelVersion]) -> list[ModelVersion]:
        """The model that one came from first, then as they were shown."""
        versions: Any = self.fields["versions"]
        places = {pk: place for place, (pk, _) in enumerate(versions.widget.choices)}
        return sorted(chosen, key=lambda version: places.get(version.pk, OFFERED))

    def _named(self, text: str) -> list[ModelVersion]:
        names = [name.strip().strip("/") for name in text.split(",") if name.strip()]
        found = []
        for name in names[: 2 * OFFERED]:
            version = named_version(self.user, name)
            if version is None:
                self.add_error("others", f"There is no live model {name} that you may see.")
            else:
                found.append(version)
        return found


def named_version(user: User, name: str) -> ModelVersion | None:
    """The live version of `slug/number`, or the current one of `slug`, among those that the person may see; also external ones,
    so that their refusal says why."""
    slug, _, number = name.partition("/")
    versions = ModelVersion.objects.visible_to(user).callable().filter(model__slug=slug.lower())
    versions = versions.select_related("model__owner_team")
    if number:
        named: ModelVersion | None = versions.filter(number=number.lower()).first()
        return named
    stable = versions.filter(aliases__name=Alias.STABLE).first()
    newest: ModelVersion | None = stable or versions.newest_first().first()
    return newest


class MappingForm(forms.Form):
    """A column for each input, guessed by name; the truth, groups and weight; what to compare."""

    label = forms.ChoiceField(
        required=False,
        label="Truth",
        help_text="What really came out. Without it you see answers, and no metrics.",
    )
    task = forms.ChoiceField(required=False, choices=TASKS, label="The truth is")
    positive = LineField(
        required=False,
        max_length=60,
        label="Value that means yes",
        help_text="Of a truth that is yes or no; empty: as its values suggest.",
    )
    group_1 = forms.ChoiceField(required=False, label="Group")
    group_2 = forms.ChoiceField(required=False, label="Another group")
    group_3 = forms.ChoiceField(required=False, label="A third group")
    weight = forms.ChoiceField(
        required=False, label="Weight", help_text="How many cases a row stands for."
    )
    pseudonyms = forms.MultipleChoiceField(
        required=False,
        label="Replace values by pseudonyms",
        widget=forms.CheckboxSelectMultiple,
        help_text="Before anything is kept: the same value gets the same pseudonym, so groups stay. It goes with the key of this upload.",
    )
    confirms_personal = forms.BooleanField(
        required=False, label="Our team may use this personal data for this purpose, here."
    )

    def __init__(self, *args: Any, evaluation: BatchEvaluation, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.evaluation = evaluation
        self.versions = evaluation.evaluated()
        self.needed = evaluation_mapping.needed(self.versions)
        self.names = [column["name"] for column in evaluation.columns]
        before = Mapping.of(evaluation.mapping) if evaluation.mapping else self._guess()
        columns = [(name, name) for name in self.names]
        for number, one in enumerate(self.needed):
            self.fields[f"input_{number}"] = forms.ChoiceField(
                required=False,
                label=one.name,
                choices=[("", "Not given"), *columns],
                initial=before.inputs.get(one.name, ""),
            )
        for name in ("label", "group_1", "group_2", "group_3", "weight"):
            field: Any = self.fields[name]
            field.choices = [("", "None"), *columns]
        self.initial.update(
            label=before.label,
            weight=before.weight,
            task=before.task,
            positive=before.positive,
        )
        self.initial.update({f"group_{at}": name for at, name in enumerate(before.groups, 1)})
        for version in self.versions:
            self._add_output(version, before)
        personal = [column["name"] for column in evaluation.columns if column["personal"]]
        chosen: Any = self.fields["pseudonyms"]
        chosen.choices = [(name, name) for name in personal]
        self.initial["pseudonyms"] = list(before.pseudonyms)
        if not personal:
            del self.fields["confirms_personal"], self.fields["pseudonyms"]

    def _add_output(self, version: ModelVersion, before: Mapping) -> None:
        outputs = [spec["name"] for spec in version.signature["outputs"]]
        if len(outputs) > 1:
            self.fields[f"output_{version.pk}"] = forms.ChoiceField(
                label=f"Answer of {version}",
                choices=[(name, name) for name in outputs],
                initial=before.outputs.get(str(version.pk)) or _benchmark_output(version),
            )

    def _guess(self) -> Mapping:
        inputs = evaluation_mapping.guessed_inputs(self.needed, self.names)
        fits = map(benchmarks.fit_of, self.versions)
        labels = [fit.dataset.label for fit in fits if fit.dataset is not None]
        label = evaluation_mapping.guessed_label(self.names, labels, inputs.values())
        return Mapping(inputs, label)

    @property
    def rows(self) -> list[tuple[NeededInput, forms.BoundField, list[str]]]:
        """(input, its field, what looks personal in the chosen column), for the table."""
        personal = {column["name"]: column["personal"] for column in self.evaluation.columns}
        return [
            (one, self[f"input_{number}"], personal.get(self[f"input_{number}"].value() or "", []))
            for number, one in enumerate(self.needed)
        ]

    @property
    def outputs(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("output_")]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen = {
            one.name: data[f"input_{number}"]
            for number, one in enumerate(self.needed)
            if data.get(f"input_{number}")
        }
        groups = [data.get(f"group_{at}") for at in (1, 2, 3)]
        mapping = Mapping(
            inputs=chosen,
            label=data.get("label", ""),
            groups=tuple(dict.fromkeys(name for name in groups if name)),
            weight=data.get("weight", ""),
            task=data.get("task", ""),
            positive=data.get("positive", ""),
            outputs={
                name.removeprefix("output_"): data[name]
                for name in self.fields
                if name.startswith("output_") and data.get(name)
            },
            pseudonyms=tuple(data.get("pseudonyms", ())),
        )
        return {"mapping": mapping, "confirms_personal": bool(data.get("confirms_personal"))}


def _benchmark_output(version: ModelVersion) -> str:
    dataset = benchmarks.fit_of(version).dataset
    return dataset.output if dataset else ""


class ReadingForm(forms.Form):
    """How the file is read, where the guess was wrong."""

    delimiter = forms.ChoiceField(required=False, choices=DELIMITERS, label="Between cells")
    decimal = forms.ChoiceField(required=False, choices=DECIMALS, label="Decimal sign")
    encoding = forms.ChoiceField(required=False, choices=ENCODINGS)


class CostForm(forms.Form):
    """From which score on a row counts as yes, and what the two errors cost."""

    cutoff = forms.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        label="A row counts as yes from this score on",
        widget=forms.NumberInput(attrs={"type": "range", "min": "0", "max": "1", "step": "0.01"}),
    )
    needless = forms.FloatField(
        min_value=0, max_value=1e12, required=False, label="Cost of a needless yes"
    )
    missed = forms.FloatField(
        min_value=0, max_value=1e12, required=False, label="Cost of a missed yes"
    )

    def chosen(self) -> tuple[float, float, float]:
        """(cut-off, cost of a needless yes, cost of a missed one); what was not said, or cannot be read, is 0.5, 1 and 1."""
        self.is_valid()
        data = self.cleaned_data
        values = (data.get("cutoff"), data.get("needless"), data.get("missed"))
        cutoff, needless, missed = (
            default if value is None else value
            for value, default in zip(values, (0.5, 1.0, 1.0), strict=True)
        )
        return cutoff, needless, missed
