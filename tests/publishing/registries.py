"""Builders of connected registries and what they sent, beside tests/factories.py."""

from publishing.models import RegistryDelivery, RegistryImport
from publishing.registry import actions
from tests import factories


def registry(by=None, team=None, **changed):
    """A registry of the lending team whose alias production publishes. Returns a RegistryConnection."""
    facts = {"name": "Lending registry", "tracking_url": "https://93.184.216.34"}
    facts |= {"marker": "production"} | changed
    return actions.connect(by or factories.alice(), team or factories.lending(), **facts)[0]


def incomplete(of_registry, name="income-check"):
    """A version that came and lacks a service level."""
    problem = {"field": "sla", "message": "Promise a service level.", "page": "/publish/"}
    made = RegistryImport.objects.create(
        connection=of_registry,
        registered_model=name,
        registered_version="3",
        state="incomplete",
        said="It is not ready to submit: promise a service level.",
        problems=[problem],
    )
    RegistryDelivery.objects.create(
        connection=of_registry,
        delivery_id=f"delivery of {name}",
        event="model_version_alias.created",
        registered_model=name,
        registered_version="3",
        imported=made,
    )
    return made
