"""Forms of the organisation."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core.decisions import REASON_MIN
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.organisation.actions import imports, invitations, moves, people, teams, units

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PersonField(LineField):
    """An active person, by the name with which they sign in or their e-mail address."""

    def __init__(self, **kwargs: Any) -> None:
        usual: dict[str, Any] = {
            "max_length": 254,
            "help_text": "The name with which they sign in, or their e-mail.",
        }
        super().__init__(**usual | kwargs)

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if not typed:
            return None
        people = User.objects.filter(is_active=True, is_system=False)
        known = people.filter(Q(username__iexact=typed) | Q(email__iexact=typed)).first()
        if known is None:
            raise forms.ValidationError(
                "No active person signs in with this name or has this address.", code="unknown"
            )
        return known


def _reason(readers: str) -> forms.CharField:
    return forms.CharField(
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=f"At least {REASON_MIN} characters: {readers}.",
    )


class UnitForm(forms.Form):
    """A new business unit."""

    name = LineField(
        max_length=units.NAME_MAX,
        help_text="Its address is made from it and stays, whatever it is called later.",
    )
    has_ai = forms.BooleanField(
        required=False,
        label="It had models in use before the marketplace",
        help_text="Growth is counted from here; it is said once.",
    )


class UnitNameForm(forms.Form):
    """Another name of a unit."""

    name = LineField(max_length=units.NAME_MAX)


class ReasonForm(forms.Form):
    """Why it is done, for the record."""

    reason = _reason(people.READERS)


class TeamForm(forms.Form):
    """What is said of a team; `administers` also where it books."""

    name = LineField(max_length=teams.NAME_MAX)
    email = forms.EmailField(required=False, label="E-mail", help_text="Of the whole team.")
    contact = LineField(
        max_length=120,
        required=False,
        label="Other contact",
        help_text="A chat channel, a page, a phone number.",
    )
    is_ai_team = forms.BooleanField(
        required=False,
        label="The team builds models",
        help_text="Insights count which of these teams publish.",
    )
    cost_centre = LineField(max_length=20, required=False, label="Cost centre")

    def __init__(self, *args: Any, administers: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not administers:
            del self.fields["cost_centre"]


class NewTeamForm(TeamForm):
    """A new team, with its unit and who leads it."""

    field_order = ["name", "unit", "lead"]

    unit = forms.ModelChoiceField(
        BusinessUnit.objects.current(),
        to_field_name="slug",
        empty_label="Choose a unit",
        label="Business unit",
    )
    lead = PersonField(label="Lead", required=False)


class MoveForm(forms.Form):
    """To which unit a team goes, and when."""

    unit = forms.ModelChoiceField(
        BusinessUnit.objects.current(),
        to_field_name="slug",
        empty_label="Choose a unit",
        label="To the business unit",
    )
    begins_on = forms.DateField(
        label="From",
        widget=DAY,
        help_text=f"A day (UTC), today or at most {moves.FURTHEST.days} days ahead.",
    )
    reason = _reason("the team and finance read it")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"begins_on": timezone.now().date()}} | kwargs)


class MemberForm(forms.Form):
    """Who comes onto a team."""

    user = PersonField(label="Person")
    is_lead = forms.BooleanField(required=False, label="As a lead")


class LeavingForm(forms.Form):
    """A word to the person, when somebody is taken off a team."""

    reason = LineField(max_length=200, required=False, label="A word to them")


class JoinForm(forms.Form):
    """Which team somebody wants to join, and a word for its lead."""

    team = forms.ModelChoiceField(
        Team.objects.select_related("business_unit").order_by("name"),
        to_field_name="slug",
        empty_label="Choose a team",
    )
    words = LineField(
        label="A word for its lead",
        max_length=200,
        required=False,
        help_text="Who you are and what you do.",
    )


class RequestForm(forms.Form):
    """The answer to who wants to join."""

    outcome = forms.ChoiceField(
        label="Answer",
        widget=forms.RadioSelect,
        choices=[("accepted", "Add to the team"), ("declined", "Decline")],
    )
    reason = forms.CharField(
        max_length=REASON,
        required=False,
        label="A word to them",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed when you decline; the person reads it.",
    )


class PersonForm(forms.Form):
    """Facts of a person."""

    display_name = LineField(max_length=80, label="Name")
    email = forms.EmailField(label="E-mail")
    job_title = LineField(max_length=80, required=False, label="Job title")


class NewPersonForm(PersonForm):
    """A person before their first sign-in."""

    username = LineField(
        max_length=people.USERNAME_MAX,
        required=False,
        label="Signs in as",
        help_text="Made from the e-mail address when left empty.",
    )
    invites = forms.BooleanField(
        required=False,
        label="Send a letter with which they choose a password",
        initial=True,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not invitations.has_local_passwords():
            del self.fields["invites"]


class ImportForm(forms.Form):
    """People and teams as a table."""

    table = forms.CharField(
        max_length=imports.MOST_CHARACTERS,
        label="Rows as CSV",
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false"}),
        help_text=f"First row: {', '.join(imports.COLUMNS)}. At most {imports.MOST_ROWS} people.",
    )
