"""Forms of budgets."""

from typing import Any

from django import forms

from consumption.statements.forms import MonthField
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core.forms import LineField
from marketplace.core.money import to_micros


class BudgetForm(forms.Form):
    """One of unit, team or cost centre; who does not keep the books chooses among their teams."""

    unit = forms.ModelChoiceField(
        BusinessUnit.objects.current(),
        required=False,
        to_field_name="slug",
        label="Business unit",
        empty_label="Choose a unit",
    )
    team = forms.ModelChoiceField(
        Team.objects.all(), required=False, to_field_name="slug", empty_label="Choose a team"
    )
    cost_centre = LineField(max_length=20, required=False, label="Cost centre")
    amount = forms.DecimalField(min_value=0, max_digits=16, decimal_places=2, label="A month, USD")
    is_hard = forms.BooleanField(
        required=False,
        label="Hard: pause calls that cost something when it is used up",
        help_text="Calls are refused within minutes; free plans go on.",
    )
    from_month = MonthField(label="From")

    def __init__(self, *args: Any, user: User, keeps_the_books: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not keeps_the_books:
            del self.fields["unit"], self.fields["cost_centre"]
            self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
            self.fields["team"].required = True

    def facts(self) -> dict[str, Any]:
        """What was typed, as actions.budgets.set_budget takes it."""
        typed = {name: value for name, value in self.cleaned_data.items() if name != "amount"}
        return typed | {"amount_micros": to_micros(self.cleaned_data["amount"])}
