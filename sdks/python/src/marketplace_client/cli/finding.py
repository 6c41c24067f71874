"""login, logout, search, show, try: who one is, and which models there are."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

from marketplace_client import tensors
from marketplace_client.cli import sign_in, tables
from marketplace_client.cli.context import Context
from marketplace_client.cli.failures import NOT_FOUND, NOT_NOW, REFUSED, USAGE, Failure
from marketplace_client.cli.portal import Portal


def login(context: Context) -> int:
    """Keep the portal's address and a token, when the portal knows it."""
    given, world = context.arguments, context.world
    kept = sign_in.read(world.environment)
    url = given.url or kept.portal
    if not url.startswith(("https://", "http://")):
        raise Failure(
            "Say the portal's address: marketplace login https://marketplace.example.com", USAGE
        )
    token = world.stdin.readline() if given.token_stdin else getpass.getpass("Token (mkp_…): ")
    portal = Portal(url, token.strip(), world.transport, world.sleep)
    person = portal.get("me")
    new = sign_in.SignIn(portal.url, token.strip(), given.gateway or kept.gateway)
    file = sign_in.keep(new, world.environment)
    teams = ", ".join(team["name"] for team in person["teams"]) or "no team"
    context.out.document(
        person, f"Signed in as {person['display_name']} ({teams}). Kept in {file}."
    )
    return 0


def logout(context: Context) -> int:
    sign_in.forget(context.world.environment)
    context.out.say(
        "The token is forgotten here. It still works elsewhere: revoke it under Tokens in your menu."
    )
    return 0


def search(context: Context) -> int:
    given = context.arguments
    rows = context.portal.rows(
        "models",
        most=given.limit,
        q=" ".join(given.words) or None,
        domain=given.domain,
        capability=given.capability,
        tier=given.tier,
    )
    columns = (
        "slug",
        "name",
        "stable_version",
        "risk_tier",
        "owner_team",
        "consumer_teams",
        "summary",
    )
    context.out.table(rows, columns, "Nothing fits. A need can be said at /needs/.")
    return 0


def show(context: Context) -> int:
    """A model, its versions and plans, and what the asked (or the stable) version takes."""
    given, portal = context.arguments, context.portal
    model = portal.get("models", given.model)
    plans = portal.rows("plans", model=given.model)
    versions = portal.rows("versions", model=given.model)
    number = given.version or model["stable_version"]
    version = portal.get("models", given.model, "versions", number) if number else None
    document = {"model": model, "version": version, "versions": versions, "plans": plans}
    context.out.document(document, "" if given.json else _described(document))
    return 0


def _described(document: dict[str, Any]) -> str:
    from marketplace_client.cli.output import aligned

    model, version = document["model"], document["version"]
    parts = [f"{model['name']} ({model['slug']})", model["summary"], ""]
    parts.append(
        f"Team {model['owner_team']}, {model['support_contact']}; risk {model['risk_tier'] or 'not judged'}"
    )
    if version:
        parts += ["", f"Version {version['number']}, {version['state']}"]
        signature = version["signature"] or {}
        for side in ("inputs", "outputs"):
            if fields := signature.get(side):
                parts += ["", aligned(fields, ("name", "datatype", "shape", "unit", "description"))]
    if document["versions"]:
        parts += [
            "",
            aligned(
                document["versions"], ("number", "state", "published_at", "sunset_at", "successor")
            ),
        ]
    if document["plans"]:
        columns = (
            "slug",
            "name",
            "approval",
            "rate_per_second",
            "monthly_quota",
            "price",
        )
        parts += ["", aligned(document["plans"], columns)]
    return "\n".join(parts)


def try_model(context: Context) -> int:
    """One request in the sandbox: free, no key, sixty an hour."""
    given, portal = context.arguments, context.portal
    number = given.version or portal.get("models", given.model)["stable_version"]
    if not number:
        raise Failure(f"{given.model} has no stable version: say --version.", NOT_FOUND)
    version = portal.get("models", given.model, "versions", number)
    inputs = version["signature"].get("inputs", [])
    types = {
        entry["name"]: tensors.TensorType(entry["datatype"], tuple(entry["shape"]))
        for entry in inputs
    }
    columns = _columns(context, version, types)
    body, _ = tensors.encode(columns, types, binary=False)
    path = ("models", given.model, "versions", number, "tries")
    tried = portal.post(*path, data={"request": json.loads(body)})
    answer = tried["answer"] or {}
    if tried["status"] != 200:
        context.out.document(tried, tried["why_not"] or str(answer.get("detail", "")))
        is_refused = 400 <= tried["status"] < 500 and tried["status"] != 429
        return REFUSED if is_refused else NOT_NOW
    context.out.document(tried, _answered(tried, len(next(iter(columns.values())))))
    return 0


def _answered(tried: dict[str, Any], count: int) -> str:
    """The rows of the answer, a JSON object a line, and what the try was."""
    columns = tensors.decode(json.dumps(tried["answer"]).encode(), None, count)
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    lines = [json.dumps(tables.finite_row(row), ensure_ascii=False) for row in rows]
    facts = f"version {tried['version']}, {tried['latency_ms']:.0f} ms, {tried['calls_left']} tries left this hour"
    return "\n".join([*lines, facts])


def _columns(
    context: Context, version: dict[str, Any], types: dict[str, tensors.TensorType]
) -> tensors.Columns:
    """What to send: --row, --input, or the version's own example."""
    given = context.arguments
    if given.row:
        try:
            return tensors.columns_of([json.loads(row) for row in given.row])
        except ValueError as wrong:
            raise Failure(
                f"--row is an object, such as '{{\"income\": 4000}}': {wrong}", USAGE
            ) from None
    if given.input:
        datatypes = {name: kind.datatype for name, kind in types.items()}
        with Path(given.input).open(encoding="utf-8-sig", newline="") as file:
            form = tables.form_of(given.input, given.format)
            return tensors.columns_of(tables.read(file, form, datatypes))
    context.out.say("Without --row or --input: the version's own example.")
    return {entry["name"]: entry["data"] for entry in version["example"].get("inputs", [])}
