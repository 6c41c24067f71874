"""What factories made is put back, not made again: half of the default tier's processor time depends on it (tests/snapshots.py)."""

import pytest
from django.db import connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from catalog.models import ModelVersion
from consumption.models import Subscription
from governance.models import PolicyVersion
from hosting.models import Upstream
from marketplace.audit.models import AuditEvent
from tests import factories
from tests.snapshots import replayed, snapshots

pytestmark = pytest.mark.django_db
VERBS = 200  # statements: the verbs need more for any of these, putting back needs less


def version_of_its_own():
    return factories.published_version()


def version_of_an_entry():
    """Publishing changes the row of the model, too."""
    return factories.published_version(factories.model())


def subscribed_beside_others():
    """A team that was there before, a plan, two applications of one team."""
    factories.mortgage()
    entry = factories.model()
    factories.plan(entry, slug="large")
    version = factories.published_version(entry)
    for name in ("First", "Second"):
        app = factories.application(name=name)
        held = factories.subscription(version, app=app, plan_slug="large")
    return held


MADE = [version_of_its_own, version_of_an_entry, subscribed_beside_others]


def seen_of(made):
    """What the database says of it: of its row, its neighbours' rows and the record."""
    tables = [ModelVersion, Subscription, Upstream]
    rows = [model_to_dict(row) for table in tables for row in table.objects.order_by("pk")]
    entry = made.model
    entry.refresh_from_db()
    return made.pk, rows, model_to_dict(entry), AuditEvent.objects.count()


def test_a_state_of_its_own_comes_first():
    """What follows is put back although the first state met, after another database was used, was this one."""
    snapshots.known.clear()
    PolicyVersion.objects.create(kind="gates", sha256="0" * 64, semver="9.9.9", body={})
    assert factories.published_version().pk


@pytest.mark.parametrize("make", MADE)
def test_the_same_from_the_same_state_is_put_back(make):
    snapshots.kept.clear()  # of an earlier test: its FRESH_S may end between the two
    found = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            made = make()
            count = len(asked)
            found.append(seen_of(made))
            transaction.set_rollback(True)
    assert found[0] == found[1]
    assert count < VERBS, "Which table holds what no factory can make twice alike? See WITHOUT_ID."


@replayed
def several():
    """Rows and what was said of them: no row, so that a copy of it is kept."""
    entry = factories.model()
    return [entry, factories.application()], {"name": entry.name}


def test_what_is_no_row_comes_back_as_a_copy():
    snapshots.kept.clear()
    found = []
    for _ in range(2):
        with transaction.atomic():
            (entry, app), facts = several()
            entry.refresh_from_db()
            found.append((entry, app.team, app.slug, facts))
            assert facts.pop("name") == entry.name
            transaction.set_rollback(True)
    assert found[0][:3] == found[1][:3] and found[0][3] is not found[1][3]
