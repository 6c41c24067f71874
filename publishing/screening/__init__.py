"""Screening: what is read, not run, of a version at each submission: its texts, requirements, licences, and what is like it.

Every result is evidence (governance.gates, producer `publishing.screening`); docs/governance.md, "Screening", has the rules.
"""

import time

from catalog import search
from catalog.actions import SIMILAR_REASON_MIN
from catalog.models import ModelVersion, RegisteredModel
from governance.actions import record_gate
from governance.models import GateResult
from publishing.screening import disclosures, licences, requirements, texts
from publishing.screening.found import Found, Severity, Verdict, listed

TOOL = "screening/1"
MOST_DISCLOSURES = 50
MOST_ALIKE = 5


def record(version: ModelVersion) -> list[GateResult]:
    """Screen a version that was submitted, and keep what was found. Returns one GateResult a gate."""
    results = []
    for found_by in PRODUCERS.values():
        started = time.monotonic()
        found = found_by(version)
        results.append(_kept(version, found, round((time.monotonic() - started) * 1000)))
    return results


def record_one(version: ModelVersion, gate: str) -> GateResult:
    """The same for one gate: for versions that were submitted before there was one."""
    return _kept(version, PRODUCERS[gate](version), 0)


def _kept(version: ModelVersion, found: Found, duration_ms: int) -> GateResult:
    return record_gate(
        version,
        found.gate,
        found.verdict,
        found.summary,
        severity=found.severity,
        tool=TOOL,
        remedy=found.remedy,
        metrics=found.metrics,
        duration_ms=duration_ms,
    )


def disclosed(version: ModelVersion) -> Found:
    """Personal data and secrets in what people wrote and packed."""
    files, graph = texts.files(version), texts.graph(version)
    read = [*texts.written(version), *texts.example(version), *files.texts, *graph.texts]
    seen: list[disclosures.Disclosure] = []
    for text in read:
        of_graph = text in graph.texts
        for one in disclosures.disclosures(text.text, text.place, is_prose=text.is_prose):
            if len(seen) < MOST_DISCLOSURES and (one.is_certain or not of_graph):
                seen.append(one)
    unread = files.size - files.read + graph.size - graph.read
    metrics = {
        "texts": len(read),
        "characters": sum(len(text.text) for text in read),
        "bytes_not_read": unread,
        "findings": [one.as_data() for one in seen],
    }
    certain = [str(one) for one in seen if one.is_certain]
    if certain:
        return Found("secrets", Verdict.FAIL, f"{listed(certain)}.", metrics=metrics)
    doubts = [str(one) for one in seen]
    if unread:
        doubts.append(f"{unread} bytes of the package are too many to read")
    if doubts:
        remedy = "Take out what is real; reviewers judge what stays."
        return Found(
            "secrets",
            Verdict.INCONCLUSIVE,
            f"Perhaps: {listed(doubts)}.",
            Severity.WARN,
            remedy,
            metrics,
        )
    said = f"{len(read)} texts were read, those of the package too: nothing that looks like a secret or like data of a person."
    return Found("secrets", Verdict.PASS, said, metrics=metrics)


def alike(version: ModelVersion) -> Found:
    """Published models that may do the same already, among those that its team may see."""
    model, by = version.model, version.submitted_by or version.created_by
    others = RegisteredModel.objects.visible_to(by).published().exclude(pk=model.pk)
    found = search.similar_to(others, model.name, model.summary, limit=MOST_ALIKE)
    metrics = {
        "alike": [
            {"model": one.model.name, "likeness": round(one.score, 2), "words": one.words[:5]}
            for one in found
        ],
        "asked_from": search.SIMILAR_ENOUGH,
    }
    near = [
        f"{one.model.name} ({one.score:.2f})" for one in found if one.score >= search.SIMILAR_ENOUGH
    ]
    if not near:
        said = "No published model does the same by its name and summary."
        return Found("duplicates", Verdict.PASS, said, metrics=metrics)
    if len(model.similar_reason.strip()) >= SIMILAR_REASON_MIN:
        said = f"Like it: {listed(near)}. Its team says why another one: {model.similar_reason}"
        return Found("duplicates", Verdict.PASS, said, metrics=metrics)
    said = f"Like it: {listed(near)}; its entry does not say why another one is needed."
    return Found("duplicates", Verdict.FAIL, said, metrics=metrics)


PRODUCERS = {
    "secrets": disclosed,
    requirements.GATE: requirements.found,
    licences.GATE: licences.found,
    "duplicates": alike,
}
