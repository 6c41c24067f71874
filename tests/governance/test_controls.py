"""Issue 11, lines 8 and 12: each rule names its source, a person verifies it, and the evidence is counted."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance import actions, control_evidence, controls, gates, matrix
from governance.models import Review, SourceVerification
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed
from tests import factories

NOTE = "Read in the official journal, with our list of uses beside it."


def test_every_control_has_a_source_and_evidence_that_exists():
    known = {f"gate:{gate.name}" for gate in gates.GATES}
    known |= {f"decisions:{kind}" for kind in Review.Kind.values}
    known |= set(control_evidence.ACTIONS)
    known |= {"entries", "assessments", "prohibited", "decisions", "waivers", "conditions"}
    known |= {"policies", "roles", "audit"}
    every = [*controls.CONTROLS, *controls.of_checklists(matrix.POLICY["checklists"])]
    assert {one.evidence for one in every} <= known
    assert {one.source for one in every} <= set(controls.SOURCES_BY_ID)
    house = [one.clause for one in every if one.source == controls.HOUSE]
    assert house
    assert all(clause.startswith("House rule") for clause in house)


@pytest.mark.django_db
def test_the_page_counts_what_happened_and_says_who_verified_a_source():
    version = factories.in_review_version()
    factories.approve(version.reviews.get(kind="evaluation"))
    evidence = control_evidence.gather()
    assert evidence["decisions:evaluation"].rows == 1
    assert evidence["gate:documentation"].rows == 1
    assert evidence["audit"].last_at
    client = Client()
    client.force_login(factories.lena())
    url = reverse("governance:controls")
    assert "Nobody has verified it yet" in client.get(url).content.decode()
    short = client.post(url, {"source": "mrm", "note": "Read."})
    assert short.status_code == 422
    assert "Read." in short.content.decode()
    given = {"source": "mrm", "note": NOTE, "applies_from": "2026-04-17"}
    assert client.post(url, given).status_code == 302
    text = " ".join(client.get(url).content.decode().split())
    assert 'by Lena. It applies from <time datetime="2026-04-17">' in text
    assert AuditEvent.objects.filter(action="source.verify", actor=factories.lena()).exists()
    SourceVerification.objects.update(at=timezone.now() - timedelta(days=400))
    assert "more than a year ago" in client.get(url).content.decode()


@pytest.mark.django_db
def test_who_judges_nothing_legal_verifies_no_source():
    with pytest.raises(NotAllowed):
        actions.verify_source(factories.rita(), "mrm", NOTE)
    with pytest.raises(Invalid):
        actions.verify_source(factories.gus(), "other", NOTE)
    client = Client()
    client.force_login(factories.alice())
    assert client.get(reverse("governance:controls")).status_code == 404
