"""The page of controls: each clause, the rule that serves it and its evidence; who verified which source."""

from dataclasses import dataclass
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from governance import actions, control_evidence, controls, policies
from governance.control_evidence import Evidence
from governance.controls import Control, Source
from governance.models import SEES_ROLES, SourceVerification
from governance.permissions import can_verify_sources
from marketplace.accounts.requests import PageRequest
from marketplace.core.field_limits import REASON
from marketplace.core.forms import show, submitted

FRESH = timedelta(days=365)  # a source is looked at again after a year


@dataclass(frozen=True)
class SourceRow:
    """A source with its controls and their evidence (None: none yet), and who verified it last."""

    source: Source
    controls: list[tuple[Control, Evidence | None]]
    verified: SourceVerification | None
    is_stale: bool


class VerificationForm(forms.Form):
    source = forms.ChoiceField(choices=[(one.id, one.name) for one in controls.SOURCES])
    applies_from = forms.DateField(
        required=False,
        label="Applies to us from",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    note = forms.CharField(
        label="What you looked at",
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="At least 20 characters. Auditors read it.",
    )


def control_list(request: PageRequest) -> HttpResponse:
    """Controls by source; who may verifies a source here."""
    if not request.user.has_role(*SEES_ROLES):
        raise Http404
    form = VerificationForm(request.POST or None)
    done, _ = submitted(request, form, lambda **given: actions.verify_source(request.user, **given))
    if done:
        messages.success(request, "Recorded.")
        return redirect("governance:controls")
    may_verify = can_verify_sources(request.user)
    return show(request, "governance/controls.html", form, rows=_rows(), may_verify=may_verify)


def _rows() -> list[SourceRow]:
    evidence = control_evidence.gather()
    lists = policies.in_force().texts["review_matrix"]["checklists"]
    every = [*controls.CONTROLS, *controls.of_checklists(lists)]
    newest = {
        row.source: row
        for row in SourceVerification.objects.order_by("source", "-at", "-id")
        .distinct("source")
        .select_related("by")
    }
    old = timezone.now() - FRESH
    return [
        SourceRow(
            source,
            [(one, evidence.get(one.evidence)) for one in every if one.source == source.id],
            verified := newest.get(source.id),
            verified is not None and verified.at < old,
        )
        for source in controls.SOURCES
    ]
