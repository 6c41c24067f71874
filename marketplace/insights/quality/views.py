"""Pages of quality reviews: the list, one review with its checklist and findings."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link, Tab
from marketplace.insights.models import QualityFinding, QualityReview
from marketplace.insights.models.quality import READS_REVIEWS
from marketplace.insights.quality import actions
from marketplace.insights.quality.checklist import ANSWERS, BY_ID
from marketplace.insights.quality.forms import MendedForm, ReviewForm
from marketplace.insights.quality.permissions import can_mend, can_review_quality

PAGE_SIZE = 25
SHOWN = {"": "Open", "mine": "Mine", "done": "Done"}


def quality_reviews(request: PageRequest) -> HttpResponse:
    """What is reviewed in this quarter and what was found before; 404 for who has nothing to see."""
    seen = QualityReview.objects.visible_to(request.user)
    if not (request.user.has_role(*READS_REVIEWS) or seen.exists()):
        raise Http404
    chosen = request.GET.get("show", "")
    state = QualityReview.State.DONE if chosen == "done" else QualityReview.State.OPEN
    reviews = seen.filter(state=state)
    if chosen == "mine":
        reviews = reviews.filter(reviewer=request.user)
    context = {
        "page_obj": Paginator(reviews.for_list(), PAGE_SIZE).get_page(request.GET.get("page")),
        "tabs": [Tab(label, f"?show={name}", name == chosen) for name, label in SHOWN.items()],
    }
    return render(request, "insights/quality_reviews.html", context)


def quality_review(request: PageRequest, pk: int) -> HttpResponse:
    """One review: the checklist to fill in, or what was answered and found."""
    seen = QualityReview.objects.visible_to(request.user)
    review = get_object_or_404(seen.for_list(), pk=pk)
    may_review = can_review_quality(request.user, review.model)
    form = ReviewForm(request.POST or None)
    if request.method == "POST":
        require(may_review, *actions.OTHERS)
    done, _ = submitted(
        request, form, lambda **_: actions.complete(request.user, review, **form.arguments())
    )
    if done:
        messages.success(request, "Written down. The team learns what is to be mended.")
        return redirect(review)
    words = dict(ANSWERS)
    return show(
        request,
        "insights/quality_review.html",
        form,
        review=review,
        may_review=may_review,
        may_mend=can_mend(request.user, review.model),
        answered=[
            (BY_ID[name].asks, words[given["answer"]], given["note"])
            for name, given in review.answers.items()
            if name in BY_ID
        ],
        mended_form=MendedForm(),
        trail=[Link("Quality reviews", reverse("insights:quality_reviews"))],
    )


@require_POST
def change_quality_finding(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """The publisher says that it is mended; a reviewer confirms it or sends it back."""
    seen = QualityFinding.objects.visible_to(request.user).select_related("review__model")
    finding = get_object_or_404(seen, pk=pk)
    if verb == "report":
        form = MendedForm(request.POST)
        if not form.is_valid():
            raise Invalid("Say in at least 20 characters what was done.", field="text")
        actions.report_mended(request.user, finding, **form.cleaned_data)
    elif verb in ("confirm", "return"):
        actions.confirm_mended(request.user, finding, is_mended=verb == "confirm")
    else:
        raise Http404
    messages.success(request, "Saved.")
    return redirect(finding.review)


urlpatterns = [
    path("quality-reviews/", quality_reviews, name="quality_reviews"),
    path("quality-reviews/<int:pk>/", quality_review, name="quality_review"),
    path(
        "quality-findings/<int:pk>/<slug:verb>/",
        change_quality_finding,
        name="change_quality_finding",
    ),
]
