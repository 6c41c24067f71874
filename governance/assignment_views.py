"""Pages of assignment: claim a review, hand it over, be away."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from governance import actions
from governance.forms import AbsenceForm, HandOverForm
from governance.models import Absence, Review
from governance.permissions import can_hand_over, can_review
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require


@require_POST
def claim(request: PageRequest, pk: int) -> HttpResponse:
    review = get_object_or_404(Review.objects.visible_to(request.user), pk=pk)
    actions.claim(request.user, review)
    messages.success(request, f"You have it: {review}.")
    return redirect("governance:review", pk)


def hand_over(request: PageRequest, pk: int) -> HttpResponse:
    """Give a review to somebody else who may decide it."""
    review = get_object_or_404(Review.objects.visible_to(request.user).for_queue(), pk=pk)
    require(
        can_hand_over(request.user, review),
        "Who has a review, or the governance lead, hands it over.",
        ask="the governance lead",
    )
    others = [user for user in actions.candidates(review) if user.pk != review.assignee_id]
    form = HandOverForm(request.POST or None, candidates=others)
    done, _ = submitted(
        request, form, lambda **data: actions.hand_over(request.user, review, **data)
    )
    if done:
        messages.success(request, f"Handed over: {review}.")
        return redirect("governance:queue")
    return show(request, "governance/hand_over.html", form, review=review, others=others)


def away(request: PageRequest) -> HttpResponse:
    """The person's absences to come, and the form for another one."""
    if not can_review(request.user):
        raise Http404
    form = AbsenceForm(request.POST or None)
    done, _ = submitted(request, form, lambda **data: actions.be_away(request.user, **data))
    if done:
        messages.success(request, "Noted. From the first day on, others get what you have.")
        return redirect("governance:away")
    absences = Absence.objects.visible_to(request.user).for_page()
    return show(request, "governance/away.html", form, absences=absences)


@require_POST
def cancel(request: PageRequest, pk: int) -> HttpResponse:
    absence = get_object_or_404(Absence.objects.visible_to(request.user), pk=pk)
    actions.cancel_absence(request.user, absence)
    messages.success(request, "Cancelled.")
    return redirect("governance:away")
