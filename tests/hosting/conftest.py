"""The gateway's stage: started once, shared by its test files."""

import pytest
from django.db import transaction

from hosting.models import Upstream
from marketplace.lib import nudge, signing
from tests.gateway import QUICK, Gateway, Stage
from tests.hosting.live import Fleet


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


@pytest.fixture(scope="session")
def lone(gateway_stage, tmp_path_factory):
    """A gateway of one process on the stage's database: what it has learnt of an upstream is in one place."""
    stage = gateway_stage.gateway
    folder = tmp_path_factory.mktemp("lone")
    with Gateway(folder, 1, stage.database_url, stage.redis_url, gateway_stage.stub.host, **QUICK, breaker_s=1.0) as gateway:
        yield gateway


@pytest.fixture
def external(stage):
    """A version that somebody else hosts, at the stub. Made in one transaction: no snapshot sees it hosted by us."""
    with transaction.atomic():
        version = stage.version()
        Upstream.objects.filter(version=version).update(kind="external", base_url=f"{stage.stub.url}/income")
    return version


@pytest.fixture
def stack_orm(stack, settings):
    """Models on the stack's database, with its artifact folder, its secrets, its Redis and its engine's addresses."""
    run = stack.run
    settings.SIGNING_KEY_FILE = str(run.secret("signing_key"))
    settings.KEY_PEPPERS = {1: run.secret_text("key_pepper")}
    settings.QUARANTINE_ROOT = str(run.path / "tmp")
    settings.SPOOL_DIR, settings.GATEWAY_METRICS_DIR = run.path / "spool", run.path / "metrics"
    settings.RAY_AUTH_TOKEN_PATH = str(run.secret("ray_token"))
    for name in ("REDIS_URL", "ENGINE_URL", "ENGINE_API_URL"):
        setattr(settings, name, stack.environment[name])
    settings.ENGINE_METRICS_URLS = stack.environment["ENGINE_METRICS_URLS"].split()
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(run.path / "artifacts")}}
    settings.STORAGES = settings.STORAGES | {"artifacts": files}
    for cached in (signing._private_key, nudge._redis):
        cached.cache_clear()
    yield stack.orm
    for cached in (signing._private_key, nudge._redis):
        cached.cache_clear()


@pytest.fixture
def fleet(stack, stack_orm, tmp_path):
    """A live.Fleet, with models on the stack's database."""
    with stack_orm():
        yield Fleet(stack, tmp_path)
