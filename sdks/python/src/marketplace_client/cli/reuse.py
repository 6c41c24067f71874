"""check-reuse: may this project be built? The record of a search before build says, and a comment tells the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from marketplace_client.cli.context import Context
from marketplace_client.cli.failures import NOT_PASSED, USAGE, Failure

DECISIONS = ("build", "extend", "reuse")
BUILDS = ("build", "extend")  # what lets a project begin


def check_reuse(context: Context) -> int:
    """Does the record hold, and does it say that something is built? For a pipeline that begins a project."""
    given = context.arguments
    number = re.sub(r"^\D*0*", "", given.record)
    if not number.isdigit():
        raise Failure("Say the record's number, such as 12 or SBR-12.", USAGE)
    found = context.portal.get("search-records", number, "verify", model=given.model)
    against = reasons_against(found, tuple(given.expect or BUILDS))
    if given.comment is not None:
        _comment(context, found, against)
    else:
        said = (
            [f"{found['number']} does not let this begin.", *against]
            if against
            else [_holds(found)]
        )
        context.out.document(found | {"passes": not against}, "\n".join(said))
    return NOT_PASSED if against else 0


def reasons_against(found: dict[str, Any], expected: tuple[str, ...]) -> list[str]:
    """Why the pipeline stops: the record does not hold, or says something else than is expected. [] when it goes on."""
    reasons = [str(reason["text"]) for reason in found["reasons"]]
    if found["passes"] and found["decision"] not in expected:
        reasons.append(
            f"It says {found['decision']}, and {' or '.join(expected)} is expected: subscribe to the model that it names."
        )
    return reasons


def _holds(found: dict[str, Any]) -> str:
    until = (found["expires_at"] or "")[:10]
    return f"{found['number']} holds: {found['decision']}, by {found['team']}, until {until}."


def _comment(context: Context, found: dict[str, Any], against: list[str]) -> None:
    """The comment for a pull request, to the file that was named, or to the standard output."""
    record = context.portal.get("search-records", found["number"].removeprefix("SBR-"))
    text = comment(record, found, against, context.portal.url)
    if context.arguments.comment == "-":
        context.out.document(found | {"passes": not against, "comment": text}, text)
    else:
        Path(context.arguments.comment).write_text(text + "\n", encoding="utf-8")


def comment(record: dict[str, Any], found: dict[str, Any], against: list[str], portal: str) -> str:
    """Markdown about a record: what it says, and what was found, with why each does not do."""
    verdict = "does not let this begin" if against else "holds"
    address = f"{portal}/search-records/{record['id']}/"
    lines = [f"### Search before build: [{record['number']}]({address}) {verdict}", ""]
    lines += [f"**{_plain(record['title'])}**", ""]
    lines += [f"- {_plain(reason)}" for reason in against]
    if not against:
        lines.append(f"- {_plain(_holds(found))}")
    if reason := record.get("decision_reason"):
        lines.append(f"- Because: {_plain(reason)}")
    lines += ["", "| found | fits | why it does not do |", "|---|---|---|"]
    lines += [_row(candidate, portal) for candidate in record["candidates"]]
    if not record["candidates"]:
        lines.append("| nothing | | |")
    return "\n".join(lines)


def _row(candidate: dict[str, Any], portal: str) -> str:
    name = _plain(candidate["name"])
    shown = f"[{name}]({portal}/models/{candidate['model']}/)" if candidate["model"] else name
    fits = f"{'strong, ' if candidate['is_strong'] else ''}{candidate['score']:.2f}"
    why = (
        f"{candidate['reason_code']}: {candidate['reason']}"
        if candidate["reason"]
        else "no reason yet"
    )
    return f"| {shown} | {fits} | {_plain(why)} |"


def _plain(text: str) -> str:
    """One line that Markdown shows as it is written: no headings, links, cells or HTML of somebody else's."""
    return re.sub(r"([\\`*_\[\]<>|#@])", r"\\\1", " ".join(str(text).split()))
