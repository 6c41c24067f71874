"""The page on which a change that takes something from consumers is proposed; the kinds of upper apps use it too."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render

from consumption import changes
from consumption.change_kinds import KINDS
from consumption.models import ScheduledChange
from marketplace.core.forms import show, submitted


def propose_page(request, model, kind, form_class, **about):
    """What it would be and whom it affects first; then, with the same form, the proposal. Raises Http404 for others.

    form_class  a consumption.forms.ChangeForm, which knows what it becomes.
    about       `plan`, `version` or `subscription`: what the change is about, unless it is the model as a whole.
    """
    behaviour = KINDS[kind]
    if not behaviour.may_propose(request.user, ScheduledChange(kind=kind, model=model, **about)):
        raise Http404
    form = form_class(request.POST or None, model=model, **about)
    is_proposing = request.POST.get("step") == "propose"
    verb = changes.propose if is_proposing else changes.preview

    def run(reason, effective_from, **_):
        return verb(
            request.user,
            kind,
            model=model,
            **about,
            after=form.after(),
            reason=reason,
            effective_from=effective_from,
        )

    done, result = submitted(request, form, run)
    if done and is_proposing:
        waits = result.state == ScheduledChange.State.PROPOSED
        messages.success(
            request,
            "Proposed. Somebody else confirms it."
            if waits
            else "It is in force: nobody loses anything by it.",
        )
        return redirect(result)
    subject = next(iter(about.values()), model)
    context = {
        "model": model,
        "subject": subject,
        "kind": behaviour,
        "notice_days": settings.CHANGE_NOTICE_DAYS,
    }
    if not done:
        return show(request, "consumption/propose.html", form, **context)
    change, losers = result
    context |= {
        "change": change,
        "affected": [(loser, behaviour.cost_then(change, loser)) for loser in losers],
        "differences": behaviour.differences(change),
    }
    return render(request, "consumption/propose.html", {"form": form, **context})
