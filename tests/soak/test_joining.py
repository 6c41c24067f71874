"""The checker finds what it is there to find: one wrong thing at a time."""

import pytest

from tests.soak.joining import Recorded, join

OURS, TARGET, ALLOWED = {1: "wide", 2: "tight"}, (7, 8), {"wide": {200, 502}, "tight": {200, 429}}
ANSWERS = [("wide", 200, "a"), ("tight", 200, "b"), ("wide", 502, "c"), ("tight", 429, "-")]
EVENTS = [
    Recorded("a", 1, "ok", 200, 1, TARGET),
    Recorded("b", 2, "ok", 200, 1, TARGET),
    Recorded("c", 1, "upstream_error", 502, 0, TARGET),
]
WRONG = ("lost", "duplicate", "foreign", "misrecorded", "unseen", "not_allowed")


def wrong(answers=ANSWERS, events=EVENTS):
    counts = join(answers, events, OURS, TARGET, ALLOWED)
    return {name: counts[name] for name in WRONG if counts[name]}


def test_a_true_record_has_nothing_wrong():
    assert wrong() == {}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (EVENTS[1:], {"lost": 1}),
        ([*EVENTS, EVENTS[0]], {"duplicate": 1}),
        ([EVENTS[0]._replace(subscription=3), *EVENTS[1:]], {"foreign": 1, "misrecorded": 1}),
        ([EVENTS[0]._replace(target=(7, 9)), *EVENTS[1:]], {"foreign": 1}),
        ([EVENTS[0]._replace(subscription=2), *EVENTS[1:]], {"misrecorded": 1}),
        ([EVENTS[0]._replace(outcome="unknown", units=0), *EVENTS[1:]], {"misrecorded": 1}),
        ([*EVENTS[:2], EVENTS[2]._replace(units=1)], {"misrecorded": 1}),
        ([*EVENTS, Recorded("d", 1, "unknown", 0, 0, TARGET)], {"unseen": 1}),
    ],
)
def test_a_false_record_is_seen(events, found):
    assert wrong(events=events) == found


def test_one_id_answered_twice_and_a_refused_key_are_seen():
    assert wrong([*ANSWERS, ("wide", 200, "a")]) == {"duplicate": 1}
    assert wrong([*ANSWERS, ("wide", 403, "-")]) == {"not_allowed": {"wide 403": 1}}
