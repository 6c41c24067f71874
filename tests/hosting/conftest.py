"""The gateway's stage: started once, shared by its test files."""

import pytest

from tests.gateway import Stage


@pytest.fixture(scope="session")
def gateway_stage(tmp_path_factory, django_db_blocker, django_db_setup):
    """A real gateway of two processes in front of a stub upstream; see tests/gateway.py."""
    with Stage(tmp_path_factory.mktemp("stage"), django_db_blocker) as stage:
        yield stage


@pytest.fixture
def stage(gateway_stage):
    """The stage, with the models on its database and the stub well-behaved."""
    from tests.gateway import answer_ok

    gateway_stage.stub.behave = answer_ok
    gateway_stage.stub.seen.clear()
    with gateway_stage.orm():
        yield gateway_stage
