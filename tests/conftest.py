"""What every test may ask for: a browser, a worker, the whole stack. Tiers that are not named are left out, and it says so."""

import gc
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.template.base import Template
from django.test import TestCase, TransactionTestCase
from django.test.signals import template_rendered

from catalog import search
from governance import policies
from marketplace.core import egress
from marketplace.launcher import chromium as browser_program
from marketplace.notices import kinds
from tests import endpoints, faults
from tests.distribution import Distribution, is_last_with
from tests.snapshots import snapshots


def pytest_configure(config):
    config.pluginmanager.register(faults.Reliability(faults.run_folder()), "reliability")


def pytest_collection_modifyitems(config, items):
    """Keep tiers out of the default run."""
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    kept, left_out = [], []
    for item in items:
        is_of_a_tier = any(item.get_closest_marker(tier) for tier in faults.TIERS)
        (left_out if is_of_a_tier else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_make_parametrize_id(val):
    """A gzip holds the second in which it was made: two workers would collect tests of different names, and none would run."""
    return "gzip" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_collection_finish():
    """What is loaded by now stays to the end, and a test makes thousands of objects for each cycle: look for garbage seldom.

    A tenth of the time went into looking through what is loaded, and another one into looking after every 700 objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_xdist_make_scheduler(config, log):
    return Distribution(config, log)


@pytest.fixture(scope="session", autouse=True)
def emptying_passes_the_record():
    """The audit record refuses TRUNCATE; between transactional tests its triggers rest."""
    original = TransactionTestCase._fixture_teardown

    def teardown(self):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        try:
            original(self)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = origin")
            snapshots.forget_committed()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(scope="session", autouse=True)
def what_is_committed_is_known():
    """To factories (tests/snapshots.py), from the beginning of each test that takes back what it writes."""
    original = TestCase._fixture_setup.__func__

    @classmethod
    def setup(cls):
        original(cls)
        snapshots.look()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestCase, "_fixture_setup", setup)
        yield


@pytest.fixture(scope="session", autouse=True)
def pages_alone_are_recorded(django_test_environment):
    """What a page was drawn from is kept for `response.context`; Django's tests keep a copy for each of its hundreds of components, too."""

    def render(template, context):
        if context.template is template:
            template_rendered.send(sender=template, template=template, context=context)
        return template.nodelist.render(context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "_render", render)
        yield


@pytest.fixture
def injected_faults():
    """Counts how often this test's fault happened; if never, the test fails. See tests/faults.py."""
    return faults.InjectedFaults()


@pytest.fixture(autouse=True)
def empty_cache():
    """Rows of one test have the ids of another's (tests/snapshots.py): nothing that was kept of them is kept on."""
    cache.clear()
    policies.forget()
    search.forget()


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Argon2 is slow on purpose; tests log in often."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def endpoints_of_others_answer():
    """A version is not submitted before its example was answered; the factories' external endpoint does that without a network.

    It is asked nothing else: a test that wants the checks of endpoints switches them on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(egress, "connect", endpoints.answered_by_us(egress.connect))
        patch.setattr(django_settings, "ENDPOINT_CHECKS", False)
        yield


@pytest.fixture(scope="session", autouse=True)
def notices_are_declared():
    """Who is told what is one table: marketplace/notices/kinds.py, and docs/notices.md."""

    def undeclared(kind, key):
        raise AssertionError(f"Declare the notice {kind} on {key} in marketplace/notices/kinds.py.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "undeclared", undeclared)
        yield


@pytest.fixture(autouse=True)
def static_files_are_looked_up(settings):
    """When one is asked for; else every client that a test makes would list them all first."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def files_of_this_test(settings, tmp_path):
    """Uploads and artifacts land in a folder of the test's own."""
    settings.ARTIFACT_ROOT = str(tmp_path / "artifacts")
    settings.QUARANTINE_ROOT = str(tmp_path / "quarantine")
    settings.EVALUATION_ROOT = str(tmp_path / "evaluations")
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
        "artifacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "artifacts")},
        },
    }


@pytest.fixture(scope="module")
def chromium():
    """A running Chromium (Playwright's Browser); the test is skipped, with the reason, where there is none.

    Playwright keeps an event loop in this thread, beside which no test can run one of its own: hence one for each module.
    """
    program = browser_program.path()
    if not program:
        pytest.skip(f"no Chromium here. {browser_program.why_absent()}")
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patched, sync_playwright() as playwright:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # nothing of Django runs in that loop
        browser = playwright.chromium.launch(
            executable_path=program, args=list(browser_program.ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A fresh browser page with empty cookies, 1280 × 900."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def started_stack(tmp_path_factory, django_db_blocker):
    from tests.stack import Stack

    with Stack(Path(tmp_path_factory.mktemp("stack")), django_db_blocker) as running:
        yield running


@pytest.fixture
def stack(request, started_stack):
    """Web, gateway, worker, beat and engine on a database of their own, as `manage.py demo` starts them. See tests/stack.py.

    Ended after the last test that asks for it: an engine that nobody calls slows down all tests that follow.
    """
    yield started_stack
    if is_last_with(request, "stack"):
        started_stack.stop()


@pytest.fixture(scope="session")
def started_worker(tmp_path_factory, django_db_setup):
    """A real Celery worker on the test database and the test Redis; its tests need `django_db(transaction=True)`."""
    from tests.stack import worker_on_test_database

    with worker_on_test_database(tmp_path_factory.mktemp("worker")) as running:
        yield running


@pytest.fixture
def worker(request, started_worker):
    """The worker, ended after the last test that asks for it: what it writes is found by no other."""
    yield started_worker
    if is_last_with(request, "worker"):
        started_worker.stop()
