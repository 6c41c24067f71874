"""Versions as the database has them after their approval, without the journey: for tests of what many of them do together."""

from catalog.models import Alias, ModelVersion, RegisteredModel
from hosting.models import Deployment
from tests import factories


def version(name, *, calls=0, state="published", number="1.0.0", **facts):
    """A hosted version of a model of its own."""
    entry = factories.model(name=name)
    entry.calls_30d = calls
    entry.state = RegisteredModel.State.PUBLISHED
    entry.save(update_fields=["calls_30d", "state"])
    major, minor, patch = map(int, number.split("."))
    made = ModelVersion.objects.create(
        model=entry,
        number=number,
        major=major,
        minor=minor,
        patch=patch,
        state=state,
        kind="onnx",
        created_by=factories.alice(),
        manifest={"model": entry.slug, "version": number},
        manifest_signature="ab",
        **facts,
    )
    Alias.objects.create(model=entry, name=Alias.STABLE, version=made)
    return made


def deployment(name, *, state="ready", calls=0, sla=None, **facts):
    made = version(name, calls=calls, sla=sla or {})
    return Deployment.objects.create(
        version=made, app_name=f"{made.model.slug}-1-0-0", state=state, **facts
    )
