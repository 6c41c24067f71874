"""The project speaks its field's language: words that were retired do not come back. The test names their replacement."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (
    "README.md manage.py bench catalog consumption docs governance hosting marketplace publishing"
    " templates tests"
)
# Retired word (a regular expression for whole words, in any case) → what to write instead.
RETIRED = {
    r"spool(s|ed)?|spool_\w+|\w+_spool": "usage journal",
    r"tombstones?|tombstone_\w+|bury|buried|graves?": "emergency revocation, deny",
    r"tally": "rejection counter",
    r"refusedhour|refused_hours?": "RejectedHour",
    r"noroom|no_room|no-room": "InsufficientStorage, disk space",
    r"hearings?|be_patient|carry_on|patience": "health, deadline, set_database_deadline",
    r"open_model|model_frame|shown_version": "get_visible_model_or_404, model_context, selected_version",
    r"guardian|lineup|leftovers": "subreaper, process definitions, orphaned processes",
    r"steered|may steer|can_steer": "manage",
    r"troubles?": "alerts",
    r"footing": "PostgresServer",
    r"keyring|key ring|subscriber_of|doorway": "KeyCache, ApiKeyRecord, ConnectionLimiter",
    r"in_a_pass|may_begin|seats?|_sit_down|_spill": "FairScheduler, SharedConcurrencyLimiter",
    r"put_off|redis_line|greetings|redis_trips_total": "delay_rejection, redis_client, handshake",
    r"gateway_refused_\w+|turned_away\w*|lag_seconds": "gateway_rejections_…, event_loop_lag_seconds",
    r"nudges?|nudged": "invalidate, notification",
    r"fired|firings": "injected_faults",
    r"doors?": "endpoint, interface",
    r"not with this method|it collides with what is there": "Method not allowed, Conflict",
}
# (path, word): why English needs the word there.
ALLOWED = {
    ("docs/decisions/0012-permissions-as-queries.md", "guardian"): "the package django-guardian",
    (
        "marketplace/demo/company/models/credit.py",
        "door",
    ): "a score opens a door, in a card's prose",
    ("tests/browser/test_looks.py", "grave"): "a grave fault of accessibility",
}


@cache
def texts():
    return list(_texts())


def _texts():
    for place in PLACES.split():
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in (".py", ".html", ".md") and "migrations" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file.read_text()


@pytest.mark.parametrize(("word", "instead"), RETIRED.items())
def test_retired_words_do_not_come_back(word, instead):
    pattern = re.compile(rf"\b({word})\b", re.IGNORECASE)
    uses = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path, text in texts()
        if path != "tests/core/test_language.py"
        for match in pattern.finditer(text)
        if (path, match[0].lower()) not in ALLOWED
    ]
    assert not uses, f"write {instead!r} instead:\n" + "\n".join(uses)


def test_the_exceptions_are_needed():
    for path, word in ALLOWED:
        assert re.search(rf"\b{word}\b", (ROOT / path).read_text(), re.IGNORECASE), (path, word)
