"""What the replicas count (`hosting.model_server.figures`), as Ray's agents tell it: ours out of some thousand lines of Ray's own."""

import urllib.request

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

PREFIX = "ray_model_"
LINES = (PREFIX, f"# HELP {PREFIX}", f"# TYPE {PREFIX}")
LABELS = ("application", "replica", "status", "le")
NODE_BUSY = "ray_node_cpu_utilization"
TIMEOUT_S = 3


def families(urls):
    """The families of all agents as prometheus_client's Metrics, named `model_…`. Raises OSError, ValueError, http.client.HTTPException."""
    found = {}
    for url in urls:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            for family in read(answer.read().decode()):
                known = found.setdefault(family.name, family)
                if known is not family:
                    known.samples.extend(family.samples)
    return list(found.values())


def busiest_percent(urls):
    """How busy the processors of the busiest node are; 0.0 when no agent tells. Raises as `families`."""
    found = [0.0]
    for url in urls:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            lines = answer.read().decode().splitlines()
        found += [float(line.rpartition(" ")[2]) for line in lines if line.startswith(NODE_BUSY)]
    return max(found)


def read(text):
    """One agent's text → [Metric], with those labels that mean something outside Ray; without the sums of histograms, which
    Ray only guesses."""
    ours = "\n".join(line for line in text.splitlines() if line.startswith(LINES)) + "\n"
    return [_renamed(family) for family in text_string_to_metric_families(ours)]


def _renamed(family):
    ours = Metric(family.name.removeprefix("ray_"), family.documentation, family.type)
    for sample in family.samples:
        if family.type == "histogram" and sample.name.endswith("_sum"):
            continue
        labels = {name: sample.labels[name] for name in LABELS if name in sample.labels}
        ours.add_sample(sample.name.removeprefix("ray_"), labels, sample.value)
    return ours
