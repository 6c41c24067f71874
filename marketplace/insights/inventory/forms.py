"""Forms of the inventory."""

from typing import Any

from django import forms

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.inventory.campaigns import MOST_MODELS
from marketplace.insights.models import ImportKind, ProductionModel
from marketplace.insights.models.inventory import IMPORT_MAX, TITLE_MAX

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ProductionModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is known of a model in production."""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True, is_system=False),
        to_field_name="username",
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 150}),
        label="Owner",
        help_text="The sign-in name of the person who answers for it.",
        error_messages={"invalid_choice": "There is nobody of this name."},
    )

    class Meta:
        model = ProductionModel
        fields = [
            "name",
            "description",
            "business_unit",
            "owner_team",
            "owner",
            "risk_tier",
            "in_production_since",
            "registry_name",
        ]
        widgets = {"in_production_since": DAY, "description": forms.Textarea(attrs={"rows": 4})}
        help_texts = {
            "description": "What it does: listings are suggested by it.",
            "registry_name": "What the model registry calls it; an import finds it again by this.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.owner_id:
            self.initial["owner"] = self.instance.owner.username

    def _post_clean(self) -> None:
        """The verb judges and writes the row."""


class MatchForm(forms.Form):
    """The listing that is this model."""

    model = forms.ModelChoiceField(
        RegisteredModel.objects.none(),
        to_field_name="slug",
        widget=forms.TextInput(attrs={"maxlength": 80}),
        label="Another listing",
        help_text="The end of its address.",
        error_messages={"invalid_choice": "There is no published model at that address."},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = RegisteredModel.objects.visible_to(user).published()
        self.fields["model"].queryset = seen  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        max_length=REASON, label="Why", widget=forms.Textarea(attrs={"rows": 3})
    )


class ExceptionForm(ReasonForm):
    """Why it need not be published, and until when."""

    until = forms.DateField(widget=DAY, label="Until", help_text="The last day, within a year.")


class ImportForm(forms.Form):
    """A file, or its text."""

    kind = forms.ChoiceField(choices=ImportKind.choices, label="What it is")
    file = forms.FileField(
        required=False,
        label="File",
        help_text=f"UTF-8, at most {IMPORT_MAX // 1024} KiB and 1,000 models.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono"}),
    )
    business_unit = forms.ModelChoiceField(
        BusinessUnit.objects.all(),
        required=False,
        empty_label="None",
        label="Business unit of rows that name none",
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        file = given.pop("file", None)
        if file is not None:
            given["text"] = self._decoded(file)
        return given

    def _decoded(self, file: Any) -> str:
        if file.size > 4 * IMPORT_MAX:
            self.add_error("file", f"The file has more than {IMPORT_MAX // 1024} KiB.")
            return ""
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", "The file is not UTF-8. Save it as “CSV UTF-8”.")
            return ""


class CampaignForm(forms.Form):
    """Which models are to be published, and until when."""

    title = LineField(max_length=TITLE_MAX, label="Title")
    until = forms.DateField(widget=DAY, label="Until")
    text = forms.CharField(
        max_length=REASON,
        required=False,
        label="What the owners read",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    models = forms.ModelMultipleChoiceField(
        ProductionModel.objects.none(),
        label="Models",
        widget=forms.CheckboxSelectMultiple,
        help_text=f"Those that are missing, at most {MOST_MODELS}.",
    )

    def __init__(self, *args: Any, missing: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["models"]
        field.queryset = missing
        field.label_from_instance = _label


def _label(entry: ProductionModel) -> str:
    return f"{entry.name} ({entry.owner_team or entry.business_unit})"
