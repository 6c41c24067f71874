"""Pages of the journey: register, the steps of a version, submission."""

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from catalog import search
from catalog.actions import register_after_search
from catalog.models import ModelVersion, RegisteredModel
from consumption.actions import offer_plan
from consumption.forms import PlanForm
from consumption.models import Discussion, Subscription
from governance import contradictions, policies
from governance.actions import current_gates, waived
from governance.models import Amendment, Decision, Review
from marketplace.core import names
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link
from publishing import actions, campaigns, contract_diff, steps
from publishing.forms import (
    ChangelogForm,
    EntryForm,
    ExternalForm,
    PackageForm,
    RegisterForm,
    VersionForm,
)


@dataclass(frozen=True)
class OwnModel:
    """A model of the publisher's teams with its newest version, None before the first."""

    model: RegisteredModel
    newest: ModelVersion | None


@dataclass(frozen=True)
class Task:
    """Something that waits for the publisher, and where it is done."""

    title: str
    text: str
    url: str


@dataclass(frozen=True)
class RequiredReview:
    """A kind of review that follows a submission, and its working days."""

    label: str
    days: int


def home(request):
    """The publisher's own models, what each still needs, and who asks for them."""
    models = list(
        RegisteredModel.objects.filter(owner_team__in=request.user.teams())
        .for_list()
        .prefetch_related("versions")
    )
    own = [OwnModel(model, next(iter(model.versions.all()), None)) for model in models]
    asked = Subscription.objects.filter(model__in=models, state=Subscription.State.PENDING)
    tasks = [*_tasks(own), *_questions(models)]
    context = {"own_models": own, "tasks": tasks, "requests": asked.for_list()}
    return render(request, "publishing/home.html", context)


def register(request):
    """A new model. The moment there is a name and a summary, the models that already do this show beside it."""
    initial = {"search_record": request.GET.get("search_record")}
    form = RegisterForm(request.POST or None, user=request.user, initial=initial)
    similar = _similar(request, request.POST)
    done, model = submitted(
        request, form, lambda **data: register_after_search(request.user, **data)
    )
    if done:
        messages.success(request, f"{model} is registered. Now its first version.")
        return redirect("publishing:new_version", model.slug)
    return show(
        request,
        "publishing/register.html",
        form,
        similar=similar,
        model_type=request.POST.get("model_type"),
    )


def similar(request):
    """The panel of models like the one being typed (htmx)."""
    context = {
        "similar": _similar(request, request.GET),
        "model_type": request.GET.get("model_type"),
    }
    return render(request, "publishing/_similar.html", context)


def new_version(request, slug):
    """Begin a version: its number, and what changed."""
    model = get_object_or_404(
        RegisteredModel.objects.filter(owner_team__in=request.user.teams()), slug=slug
    )
    form = VersionForm(request.POST or None, initial={"number": _next_number(model)})
    done, version = submitted(
        request, form, lambda **data: actions.start_version(request.user, model, **data)
    )
    if done:
        return _next(version, "package")
    return show(request, "publishing/new_version.html", form, model=model)


def entry(request, slug):
    """What the catalog says about a model. Facts that reviewers relied on become an amendment; the rest is saved at once."""
    model = get_object_or_404(
        RegisteredModel.objects.filter(owner_team__in=request.user.teams()), slug=slug
    )
    form = EntryForm(request.POST or None, instance=model)
    done, amendment = submitted(
        request, form, lambda **data: actions.edit_entry(request.user, model, **data)
    )
    if done:
        messages.success(
            request, "Proposed: the entry changes when it is approved." if amendment else "Saved."
        )
        return redirect(amendment or model)
    trail = [Link(model.name, model.get_absolute_url())]
    waiting = model.amendments.filter(state=Amendment.State.OPEN)
    return show(request, "publishing/entry.html", form, model=model, trail=trail, waiting=waiting)


@require_POST
def withdraw(request, slug, number):
    version = own_version(request, slug, number)
    actions.withdraw(request.user, version, request.POST.get("reason", ""))
    messages.success(
        request,
        f"{version} is withdrawn. Its number stays used; the next one is {_next_number(version.model)}.",
    )
    return redirect("publishing:home")


@require_POST
def try_again(request, slug, number):
    """Let the draft answer its example now."""
    version = own_version(request, slug, number)
    result = actions.try_again(request.user, version)
    if result is None:
        messages.warning(
            request,
            "There is nothing to try yet: the package, its signature and an example come first.",
        )
    return _next(version, "interface")


def package(request, slug, number):
    """Upload a package, or name an endpoint that is hosted elsewhere."""
    version = own_version(request, slug, number)
    elsewhere = "external_url" in request.POST
    form = PackageForm(
        None if elsewhere else request.POST or None,
        request.FILES or None,
        refusal=getattr(request, "upload_refusal", None),
    )
    external = ExternalForm(
        request.POST if elsewhere else None, initial={"external_url": version.external_url}
    )
    chosen = external if elsewhere else form
    done, warnings = submitted(
        request, chosen, lambda **data: _take_package(request.user, version, **data)
    )
    if done:
        for warning in warnings or []:
            messages.warning(request, warning)
        messages.success(request, "The package is in. Check what was read from it.")
        following = _step_url(version, "interface")
        return HttpResponseClientRedirect(following) if request.htmx else redirect(following)
    context = {"external_form": external, "artifacts": version.artifacts.all()}
    return show_step(request, version, "package", form, **context)


