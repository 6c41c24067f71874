"""Charts as readers get them: named, with their numbers, without inline style."""

import pytest
from django.template import Context, Template

from marketplace.core.plots import Series

LABELS = ["Mon", "Tue", "Wed"]
SERIES = [
    Series("Answered", [5, 7, 2]),
    Series("Refused", [1, 0, None], tone="warn"),
]
CALLS = {
    "sparkline": '{% sparkline values label="Calls" %}',
    "line": '{% line_chart "Response time" labels values unit="ms" threshold=9 %}',
    "lines": '{% line_chart "Percentiles" labels series unit="ms" %}',
    "bars": '{% bar_chart "Calls a day" labels values unit="calls" %}',
    "stacked": '{% stacked_bars "Calls by outcome" labels series unit="calls" %}',
}


def draw(call, **context):
    given = {"labels": LABELS, "values": [5, 7, 2], "series": SERIES} | context
    return Template("{% load charts %}" + call).render(Context(given))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_chart_needs_inline_style(call):
    assert "style=" not in draw(call)


@pytest.mark.parametrize("name", ["line", "lines", "bars", "stacked"])
def test_a_chart_has_a_name_a_sentence_and_its_numbers(name):
    drawn = draw(CALLS[name])
    assert 'role="img"' in drawn and "<desc" in drawn
    assert all(f'<th scope="row">{label}</th>' in drawn for label in LABELS)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_data_is_no_error(call):
    assert draw(call, labels=[], values=[], series=[])


def test_names_are_escaped():
    assert "<script>" not in draw(CALLS["bars"], labels=["<script>"], values=[1])
