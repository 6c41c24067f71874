"""Pages of the journey: register, the steps of a version, submission."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog import search
from catalog.actions import register as register_model
from catalog.models import ModelVersion, RegisteredModel
from consumption.actions import offer_plan
from consumption.forms import PlanForm
from consumption.models import Plan
from governance import cards, policies
from governance.actions import assess_risk
from governance.forms import QuestionnaireForm
from marketplace.lib.errors import Invalid
from marketplace.lib.forms import show, submitted
from publishing import actions, steps
from publishing.forms import CardForm, ChangelogForm, DeprecateForm, InterfaceForm, PackageForm, RegisterForm, VersionForm


def home(request):
    """The publisher's own models, what each still needs, and what waits."""
    models = RegisteredModel.objects.filter(owner_team__in=request.user.teams()).for_list().prefetch_related("versions")
    drafts = _own_versions(request).filter(state__in=ModelVersion.EDITABLE).select_related("model").order_by("-created_at")
    under_way = _own_versions(request).filter(state__in=["submitted", "checking", "in_review", "approved"])
    context = {
        "models": models,
        "drafts": drafts,
        "under_way": under_way.select_related("model").prefetch_related("reviews"),
        "can_register": request.user.teams().exists(),
    }
    return render(request, "publishing/home.html", context)


def register(request):
    """A new model. The moment there is a name and a summary, the models that already do this show beside it."""
    form = RegisterForm(request.POST or None, user=request.user)
    similar = _similar(request, request.POST)
    done, model = submitted(request, form, lambda **data: _register(request.user, similar, **data))
    if done:
        messages.success(request, f"{model} is registered. Now its first version.")
        return redirect("publishing:new_version", model.slug)
    return show(request, "publishing/register.html", form, similar=similar)


def similar(request):
    """The panel of models like the one being typed (htmx)."""
    return render(request, "publishing/_similar.html", {"similar": _similar(request, request.GET)})


def new_version(request, slug):
    """Begin a version: its number, and what changed."""
    model = get_object_or_404(RegisteredModel.objects.filter(owner_team__in=request.user.teams()), slug=slug)
    form = VersionForm(request.POST or None, initial={"number": _next_number(model)})
    done, version = submitted(request, form, lambda **data: actions.start_version(request.user, model, **data))
    if done:
        return redirect("publishing:step", model.slug, version.number, "package")
    return show(request, "publishing/version_form.html", form, model=model)


def step(request, slug, number, step):
    """One step of a version's way to submission."""
    version = _own_version(request, slug, number)
    return {
        "package": _package, "interface": _interface, "card": _card, "risk": _risk, "plans": _plans,
        "changelog": _changelog, "submit": _submit,
    }[step](request, version)  # fmt: skip


@require_POST
def withdraw(request, slug, number):
    version = _own_version(request, slug, number)
    actions.withdraw(request.user, version, request.POST.get("reason", ""))
    messages.success(request, f"{version} is withdrawn.")
    return redirect("publishing:home")


def deprecate(request, slug, number):
    """Announce the end of a version, with its successor and the people it will touch."""
    version = get_object_or_404(
        ModelVersion.objects.visible_to(request.user).select_related("model__owner_team"), model__slug=slug, number=number
    )
    form = DeprecateForm(request.POST or None, version=version)
    done, _ = submitted(request, form, lambda **data: actions.deprecate(request.user, version, **data))
    if done:
        messages.success(request, f"{version} is deprecated; its consumers were told.")
        return redirect(version)
    affected = version.model.subscriptions.filter(state__in=["active", "paused"]).select_related("application__team")
    return show(request, "publishing/deprecate.html", form, version=version, affected=affected)


def _package(request, version):
    form = PackageForm(request.POST or None, request.FILES or None)
    done, warnings = submitted(request, form, lambda **data: _take_package(request.user, version, **data))
    if done:
        for warning in warnings or []:
            messages.warning(request, warning)
        messages.success(request, "The package is in. Check what was read from it.")
        return _next(version, "interface")
    return _show_step(request, version, "package", form, artifacts=version.artifacts.all())


def _interface(request, version):
    form = InterfaceForm(request.POST or None, initial=InterfaceForm.of(version))
    done, _ = submitted(request, form, lambda **data: _describe(request.user, version, **data))
    if done:
        messages.success(request, "Signature, example and service level are kept.")
        return _next(version, "card")
    return _show_step(request, version, "interface", form)


