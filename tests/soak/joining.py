"""The checker: a client's own log beside the recorded events. It knows nothing of how either was made."""

from collections import Counter
from typing import NamedTuple


class Recorded(NamedTuple):
    """What an event says of a call; `target` is (model, version)."""

    request_id: str
    subscription: int
    outcome: str
    http_status: int
    units: int
    target: tuple[int, int]


def join(answers, events, ours, target, allowed):
    """Counts of every kind of disagreement, as a dictionary.

    answers: [(label, status, request id)] as the client saw them; events: [Recorded]; ours: {subscription: label};
    target: what our calls were for; allowed: {label: statuses that a caller may see}.
    """
    by_id = {event.request_id: event for event in events}
    seen = {request_id: (label, status) for label, status, request_id in answers}
    acknowledged = [request_id for _, status, request_id in answers if 200 <= status < 300]
    unseen = [event for event in events if event.request_id not in seen]
    return {
        "answers": len(answers),
        "acknowledged": len(acknowledged),
        "events": len(events),
        "outcomes": Counter(event.outcome for event in events),
        "lost": len(set(acknowledged) - by_id.keys()),
        "duplicate": len(events) - len(by_id) + len(acknowledged) - len(set(acknowledged)),
        "foreign": sum(
            event.subscription not in ours or event.target != target for event in events
        ),
        "misrecorded": sum(
            not agrees(by_id[one], *seen[one], ours) for one in seen.keys() & by_id.keys()
        ),
        "unseen": len(unseen),
        "unseen_outcomes": Counter(event.outcome for event in unseen),
        "not_allowed": Counter(
            f"{label} {status}" for label, status, _ in answers if status not in allowed[label]
        ),
    }


def agrees(event, label, status, ours):
    """The event says what the client was told, and charges exactly what was answered."""
    answered = 200 <= status < 300
    said = ours.get(event.subscription) == label and event.http_status == status
    return said and (event.outcome == "ok") == answered and event.units == int(answered)
