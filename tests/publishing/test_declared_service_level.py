"""Consumers who take patch and minor versions by themselves are promised no less by them (issue 9, B5)."""

import pytest

from marketplace.core.errors import RuleError
from publishing import actions
from publishing.declared_service_level import lowered
from tests import factories

pytestmark = pytest.mark.django_db
BETTER = {"availability": "99.9", "p95_ms": 90, "rps": 30, "support": "Always", "timeout_s": 40}


@pytest.mark.parametrize(
    "less",
    [{"availability": "99.0"}, {"p95_ms": 101}, {"rps": 19}, {"timeout_s": 29}],
    ids=str,
)
@pytest.mark.parametrize(("number", "may"), [("1.0.1", False), ("1.1.0", False), ("2.0.0", True)])
def test_only_a_major_version_promises_less(less, number, may):
    model = factories.published_version().model
    draft = factories.draft_version(model, number)
    actions.promise_sla(draft.created_by, draft, **factories.SLA | less)
    if may:
        assert actions.submit(draft.created_by, draft).state == "submitted"
        return
    with pytest.raises(RuleError, match="promises less than 1.0.0") as refusal:
        actions.submit(draft.created_by, draft)
    assert "make it 2.0.0" in refusal.value.sentence and refusal.value.field == "interface"


def test_an_older_line_is_compared_with_its_own_predecessor():
    """1.0.1 after 1.1.0 takes nothing from those on 1.1.0: the gateway never moves them back."""
    model = factories.published_version().model
    newer = factories.published_version(model, "1.1.0")
    model.versions.filter(pk=newer.pk).update(sla=BETTER)
    draft = factories.draft_version(model, "1.0.1")
    actions.promise_sla(draft.created_by, draft, **factories.SLA)
    assert actions.what_is_missing(draft) == []


@pytest.mark.parametrize("absent", [{}, {"timeout_s": ""}, {"timeout_s": None}])
def test_what_is_not_declared_is_no_less(absent):
    assert lowered(factories.SLA, BETTER) == lowered({}, absent) == []
    assert lowered(BETTER, factories.SLA | absent) == [
        "availability 99.5% instead of 99.9%",
        "p95 latency 100 ms instead of 90 ms",
        "throughput 20 requests a second instead of 30 requests a second",
        "longest answer 30 s instead of 40 s",
    ]
