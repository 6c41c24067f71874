"""Builds the demo company through the marketplace's own verbs. May run twice: it goes on where it stopped.

People first, then each model from training to its place in the story. Hosting brings approved versions up meanwhile;
whoever needs a published version waits for it, so the whole ends when the last one answers.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.changes import actions as changes
from consumption.models import ApiKey
from governance.actions import suspend
from hosting.actions import start
from hosting.models import Deployment
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.audit.models import AuditEvent
from marketplace.insights.curation import sweep
from marketplace.insights.demand import count
from marketplace.insights.inventory import actions as inventory_actions
from marketplace.insights.metrics import rollup
from marketplace.insights.models import ProductionModel
from marketplace.insights.quality import schedule
from publishing.actions import GuideText, deprecate
from publishing.deprecation import notice_days

from . import (
    books,
    clock,
    consumers,
    discoveries,
    inventory,
    models,
    own_rows,
    people,
    savings,
    telling,
    turns,
    usage,
    voices,
)
from .listing import Listing, Release
from .reviewing import reviewed
from .submissions import person, submitted, trained

STATE = ModelVersion.State
Progress = Callable[..., None]
# Seconds without a version becoming callable before the rest is left to the next start.
SETTLE_TIMEOUT_S = 600
HOSTED = timedelta(days=1)
ANNOUNCED_DAYS_AGO = 28
CLOCK_NOTE = "demo.clock"
SUSPENSION = "It offered balance transfers to customers on hardship plans. Stopped until the exclusion list is applied before each call."

MIGRATION = GuideText(
    "It reads what came in over a year instead of in an average month, so that seasonal income counts as it should. "
    "Answers for people with a steady salary stay within two per cent.",
    "1. Send the fields below as they are named now.\n2. Call the successor in the sandbox with applicants of last month.\n"
    "3. Move the subscription; its key stays.",
    "Compare ten applicants with a steady salary: the verified income differs by less than two per cent. "
    "Look at seasonal workers by hand.",
)


def build(progress: Progress, wait: bool = True) -> dict[str, Any]:
    """Everything, in order. Returns the facts that the console and `.run/demo.json` show. Demo mode only.

    wait=False where nothing serves models: consumers then subscribe at the next build.
    """
    if not settings.DEMO_MODE:
        raise CommandError(
            "The demo company is only built in demo mode (DEMO_MODE=1): its people sign in by a button."
        )
    progress("people")
    people.build_people()
    note_the_clock()
    build_versions(progress, [pair for pair in models.to_build() if not models.is_rest(*pair)])
    build_inventory()
    settle(progress, timeout_s=SETTLE_TIMEOUT_S if wait else 0)
    return demo_facts()


def build_rest(progress: Progress) -> dict[str, Any]:
    """What no call waits for: past usage; drafts, reviews under way, what was sent or taken back. After `build`."""
    progress("past usage")
    usage.build_usage()
    books.keep_books()
    voices.build_voices()
    savings.keep_ledger()
    own_rows.evaluate()
    telling.tell()
    build_versions(progress, [pair for pair in models.to_build() if models.is_rest(*pair)])
    voices.decide_conflict()
    schedule.plan()  # the desk has its reviews, findings and gaps before the first night
    sweep.sweep()
    discoveries.build_discoveries()
    count.count()
    rollup.count_due(timezone.now())  # else the first figures come hours later
    return demo_facts()


def note_the_clock() -> None:
    """Tell auditors, once and at the true time, that the acts of the demo carry the story's dates."""
    if AuditEvent.objects.filter(action=CLOCK_NOTE).exists():
        return
    office = Team.objects.get(slug="marketplace-office")
    reason = "The demo company's past is written under a demo clock: acts recorded by its build carry the story's dates."
    record(User.objects.system("demo"), CLOCK_NOTE, office, reason=reason)


def build_versions(progress: Progress, todo: list[tuple[Listing, Release]]) -> None:
    """Train, register, submit and review these versions, the story's hero first."""
    for done, (listing, release) in enumerate(todo):
        progress(f"{listing.name} {release.number}", done, len(todo))
        build_version(listing, release)


def build_version(listing: Listing, release: Release) -> None:
    """One version, as far as people bring it, in one transaction; one that is there is left alone."""
    if ModelVersion.objects.filter(model__slug=listing.slug, number=release.number).exists():
        return
    made = trained(listing, release)
    with transaction.atomic(), clock.at(clock.ago(days=release.days_ago)):
        version = submitted(listing, release, made)
        if version.state == STATE.DRAFT:
            return
        with turns.waived(version, listing, release):
            version = reviewed(version, listing, release, made.facts if made else None)
        if version.state == STATE.CHANGES_REQUESTED and not release.fate.startswith("changes:"):
            raise CommandError(f"{version} did not pass the checks: {blocking(version)}")


def blocking(version: ModelVersion) -> str:
    return " ".join(
        f"{result.gate}: {result.summary}" for result in version.gate_results.all() if result.blocks
    )


def build_inventory() -> None:
    """The list of models in production, with who answers for each; what is published of it is matched later (telling)."""
    units = {unit.slug: unit for unit in BusinessUnit.objects.all()}
    teams = {team.slug: team for team in Team.objects.all()}
    known = set(ProductionModel.objects.values_list("name", flat=True))
    for name, unit, since, _slug in inventory.MODELS:
        if name not in known:
            inventory_actions.add(
                person(telling.CURATOR),
                name=name,
                business_unit=units[unit],
                owner_team=teams.get(inventory.owner_of(name, unit)),
                in_production_since=since,
            )


