"""What `promtool check metrics` would say, without it: a test's own reader of the Prometheus text format."""

import re

from prometheus_client.parser import text_string_to_metric_families

NAME = re.compile(r"[a-z][a-z0-9_]*")


def faults(text):
    """[sentence]; empty when a scraper reads the document as it is meant."""
    found = list(_twice(text))
    families = list(text_string_to_metric_families(text))
    for family in families:
        if not NAME.fullmatch(family.name):
            found.append(f"{family.name}: not a plain name")
        if not family.documentation.strip():
            found.append(f"{family.name}: no help")
        if family.type == "unknown":
            found.append(f"{family.name}: no type")
        found += _of_samples(family)
    return found


def _twice(text):
    """A family is told in one piece, and each line once."""
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    yield from (f"{name}: told twice" for name in {name for name in heads if heads.count(name) > 1})
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    yield from (f"{line}: twice" for line in {line for line in lines if lines.count(line) > 1})


def _of_samples(family):
    for sample in family.samples:
        if family.type == "counter" and not sample.name.endswith(("_total", "_created")):
            yield f"{sample.name}: a counter that does not end in _total"
        if family.type == "gauge" and sample.name.endswith("_total"):
            yield f"{sample.name}: a gauge that ends in _total"
    if family.type == "histogram":
        yield from _of_buckets(family)


def _of_buckets(family):
    series = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = dict(sample.labels)
            edge = float(labels.pop("le"))
            series.setdefault(tuple(sorted(labels.items())), []).append((edge, sample.value))
    for labels, buckets in series.items():
        counts = [count for _, count in sorted(buckets)]
        if counts != sorted(counts) or max(edge for edge, _ in buckets) != float("inf"):
            yield f"{family.name}{dict(labels)}: buckets that do not add up"
