"""Forms of the journey."""

import json
import re

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join

from catalog.models import ModelVersion, RegisteredModel, ReuseDecision, SearchRecord
from governance.models import Amendment
from marketplace.accounts.models import User
from marketplace.core.field_limits import PROSE
from marketplace.core.forms import JSONField, LineField
from publishing import card_import
from publishing.packages.limits import COLUMNS
from publishing.signature_import import LONGEST_PASTE


class RegisterForm(forms.ModelForm):
    """A new catalog entry. `similar_reason` is asked for when models like it exist."""

    slug = LineField(
        required=False,
        max_length=60,
        label="Address",
        help_text="The end of its web address: a–z, 0–9 and hyphens. Empty: made from the name, when that has Latin letters.",
    )
    tags = LineField(
        required=False,
        max_length=500,
        help_text="Words people will search for, separated by commas.",
    )

    class Meta:
        model = RegisteredModel
        fields = [
            "owner_team",
            "name",
            "summary",
            "description",
            "limitations",
            "domain",
            "capability",
            "model_type",
            "tags",
            "owner",
            "support_contact",
            "support_hours",
            "visibility",
            "similar_reason",
            "search_record",
        ]
        labels = {"search_record": "Search before build"}
        widgets = {
            "summary": forms.TextInput(attrs={"maxlength": 200}),
            "description": forms.Textarea(attrs={"rows": 4}),
            "limitations": forms.Textarea(attrs={"rows": 3}),
            "similar_reason": forms.Textarea(attrs={"rows": 2}),
        }
        help_texts = {
            "summary": "One sentence: what it takes, what it gives, for whom.",
            "owner": "The person who answers for it.",
            "support_contact": "A mailbox or channel, not a person.",
            "similar_reason": "Needed when models like this exist: why another one?",
            "search_record": "The record that says that your team builds it.",
        }

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        teams = user.teams()
        records = SearchRecord.objects.valid().filter(team__in=teams)
        self.fields["search_record"].queryset = records.exclude(decision=ReuseDecision.REUSE)
        self.fields["owner_team"].queryset = teams
        self.fields["owner_team"].empty_label = None
        self.fields["owner"].queryset = User.objects.on_teams(teams)
        self.fields["owner"].initial = user
        _offer_terms(self)

    def clean_tags(self):
        return [
            tag.strip().lower()[:30] for tag in self.cleaned_data["tags"].split(",") if tag.strip()
        ][:12]

    def clean_summary(self):
        summary = self.cleaned_data["summary"].strip()
        if len(summary) < 30:
            raise forms.ValidationError("Say a little more: at least 30 characters.")
        return summary

    def validate_unique(self):
        """The verb checks names: the slug is not the person's choice."""


class EntryForm(RegisterForm):
    """What a registered model's entry says. Facts that reviewers relied on come with a reason and how heavy the change is."""

    weight = forms.ChoiceField(
        label="How much changes",
        choices=Amendment.Weight.choices,
        initial=Amendment.Weight.FACTS,
        required=False,
        widget=forms.RadioSelect,
        help_text="Spelling: no word and no number differs, one curator looks. Facts: reviewed as the model was.",
    )
    slug = None  # an address stays
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed when a reviewed fact changes. Reviewers and consumers read it; at least 20 characters.",
    )

    class Meta(RegisterForm.Meta):
        fields = [
            name for name in RegisterForm.Meta.fields if name not in ("owner_team", "visibility")
        ]

    def __init__(self, *args, instance, **kwargs):
        forms.ModelForm.__init__(
            self, *args, instance=instance, initial={"tags": ", ".join(instance.tags)}, **kwargs
        )
        self.fields["owner"].queryset = User.objects.on_teams([instance.owner_team])
        _offer_terms(self, instance.slug)
        self.is_reviewed = instance.was_submitted()
        if not self.is_reviewed:
            del self.fields["weight"], self.fields["reason"]

    def _post_clean(self):
        """The verbs write: the instance keeps what is stored, so that they can tell what changes."""


def _offer_terms(form: forms.ModelForm, slug: str = "") -> None:
    """Words that are retired are offered to the entry that has them alone."""
    for name in ("domain", "capability", "model_type"):
        field = form.fields[name]
        field.queryset = field.queryset.for_entry(slug)


class VersionForm(forms.Form):
    number = LineField(
        max_length=30, label="Version number", help_text="Major.minor.patch, e.g. 1.0.0"
    )
    changelog = forms.CharField(
        required=False,
        max_length=PROSE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What changed, why, and what consumers notice.",
    )


class PackageForm(forms.Form):
    """One file. `refusal` is a BusinessAnswer about an upload that was never read."""

    file = forms.FileField(
        label="Package file",
        help_text=(
            "One .onnx file, or a .zip or .tar.gz of it with what lies beside it: weights in other files, or an MLflow model directory "
            "with the ONNX flavour."
        ),
    )

    def __init__(self, data=None, files=None, refusal=None):
        super().__init__({} if refusal else data, files)
        most = settings.UPLOAD_MAX_BYTES
        limit = f"A package has at most {filesizeformat(most)}"
        self.fields["file"].help_text += f" {limit}."
        self.fields["file"].widget.attrs |= {
            "data-max-bytes": most,
            "data-too-large": f"{limit}. Choose a smaller file.",
        }
        if refusal:
            self.errors.clear()
            self.add_error("file", refusal.sentences)


class ExternalForm(forms.Form):
    external_url = forms.URLField(
        assume_scheme="https",
        max_length=200,
        label="Address of the endpoint",
        help_text="https; it speaks the Open Inference Protocol v2.",
    )