def settle(progress: Progress, timeout_s: float) -> None:
    """As versions become callable: consumers subscribe, then what the story does to a live version happens."""
    waiting = [
        (listing, release)
        for listing, release in models.releases()
        if release.fate in models.GOES_LIVE
    ]
    total, last, retried = len(waiting), time.monotonic(), set[int]()
    while True:
        live = [(listing, release) for listing, release in waiting if is_live(listing, release)]
        for listing, release in live:
            settle_one(listing, release)
            waiting.remove((listing, release))
            last = time.monotonic()
        progress("models callable", total - len(waiting), total)
        if not waiting or time.monotonic() - last > timeout_s or gave_up(waiting, retried):
            break
        if not live:
            retry_failed(retried)
            time.sleep(1)
    finish_story()


def gave_up(waiting: list[tuple[Listing, Release]], retried: set[int]) -> bool:
    """True when hosting failed with all that is waited for, a second time too."""
    failed = Deployment.objects.filter(pk__in=retried, state=Deployment.State.FAILED).count()
    return failed >= len(waiting)


def retry_failed(retried: set[int]) -> None:
    """A busy machine may be too slow for the first start of a model: the operator starts it again, once."""
    failed = Deployment.objects.filter(state=Deployment.State.FAILED, version__state=STATE.APPROVED)
    for deployment in failed.exclude(pk__in=retried).select_related("version__model"):
        start(person("otto"), deployment, "Started again while the demo was being built.")
        retried.add(deployment.pk)


def version_of(listing: Listing, release: Release) -> ModelVersion | None:
    found = ModelVersion.objects.filter(model__slug=listing.slug, number=release.number)
    return found.select_related("model__owner_team", "successor").first()


def is_live(listing: Listing, release: Release) -> bool:
    version = version_of(listing, release)
    return version is not None and version.state in ModelVersion.LIVE


def settle_one(listing: Listing, release: Release) -> None:
    version = version_of(listing, release)
    if version is None or version.published_at is None:
        return
    backdate_publication(version)
    for use in consumers.USES:
        if use.slug == listing.slug and use.version in ("", release.number):
            adopt(use)


def backdate_publication(version: ModelVersion) -> None:
    """It went live a day after its approval; hosting did it just now, in another process. Left alone once that is so."""
    if (
        version.published_at
        and version.approved_at
        and version.published_at > version.approved_at + 2 * HOSTED
    ):
        ModelVersion.objects.filter(pk=version.pk).update(published_at=version.approved_at + HOSTED)


@transaction.atomic
def adopt(use: consumers.Use) -> None:
    """Subscribe and make a key; the example's key is kept for the demo's facts."""
    with clock.at(clock.ago(days=use.since)):
        made = consumers.new_subscription(use)
        text = consumers.new_key(made) if made else ""
    if text and (use.application, use.slug) == consumers.HERO:
        keep_example_key(text)


def finish_story() -> None:
    """What happens to live versions once their consumers are there."""
    for listing, release in models.releases():
        version = version_of(listing, release)
        if version is None or version.state != STATE.PUBLISHED:
            continue
        if release.fate == "deprecated":
            announce_end(version, listing, release)
        if release.fate == "suspended" and not version.suspended_at:
            with clock.at(clock.ago(days=usage.SUSPENDED_DAYS_AGO)):
                suspend(person("mona"), version, SUSPENSION)


def announce_end(version: ModelVersion, listing: Listing, release: Release) -> None:
    """Deprecate in favour of the successor, once that one is callable."""
    successor = version.model.versions.filter(
        number=release.successor, state=STATE.PUBLISHED
    ).first()
    if successor is None:
        return
    reason = f"{successor} replaces it: yearly credits instead of monthly ones. Its changelog says what to change."
    with clock.at(clock.ago(days=ANNOUNCED_DAYS_AGO)), transaction.atomic():
        sunset = timezone.now() + timedelta(days=notice_days(version))
        change = deprecate(
            person(listing.owner),
            version,
            sunset_at=sunset,
            reason=reason,
            successor=successor,
            guide=MIGRATION,
            with_brownouts=True,
        )
        if change is not None:
            changes.confirm(person("mona"), change, "The successor has run for a quarter.")


def demo_facts() -> dict[str, Any]:
    """{"logins": {role: {"username", "password"}}, "example": {"model", "version", "key", "request"}}."""
    return {"logins": people.logins(), "example": example()}


def example() -> dict[str, Any]:
    """One call that works: mortgage's key for income verification. {} while it is not callable."""
    version = (
        ModelVersion.objects.callable().filter(model__slug=consumers.HERO[1]).newest_first().first()
    )
    key = example_key()
    if version is None or not key:
        return {}
    return {
        "model": consumers.HERO[1],
        "version": version.number,
        "key": key,
        "request": version.example,
    }


def example_key() -> str:
    try:
        text = json.loads(example_file().read_text())["key"]
    except (OSError, ValueError, KeyError):
        return ""
    return text if ApiKey.objects.filter(kid=text[4:12], state=ApiKey.State.ACTIVE).exists() else ""


def keep_example_key(text: str) -> None:
    """0600: it is a credential, if only of the demo."""
    path = example_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"key": text}, out)


def example_file() -> Path:
    return Path(settings.RUN_DIR) / "secrets" / "example_key.json"