def _card(request, version):
    section = request.GET.get("section") or cards.SECTIONS[0].id
    form = CardForm(request.POST or None, section=section, data=version.card.data)
    done, _ = submitted(request, form, lambda values: actions.edit_card(request.user, version, values))
    if done:
        messages.success(request, "Kept.")
        return redirect(f"{_step_url(version, 'card')}?section={_following_section(section)}")
    context = {
        "sections": [s for s in cards.SECTIONS if any(f.section == s.id and f.source != "auto" for f in cards.FIELDS)],
        "section": next((s for s in cards.SECTIONS if s.id == section), cards.SECTIONS[0]),
        "completeness": policies.card_completeness(version),
    }
    return _show_step(request, version, "card", form, **context)


def _risk(request, version):
    form = QuestionnaireForm(request.POST or None, answers=policies.answers_of(version))
    done, assessment = submitted(request, form, lambda answers: assess_risk(request.user, version, answers))
    if done:
        messages.success(request, f"Risk tier: {assessment.tier}.")
        return redirect(_step_url(version, "risk"))
    return _show_step(request, version, "risk", form, assessment=version.assessments.first())


def _plans(request, version):
    slug = request.GET.get("plan", "standard")
    plan = Plan.objects.filter(model=version.model, slug=slug).first()
    form = PlanForm(request.POST or None, instance=plan or Plan(model=version.model, slug=slug, name="Standard"))
    done, _ = submitted(request, form, lambda **terms: offer_plan(request.user, version.model, slug=slug, **terms))
    if done:
        messages.success(request, "The plan is offered.")
        return _next(version, "submit")
    return _show_step(request, version, "plans", form, plans=version.model.plans.all())


def _changelog(request, version):
    form = ChangelogForm(request.POST or None, initial={"changelog": version.changelog})
    done, _ = submitted(request, form, lambda changelog: actions.edit_changelog(request.user, version, changelog))
    return _next(version, "submit") if done else _show_step(request, version, "changelog", form)


def _submit(request, version):
    if request.method == "POST":
        actions.submit(request.user, version)
        messages.success(request, f"{version} is submitted. The checks run now; reviewers are told when they pass.")
        return redirect(f"{version.model.get_absolute_url()}?version={version.number}")
    return _show_step(request, version, "submit", None, required_reviews=_required_reviews(version))


def _show_step(request, version, current, form, **context):
    context |= {"version": version, "model": version.model, "steps": steps.of(version, current), "step": current}
    return show(request, f"publishing/step_{current}.html", form, **context)


def _take_package(by, version, *, file, external_url):
    if file:
        return actions.upload(by, version, file.temporary_file_path(), file.name)
    return actions.name_endpoint(by, version, external_url)


def _describe(by, version, *, signature, example, **sla):
    actions.describe_interface(by, version, signature, example)
    actions.promise_sla(by, version, **sla)


def _register(by, similar, **data):
    if similar and len(data["similar_reason"].strip()) < 20:
        raise Invalid(
            "Models like this exist already (see beside the form). Say why another one is needed.", field="similar_reason"
        )
    return register_model(by, **data)


def _similar(request, data):
    everything = RegisteredModel.objects.visible_to(request.user).published().for_list()
    return search.similar_to(everything, data.get("name", ""), data.get("summary", ""))


def _required_reviews(version):
    if version.risk_tier in ("", "prohibited"):
        return []
    return policies.required_reviews(version)


def _own_versions(request):
    return ModelVersion.objects.filter(model__owner_team__in=request.user.teams())


def _own_version(request, slug, number):
    versions = _own_versions(request).select_related("model__owner_team", "card")
    return get_object_or_404(versions, model__slug=slug, number=number)


def _next_number(model):
    latest = model.versions.newest_first().first()
    return f"{latest.major}.{latest.minor + 1}.0" if latest else "1.0.0"


def _following_section(section):
    ids = [s.id for s in cards.SECTIONS if any(f.section == s.id and f.source != "auto" for f in cards.FIELDS)]
    return ids[min(ids.index(section) + 1, len(ids) - 1)] if section in ids else ids[0]


def _step_url(version, name):
    return reverse("publishing:step", args=[version.model.slug, version.number, name])


def _next(version, name):
    return redirect(_step_url(version, name))