def plans(request, slug, number):
    """What consumers may choose from."""
    version = own_version(request, slug, number)
    offered = version.model.plans.all()
    form = PlanForm(request.POST or None, initial={"name": "Standard"} if not offered else {})
    done, _ = submitted(request, form, lambda **terms: _offer(request.user, version.model, **terms))
    if done:
        messages.success(request, "The plan is offered.")
        return _next(version, "plans")
    return show_step(request, version, "plans", form, plans=offered)


def submit(request, slug, number):
    """The last look: what is there, what changed, who will judge it."""
    version = own_version(request, slug, number)
    form = ChangelogForm(request.POST or None, initial={"changelog": version.changelog})
    done, _ = submitted(request, form, lambda changelog: _submit(request.user, version, changelog))
    if done:
        messages.success(
            request,
            f"{version} is submitted. The checks run now; reviewers are told when they pass.",
        )
        return _next(version, "submit")
    context = {
        "checklist": steps.checklist(version),
        "gates": current_gates(version) if version.manifest_sha256 else [],
        "waived": waived(version),
        "required_reviews": _required_reviews(version),
        "reviews": version.reviews.select_related("decision__by"),
        "comparisons": contradictions.of(version),
    }
    return show_step(request, version, "submit", form, **context)


def show_step(request, version, current, form, template="", **context):
    """Render a step of a version: the form, with the frame of all steps. `template` is another one than the step's."""
    missing = steps.missing(version)
    context |= {
        "version": version,
        "model": version.model,
        "steps": steps.of(version, current),
        "missing": missing,
        "trial": steps.trial(version),
        "diff": contract_diff.of(version),
        "can_submit": version.is_editable and not missing,
        "decisions": Decision.objects.filter(
            review__version=version, outcome="changes_requested"
        ).select_related("by"),
    }
    if version.state == version.State.CHANGES_REQUESTED:
        context.setdefault("gates", current_gates(version))
    return show(request, template or f"publishing/{current}.html", form, **context)


def _take_package(by, version, *, file=None, external_url=""):
    if file:
        return actions.upload(by, version, file.temporary_file_path(), file.name)
    return actions.name_endpoint(by, version, external_url)


def _offer(by, model, *, name, **terms):
    """A plan is known by its name: the same name changes it."""
    return offer_plan(
        by,
        model,
        slug=names.slug(name, longest=30) or f"plan-{names.digest(name)}",
        name=name,
        **terms,
    )


def _submit(by, version, changelog):
    if changelog.strip() != version.changelog:
        actions.edit_changelog(by, version, changelog)
    return actions.submit(by, version)


def _tasks(own_models):
    """[Task] of the publisher: drafts to finish, changes to make, versions that end."""
    newest = [own.newest for own in own_models if own.newest]
    drafts = [_task(version) for version in newest if version.is_editable]
    ending = [
        version
        for own in own_models
        for version in own.model.versions.all()
        if version.state == ModelVersion.State.DEPRECATED and version.sunset_at
    ]
    return [*drafts, *(_ending_task(version) for version in ending)]


def _ending_task(version):
    return Task(
        f"{version} ends on {version.sunset_at:%-d %b %Y}",
        "Who has moved, and who has not",
        campaigns.board_url(version),
    )


def _task(version):
    is_draft = version.state == ModelVersion.State.DRAFT
    return Task(
        f"{'Finish' if is_draft else 'Answer the review of'} {version}",
        version.get_state_display(),
        _step_url(version, "package" if is_draft else "submit"),
    )


def _questions(models):
    """What users said about one's models and nobody has answered."""
    waiting = Discussion.objects.waiting().filter(model__in=models).order_by("model__name")
    counted = waiting.values_list("model__name", "model__slug").annotate(count=Count("pk"))
    return [
        Task(
            f"Answer the users of {name}",
            "1 discussion waits" if count == 1 else f"{count} discussions wait",
            reverse("consumption:model_discussions", args=[slug]),
        )
        for name, slug, count in counted
    ]


def _similar(request, data):
    everything = RegisteredModel.objects.visible_to(request.user).published().for_list()
    return search.similar_to(everything, data.get("name", ""), data.get("summary", ""))


def _required_reviews(version):
    if version.risk_tier in ("", "prohibited"):
        return []
    return [
        RequiredReview(Review.Kind(kind).label, days)
        for kind, days in policies.required_reviews(version)
    ]


def _own_versions(request):
    return ModelVersion.objects.filter(model__owner_team__in=request.user.teams())


def own_version(request, slug, number):
    """A version of one of the person's teams, with its card. Raises Http404."""
    versions = _own_versions(request).select_related(
        "model__owner_team", "model__model_type", "card"
    )
    return get_object_or_404(versions, model__slug=slug, number=number)


def _next_number(model):
    latest = model.versions.newest_first().first()
    if latest and latest.state == ModelVersion.State.WITHDRAWN:
        return f"{latest.major}.{latest.minor}.{latest.patch + 1}"
    return f"{latest.major}.{latest.minor + 1}.0" if latest else "1.0.0"


def _step_url(version, name):
    return reverse(f"publishing:{name}", args=[version.model.slug, version.number])


def _next(version, name):
    return redirect(_step_url(version, name))
