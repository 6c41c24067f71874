"""200 concurrent acts of approving, editing and withdrawing leave one outcome (issue 11, "Done when" 3)."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import pytest
from django.db import connection

from catalog.models import ModelVersion
from governance.models import Decision, Review
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions as publishing
from tests import factories

ACTS, THREADS = 200, 16


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_200_concurrent_approve_edit_withdraw_have_one_outcome():
    version = factories.in_review_version()
    factories.decide_all(version, but=["final"])
    final, rita, alice = version.reviews.get(kind="final"), factories.rita(), factories.alice()
    card = version.card.sha256

    def approve():
        factories.approve(Review.objects.get(pk=final.pk), rita)

    def edit():
        current = ModelVersion.objects.get(pk=version.pk)
        publishing.edit_card(alice, current, {"intended_use.summary": "Something else " * 9})

    def withdraw():
        publishing.withdraw(alice, ModelVersion.objects.get(pk=version.pk))

    def attempt(act):
        try:
            act()
        except (RuleError, NotAllowed):
            return None
        else:
            return act.__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        done = [
            name
            for name in pool.map(attempt, islice(cycle([approve, edit, withdraw]), ACTS))
            if name
        ]
    version.refresh_from_db()
    version.card.refresh_from_db()
    approved = AuditEvent.objects.filter(action="version.approve").count()
    assert done.count("approve") == approved == Decision.objects.filter(review=final).count() <= 1
    assert done.count("withdraw") == (version.state == ModelVersion.State.WITHDRAWN)
    assert version.state in (ModelVersion.State.WITHDRAWN, ModelVersion.State.APPROVED)
    assert "edit" not in done and version.card.sha256 == card
