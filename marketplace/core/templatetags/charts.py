"""Charts drawn by the server as SVG, each with a name, a sentence and its numbers as a table.

    {% load charts %}
    {% sparkline model.calls_14d label="Calls in the last 14 days" %}
    {% line_chart "Response time" labels series unit="ms" threshold=300 %}
    {% stacked_bars "Calls by outcome" labels series unit="calls" %}
    {% bar_chart "Calls a day" labels values unit="calls" %}

`labels` is a list of texts, one per position. `series` is a list of
{"name": text, "values": [number or None, …], "tone": "1".."5" | good | warn | bad | neutral (optional)}.
"""

from django import template
from django.utils.text import slugify

from marketplace.core import plots
from marketplace.core.templatetags.formatting import compact, number

register = template.Library()

HEIGHT = 190


@register.inclusion_tag("components/charts/sparkline.html")
def sparkline(values, label="Trend"):
    """A word-sized area line. `values` are numbers; None is drawn as 0."""
    values = [v or 0 for v in values or []]
    top = plots.nice_ceiling(max(values, default=0))
    return {
        "line": plots.line_path(values, top, 30),
        "area": plots.area_path(values, top, 30),
        "label": f"{label}: {_range(values)}",
    }


@register.inclusion_tag("components/charts/line.html")
def line_chart(title, labels, series, unit="", threshold=None, height=HEIGHT, steps=False):
    """Lines over time. `threshold` draws a dashed limit in the same unit, named in the legend; `steps` for what jumps."""
    series = _named(series, title)
    top = _top([*_flat(series), threshold or 0])
    line = plots.step_path if steps else plots.line_path
    drawn = [_drawn_line(s, top, height, len(series) == 1, line) for s in series]
    limit = None if threshold is None else {"value": threshold, "y": height * (1 - threshold / top)}
    return _chart_context(title, labels, series, unit, top, height) | {
        "drawn": drawn,
        "limit": limit,
    }


@register.inclusion_tag("components/charts/bars.html")
def stacked_bars(title, labels, series, unit="", height=HEIGHT):
    """Bars whose parts add up, one part per series."""
    series = _named(series, title)
    values = [s["values"] for s in series]
    top = _top(plots.totals(values))
    layers = plots.stack(values, labels, top, height)
    drawn = [s | {"bars": bars} for s, bars in zip(series, layers, strict=True)]
    return _chart_context(title, labels, series, unit, top, height) | {"drawn": drawn}


@register.inclusion_tag("components/charts/bars.html")
def bar_chart(title, labels, values, unit="", height=HEIGHT):
    """Plain bars: `stacked_bars` with one series."""
    return stacked_bars(title, labels, [{"name": title, "values": values}], unit, height)


def _named(series, title):
    """Accept bare numbers as one series; give every series a tone."""
    if series and not isinstance(series[0], dict):
        series = [{"name": title, "values": list(series)}]
    return [{"tone": str(i % 5 + 1), **s} for i, s in enumerate(series)]


def _drawn_line(series, top, height, filled, line):
    whole = filled and None not in series["values"]
    area = plots.area_path(series["values"], top, height, line) if whole else ""
    return series | {"line": line(series["values"], top, height), "area": area}


def _chart_context(title, labels, series, unit, top, height):
    """The context that all chart templates share."""
    labels = list(labels)
    return {
        "title": title,
        "unit": unit,
        "key": f"chart-{slugify(title)}",
        "height": height,
        "full_height": height + 22,
        "label_y": height + 17,
        "series": series,
        "labels": plots.axis_labels(labels),
        "ticks": [
            {"y": t.y, "text_y": t.y + 4, "text": compact(t.value)}
            for t in plots.ticks(top, height)
        ],
        "summary": f"{_range(_flat(series))} {unit}".strip(),
        "rows": _rows(labels, series),
    }


def _rows(labels, series):
    """The table behind the drawing: one row per label, one number per series."""
    columns = [s["values"] for s in series]
    return [(label, [column[i] for column in columns]) for i, label in enumerate(labels)]


def _top(values):
    """The top of the vertical axis: at least 4 for whole numbers, so that the grid never splits one call."""
    least = 4 if all(float(v).is_integer() for v in values) else 0
    return plots.nice_ceiling(max([*values, least], default=least))


def _flat(series):
    return [v for s in series for v in s["values"] if v is not None]


def _range(values):
    if not values:
        return "no data yet"
    return f"from {number(min(values))} to {number(max(values))}, latest {number(values[-1])}"
