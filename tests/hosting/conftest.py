"""The gateway's stage: started once, shared by its test files."""

import pytest
from django.db import transaction

from hosting.models import Upstream
from tests.distribution import is_last_with
from tests.gateway import Faulty, Stage, answer_ok
from tests.hosting.live import HostedVersions
from tests.stack import in_its_place


@pytest.fixture(scope="session")
def gateway_stage(tmp_path_factory, django_db_blocker, django_db_setup):
    """A real gateway of two processes in front of a stub upstream; see tests/gateway.py."""
    with Stage(tmp_path_factory.mktemp("stage"), django_db_blocker) as stage:
        yield stage


@pytest.fixture
def stage(request, gateway_stage):
    """The stage, with the models on its database and the stub well-behaved.

    Ended after the last test that asks for it: gateways that nobody calls took a tenth of the processor from all tests that follow.
    """
    gateway_stage.stub.behave = answer_ok
    gateway_stage.stub.seen.clear()
    with gateway_stage.orm():
        yield gateway_stage
    if is_last_with(request, "gateway_stage"):
        gateway_stage.stop()


@pytest.fixture(scope="session")
def lone(gateway_stage, tmp_path_factory):
    """A gateway of one process on the stage's database: what it has learnt of an upstream is in one place."""
    return gateway_stage.keep(
        gateway_stage.new_gateway(tmp_path_factory.mktemp("lone"), breaker_s=1.0)
    )


@pytest.fixture(scope="session")
def pair(gateway_stage, tmp_path_factory):
    """A gateway of two processes whose stores and upstream may fail, and which does not slow down who sends wrong keys."""
    return gateway_stage.keep(Faulty(gateway_stage, tmp_path_factory.mktemp("pair"), 2))


@pytest.fixture
def faulty(pair, stage):
    """The pair, all well; and all well again afterwards."""
    yield pair
    pair.heal()


@pytest.fixture
def gateway(stage):
    """The one that a test calls: the stage's, unless its file says another."""
    return stage.gateway


@pytest.fixture
def version(stage):
    """A live version that is hosted by us, at the stub."""
    return stage.version()


@pytest.fixture
def external(stage):
    """A version that somebody else hosts, at the stub. Made in one transaction: no snapshot sees it hosted by us."""
    with transaction.atomic():
        version = stage.version()
        Upstream.objects.filter(version=version).update(
            kind="external", base_url=f"{stage.stub.url}/income"
        )
    return version


@pytest.fixture
def stack_orm(stack, settings):
    """Models on the stack's database, with its artifact folder, its secrets, its Redis and its engine's addresses."""
    with in_its_place(stack, settings):
        yield stack.orm


@pytest.fixture
def hosted(stack, stack_orm, tmp_path):
    """A live.HostedVersions, with models on the stack's database."""
    with stack_orm():
        yield HostedVersions(stack, tmp_path)