class InterfaceForm(forms.Form):
    """Signature and example as JSON."""

    signature = JSONField(
        widget=forms.Textarea(attrs={"rows": 16, "class": "mono", "spellcheck": "false"})
    )
    example = JSONField(
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        label="Example request",
    )

    @classmethod
    def of(cls, version):
        """Initial values from a version: indented JSON."""
        return {name: getattr(version, name) for name in ("signature", "example")}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.encoder = Indented


class PasteForm(forms.Form):
    """Columns from somewhere else: what comes of them is a proposal in the table."""

    paste = forms.CharField(
        label="Columns from somewhere else",
        max_length=LONGEST_PASTE,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        error_messages={"required": "Paste something first."},
        help_text=(
            "An MLmodel file, what pandas prints for df.dtypes or df.info(), or a CSV header, with some rows below it if you like."
        ),
    )


class CardImportForm(forms.Form):
    """What to take answers of the card from: the text of a file, or the card of a model that the person may see.

    cleaned_data is {"text", "template"}: one of them, the template a ModelVersion.
    """

    paste = forms.CharField(
        required=False,
        label="Text of a file",
        max_length=card_import.LONGEST,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        help_text="README.md of a Hugging Face model, MLmodel, or CycloneDX as JSON.",
    )
    template = LineField(
        required=False,
        max_length=60,
        label="Or another model as template",
        help_text="The end of its web address. Its summary and its facts about its own files are left out.",
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_template(self):
        """A version of the named model whose card the person may read; None without a name."""
        slug = self.cleaned_data["template"].strip()
        if not slug:
            return None
        seen = ModelVersion.objects.visible_to(self.user).filter(model__slug=slug)
        version = seen.select_related("model", "card").newest_first().first()
        if version is None:
            raise forms.ValidationError("There is no model of this address that you may see.")
        return version

    def clean(self):
        given = super().clean()
        text, template = given.get("paste"), given.get("template")
        if not (text or template or self.errors):
            self.add_error("paste", "Choose a file, paste its text, or name a model.")
        return {"text": text or "", "template": template}


class ColumnNames(forms.Widget):
    """A table with one text box for each column, in the order of the graph. A pasted CSV header in one box names several."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def render(self, name, value, attrs=None, renderer=None):
        names = (value or "").split("\n")
        rows = [
            (at + 1, name, at + 1, f"{attrs['id']}_{at}", names[at] if at < len(names) else "")
            for at in range(self.width)
        ]
        row = (
            '<tr><th scope="row">{}</th><td><input type="text" name="{}" aria-label="Name of column {}" id="{}" value="{}"'
            ' autocomplete="off" spellcheck="false"></td></tr>'
        )
        return format_html(
            '<table class="table table-dense"><thead><tr><th scope="col">Column</th><th scope="col">Name</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            format_html_join("", row, rows),
        )

    def id_for_label(self, id_):
        return f"{id_}_0"

    def value_from_datadict(self, data, files, name):
        given = data.getlist(name) if hasattr(data, "getlist") else [data.get(name, "")]
        return "\n".join(given)


class ColumnsForm(forms.Form):
    """What an input tensor of several values a row is."""

    tensor = forms.CharField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        choices=[
            ("tensor", "One tensor, as an embedding or a vector is"),
            ("columns", "Columns, each with a meaning of its own"),
        ],
        widget=forms.RadioSelect,
        label="What is it?",
        initial="tensor",
    )
    names = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        label="Names of the columns",
        help_text="In the order of training, separated by commas or lines.",
    )

    def __init__(self, *args, tensor="", width=0, **kwargs):
        is_table = 0 < width <= COLUMNS
        initial = {"tensor": tensor, "kind": "columns" if is_table else "tensor"}
        super().__init__(
            *args, **{"auto_id": f"id_{tensor or 'columns'}_%s", "initial": initial} | kwargs
        )
        if is_table:
            self.fields["names"].widget = ColumnNames(width)
            self.fields[
                "names"
            ].help_text = "In the order of training. Paste a CSV header to name several at once."
        self.asked_about, self.width = (
            tensor,
            width,
        )  # not `tensor`: a template finds the field of that name first

    def clean(self):
        given = super().clean()
        names = [
            name.strip() for name in re.split(r"[,\n]", given.get("names", "")) if name.strip()
        ]
        if given.get("kind") == "columns" and not names:
            self.add_error("names", "Name the columns.")
        return {
            "tensor": given.get("tensor", ""),
            "columns": names if given.get("kind") == "columns" else None,
        }


class SlaForm(forms.Form):
    """The service level that is promised."""

    availability = forms.ChoiceField(
        choices=[("99.0", "99.0 %"), ("99.5", "99.5 %"), ("99.9", "99.9 %")]
    )
    p95_ms = forms.IntegerField(
        min_value=1, max_value=60_000, label="95 % answered within", help_text="milliseconds"
    )
    rps = forms.IntegerField(min_value=1, max_value=100_000, label="Requests a second")
    support = LineField(max_length=80, label="Support hours", initial="Office hours")
    timeout_s = forms.IntegerField(
        min_value=1,
        max_value=300,
        required=False,
        label="Longest answer",
        help_text="seconds; 30 unless you say otherwise. A call that takes longer is ended, and the process that hangs on it is replaced",
    )


class Indented(json.JSONEncoder):
    """JSON that people can read in a text area."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"indent": 2, "ensure_ascii": False})


class ChangelogForm(forms.Form):
    changelog = forms.CharField(
        required=False,
        max_length=PROSE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What changed, why, and what consumers notice. Needed from the second version on.",
    )
