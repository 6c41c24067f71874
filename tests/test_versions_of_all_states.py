"""Every page and reading operation about a version, while the version is in any state, also with nothing in it yet: never a 500 (503 is the
sandbox, whose gateway does not run here)."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

import publishing.actions as publishing
from catalog.models import ModelVersion
from tests import factories
from tests.endpoint_permissions import API, PAGES, WHERE
from tests.test_endpoint_permissions import follow

pytestmark = pytest.mark.django_db
ABOUT = "live."  # what the table of endpoints calls the version that its routes are about


def addresses(version):
    """The addresses of all pages and reading operations about a version or its model."""
    for (name, method), (thing, _) in (PAGES | API).items():
        where = WHERE[thing] if thing else {}
        if method == "get" and where and all(path.startswith(ABOUT) for path in where.values()):
            arguments = {key: follow(version, path[len(ABOUT) :]) for key, path in where.items()}
            yield name, reverse(name, kwargs=arguments)


def bare():
    """A version of which only the number is known, of a capability with benchmark data."""
    entry = factories.model(name="Bare model")
    factories.benchmark(capability=entry.capability)
    return publishing.start_version(factories.alice(), entry, "1.0.0", changelog=factories.REASON)


def readers(names):
    for person in (getattr(factories, name)() for name in names):
        client = Client(raise_request_exception=False)
        client.force_login(person)
        yield person.username, client


def test_a_version_with_nothing_in_it_breaks_no_page():
    assert _broken(bare(), readers(["alice", "rita"]), "draft") == []


@pytest.mark.slow
@pytest.mark.parametrize("state", ModelVersion.State.values)
def test_no_state_breaks_a_page(state):
    version = factories.published_version()
    if _is_put(version, state):
        assert _broken(version, readers(["alice", "mira", "ada"]), state) == []


def _is_put(version, state):
    try:
        with transaction.atomic():
            ModelVersion.objects.filter(pk=version.pk).update(state=state)
    except IntegrityError:
        return False
    version.refresh_from_db()
    return True


def _broken(version, clients, state):
    asked = list(addresses(version))
    assert len(asked) > 30
    return [
        (state, name, who)
        for who, client in clients
        for name, address in asked
        if client.get(address).status_code == 500
    ]
