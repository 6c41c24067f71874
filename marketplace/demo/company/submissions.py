"""Brings one demo version from training to submission, through the publishers' own verbs. May run twice."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from catalog.actions import register
from catalog.models import Capability, Domain, ModelType, ModelVersion, RegisteredModel
from consumption.actions import offer_plan
from governance import tiering
from governance.actions import assess_risk
from governance.cards import ABOUT_FILES
from marketplace.accounts.models import Team, User
from marketplace.core.errors import RuleError
from publishing import actions as publishing
from publishing.packages import Refused

from . import cards, external_server, models, training
from .listing import DemoPlan, Listing, Release
from .training import Trained

SECOND_CHURN = "Private clients have advisers and assets to move; the retail model was tried and ranked them worse."


def person(username: str) -> User:
    return User.objects.get(username=username)


def registered(listing: Listing) -> RegisteredModel:
    """The catalog entry, registered by its publisher if it is not there yet."""
    known = RegisteredModel.objects.filter(slug=listing.slug).first()
    if known:
        return known
    by = person(listing.submitter)
    model = register(
        by,
        owner_team=Team.objects.get(slug=listing.team),
        name=listing.name,
        summary=listing.summary,
        description=listing.description,
        limitations=listing.limitations,
        owner=person(listing.owner),
        support_contact=f"{listing.team}@company.example",
        support_hours="Mon–Fri 08:00–18:00",
        domain=Domain.objects.get(slug=listing.domain),
        capability=Capability.objects.get(slug=listing.capability),
        model_type=ModelType.objects.get(slug=listing.model_type),
        tags=list(listing.tags),
        similar_reason=SECOND_CHURN if listing.slug == "client-attrition" else "",
    )
    for plan in listing.plans:
        offer(by, model, plan)
    return model


def offer(by: User, model: RegisteredModel, plan: DemoPlan) -> None:
    offer_plan(
        by,
        model,
        slug=slugify(plan.name),
        name=plan.name,
        rate_per_second=plan.rate_per_second,
        burst=plan.burst,
        concurrency=plan.concurrency,
        monthly_quota=plan.monthly_quota,
        approval=plan.approval,
        **{"price_micros_per_1000": plan.price_micros_per_1000, **plan.price},
    )


def submitted(listing: Listing, release: Release, made: Trained | None) -> ModelVersion:
    """The new version, brought as far as its publisher can bring it: submitted, or a draft that was refused."""
    model, by = registered(listing), person(listing.submitter)
    version = publishing.start_version(by, model, release.number, release.changelog)
    if release.fate == "refused":
        refused_upload(by, version)
        return version
    fill_in(by, version, listing, made)
    if release.fate == "held":
        held_back(by, version)
        return version
    return publishing.submit(by, version)


def fill_in(by: User, version: ModelVersion, listing: Listing, made: Trained | None) -> None:
    """Package (or the vendor's endpoint), signature, service level, card and risk answers of a draft."""
    publishing.promise_sla(by, version, **listing.sla)
    facts = made.facts if made else None
    release = next(one for one in listing.releases if one.number == version.number)
    if made:
        upload(by, version, made.onnx, f"{listing.slug}.onnx")
        publishing.describe_interface(
            by, version, with_promised_ranges(version, made.signature), made.example
        )
    else:
        publishing.name_endpoint(by, version, vendor_url())
        publishing.describe_interface(
            by, version, external_server.SIGNATURE, external_server.EXAMPLE
        )
    assess_risk(by, version, tiering.answers_from_points(listing.tiering))
    former = dict.fromkeys(ABOUT_FILES, "")  # what the version before said about its own files
    publishing.edit_card(by, version, former | cards.card(listing, release, facts))


def with_promised_ranges(version: ModelVersion, signature: dict[str, Any]) -> dict[str, Any]:
    """The signature, taking at least what the version before it of the same major line promised to take."""
    previous = version.predecessor()
    if previous is None or previous.major != version.major:
        return signature
    promised = {field["name"]: field for field in previous.signature["inputs"]}
    inputs = [
        field | _wider(field, promised.get(field["name"], {})) for field in signature["inputs"]
    ]
    return signature | {"inputs": inputs}


def _wider(field: dict[str, Any], promised: dict[str, Any]) -> dict[str, Any]:
    return {
        limit: choose(field[limit], promised[limit])
        for limit, choose in (("minimum", min), ("maximum", max))
        if field[limit] is not None and promised.get(limit) is not None
    }


def upload(by: User, version: ModelVersion, content: bytes, filename: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / filename
        path.write_bytes(content)
        publishing.upload(by, version, str(path), filename)


def refused_upload(by: User, version: ModelVersion) -> None:
    """A data scientist's first try: the file that the notebook saved. The refusal stays in the record."""
    try:
        upload(by, version, pickle.dumps({"model": "forest", "trees": 200}), "hardship_offer.pkl")
    except Refused:
        return
    raise AssertionError("The package inspection accepted a pickle.")


def held_back(by: User, version: ModelVersion) -> None:
    """It breaks what callers rely on, and its number says that it does not: the contract check holds it."""
    try:
        publishing.submit(by, version)
    except RuleError:
        return
    raise AssertionError(
        "A change that breaks callers was submitted under the number of a small one."
    )


def trained(listing: Listing, release: Release) -> Trained | None:
    """The trained model of a release, from the cache after the first time; None where there is nothing to train."""
    if release.recipe is None:
        return None
    return training.cached(
        release.recipe,
        models.key(listing, release),
        Path(settings.RUN_DIR) / "company" / training.code_hash(),
    )


def vendor_url() -> str:
    """Where the demo's vendor answers; the launcher starts it and says where."""
    return f"{os.environ.get('DEMO_VENDOR_URL', 'http://127.0.0.1:26390')}/v2/models/{external_server.NAME}"
