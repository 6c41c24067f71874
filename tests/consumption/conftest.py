"""Ground for billing tests that need gateways of their own: a database that lasts the run, and a really small disk."""

import contextlib
import subprocess

import pytest

from marketplace.launcher import environment
from tests.consumption.billing_state import empty
from tests.consumption.installation import Installation
from tests.gateway import Stage, make_database

BOOKS_REDIS = 8


class BillingStack(Stage):
    """A stage whose own gateway is not started: each test starts one as it needs it, on this database."""

    def __enter__(self):
        make_database(self.database)
        return self

    def __exit__(self, *_):
        self.stub.close()


@pytest.fixture(scope="session")
def shared_billing(tmp_path_factory, django_db_blocker, django_db_setup):
    with BillingStack(
        tmp_path_factory.mktemp("books"), django_db_blocker, "books", BOOKS_REDIS
    ) as billing:
        yield billing


@pytest.fixture
def billing(shared_billing):
    """The BillingStack, with the models on their database."""
    with shared_billing.orm():
        yield shared_billing


@pytest.fixture
def clean(billing):
    """The billing tables, empty; subscriptions of other tests may stay."""
    empty()
    yield billing
    empty()


@pytest.fixture
def installation(tmp_path, django_db_blocker, monkeypatch, settings):
    """Stores of the launcher's own; this process uses their secrets and files too."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")
    made = Installation(tmp_path, django_db_blocker)
    for name, value in environment.common(made.run).items():
        monkeypatch.setenv(name, value)
    settings.REVOCATIONS_FILE = made.run.path / "revocations.jsonl"
    settings.AUDIT_WITNESS_FILE = str(made.run.path / "audit-witness.jsonl")
    settings.SIGNING_KEY_FILE = str(made.run.secret("signing_key"))
    settings.KEY_PEPPERS = {1: made.run.secret_text("key_pepper")}
    settings.AUDIT_KEYS = [made.run.secret_text("audit_key")]
    made.start()
    yield made
    made.stop()


@pytest.fixture
def small_disk(tmp_path):
    """mount(mib) makes a folder on a tmpfs of that size. Skipped, with the reason, where one cannot be mounted."""
    with contextlib.ExitStack() as mounted:
        yield lambda mib: mounted.enter_context(_tmpfs(tmp_path / f"disk-{mib}", mib))


@contextlib.contextmanager
def _tmpfs(folder, mib):
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
