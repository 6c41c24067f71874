"""How numbers, dates and states are written for people."""

from datetime import UTC, datetime

import pytest

from marketplace.lib.templatetags import present


@pytest.mark.parametrize(
    ("filter_name", "value", "shown"),
    [
        ("number", 12480, "12,480"), ("number", 0.5, "0.5"), ("number", None, "–"),
        ("compact", 12480, "12.5k"), ("compact", 1_283_221, "1.28M"), ("compact", 0, "0"),
        ("filesize", 999, "999 B"), ("filesize", 1_482_113, "1.48 MB"),
        ("ms", 240, "240 ms"), ("ms", 1200, "1.2 s"), ("us", 182_000, "182 ms"), ("us", None, "–"),
        ("percent", 0.9995, "99.95\u00a0%"), ("points", 100, "100\u00a0%"), ("points", None, "–"),
        ("money", 1_250_000, "1.25\u00a0USD"), ("money", 12, "0.000012\u00a0USD"), ("money", -500_000, "-0.50\u00a0USD"),
        ("initials", "Maya Ann Lindqvist", "ML"), ("initials", "", "?"),
        ("state_label", "changes_requested", "Changes requested"),
    ],
)  # fmt: skip
def test_a_value_is_written_with_its_unit(filter_name, value, shown):
    assert getattr(present, filter_name)(value) == shown


def test_a_time_says_its_zone():
    assert "23 Nov 2026, 12:31 UTC" in present.when(datetime(2026, 11, 23, 12, 31, tzinfo=UTC))


def test_one_call_is_not_one_calls():
    assert present.quantity(1, "call,calls") == "1 call"
    assert present.quantity(2, "call,calls") == "2 calls"


def test_every_tone_has_an_icon():
    states = ["approved", "deprecated", "rejected", "in_review", "stable", "draft"]
    assert all(present.state_icon(state) for state in states)
    assert present.tone("something nobody named") == "neutral"
