"""subscribe, keys, call, usage: the right to call, its keys, the calls, and what they came to."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marketplace_client import Client
from marketplace_client.cli import sign_in, tables
from marketplace_client.cli.context import Context
from marketplace_client.cli.failures import NOT_ALLOWED, NOT_FOUND, USAGE, Failure
from marketplace_client.errors import MarketplaceError

OPEN = ("pending", "active", "paused")


def subscribe(context: Context) -> int:
    """Subscribe an application, unless it is: the same again changes nothing."""
    given, portal = context.arguments, context.portal
    plan = _plan(context)
    held = portal.rows("subscriptions", application=given.application, model=given.model)
    found = next((row for row in held if row["state"] in OPEN), None)
    if found is None:
        asked = {"application": given.application, "plan": plan["id"], "purpose": given.purpose}
        if given.policy:
            asked["version_policy"] = given.policy
        if given.expected_calls:
            asked["expected_calls_a_month"] = given.expected_calls
        found = portal.post("subscriptions", data=asked | _more(given.set))
    elif found["plan"] != plan["slug"]:
        raise Failure(
            f"{given.application} is subscribed on the plan {found['plan']}: change it on its page."
        )
    text = f"{found['application']} → {found['model']} on {found['plan']}: {found['state']} (subscription {found['id']})"
    context.out.document(found, text)
    return 0


def _plan(context: Context) -> dict[str, Any]:
    given = context.arguments
    plans = [row for row in context.portal.rows("plans", model=given.model) if row["is_offered"]]
    if not plans:
        raise Failure(f"{given.model} offers no plan, or you may not see it.", NOT_FOUND)
    chosen = [row for row in plans if row["slug"] == given.plan] if given.plan else plans
    if len(chosen) != 1:
        raise Failure(f"Say --plan: one of {', '.join(row['slug'] for row in plans)}.", USAGE)
    return chosen[0]


def _more(words: list[str]) -> dict[str, Any]:
    """name=value; the value is JSON, or else a text."""
    more = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise Failure(f"--set takes name=value, not {word}.", USAGE)
        try:
            more[name] = json.loads(text)
        except ValueError:
            more[name] = text
    return more


def keys(context: Context) -> int:
    return {
        "list": _list_keys,
        "create": _create_key,
        "rotate": _rotate_key,
        "revoke": _revoke_key,
    }[context.arguments.act](context)


def _list_keys(context: Context) -> int:
    rows = context.portal.rows("keys", subscription=context.arguments.subscription)
    columns = ("kid", "name", "application", "model", "state", "expires_at", "last_used_at")
    context.out.table(rows, columns, "No keys.")
    return 0


def _create_key(context: Context) -> int:
    given = context.arguments
    if given.subscription is None:
        raise Failure("Say --subscription: its number, as `subscribe` prints it.", USAGE)
    wanted = {"subscription": given.subscription, "name": given.name, "days": given.days}
    return _shown_once(context, context.portal.post("keys", data=wanted))


def _rotate_key(context: Context) -> int:
    data = {"overlap_hours": context.arguments.overlap_hours}
    return _shown_once(context, context.portal.post("keys", _kid(context), "rotate", data=data))


def _revoke_key(context: Context) -> int:
    made = context.portal.post(
        "keys", _kid(context), "revoke", data={"reason": context.arguments.reason}
    )
    context.out.document(made, f"{made['kid']} no longer works.")
    return 0


def _kid(context: Context) -> str:
    if not context.arguments.kid:
        raise Failure("Say which key: its eight characters, as `keys list` prints them.", USAGE)
    return str(context.arguments.kid)


def _shown_once(context: Context, made: dict[str, Any]) -> int:
    """The text of the key and nothing else on the standard output, so that a pipeline can take it."""
    context.out.say(f"{made['kid']} until {made['expires_at'][:10]}. Its text is shown this once:")
    context.out.document(made, made["text"] or "")
    return 0


def call(context: Context) -> int:
    """Rows of a file through the model, piece by piece; what was written is never sent again."""
    given = context.arguments
    if given.batch < 1:
        raise Failure("--batch is at least 1.", USAGE)
    with ExitStack() as stack:
        client = stack.enter_context(_client(context))
        types = {entry["name"]: entry["datatype"] for entry in client.metadata()["inputs"]}
        form = tables.form_of(given.input, given.format)
        source = context.world.stdin
        if given.input != "-":
            source = stack.enter_context(Path(given.input).open(encoding="utf-8-sig", newline=""))
        rows = tables.read(source, form, types)
        if given.output == "-":
            return _call_to_stdout(context, client, rows)
        path = Path(given.output)
        results = stack.enter_context(
            tables.Results(path, tables.form_of(given.output, None), given.resume)
        )
        _send(context, client, rows, results)
        context.out.end_progress()
        told = {"rows": results.done, "output": str(path), "model": given.model}
        context.out.document(told, f"{results.done} rows in {path}.")
    return 0


def _client(context: Context) -> Client:
    given, environment = context.arguments, context.world.environment
    gateway = given.gateway or sign_in.read(environment).gateway
    key = environment.get("MARKETPLACE_API_KEY", "")
    if not gateway or not key:
        raise Failure(
            "Say --gateway (or MARKETPLACE_GATEWAY_URL) and set MARKETPLACE_API_KEY. A key never goes on the command line: "
            "others see it there.",
            NOT_ALLOWED,
        )
    return Client(
        given.model,
        gateway=gateway,
        key=key,
        version=given.version or "",
        timeout=given.timeout,
        sleep=context.world.sleep,
    )


def _send(
    context: Context, client: Client, rows: Iterator[dict[str, Any]], results: tables.Results
) -> None:
    """Skip what is there, send the rest. A failure says how to go on; what came before it is written."""
    if results.done:
        skipped = sum(1 for _ in itertools.islice(rows, results.done))
        if skipped < results.done:
            raise Failure(
                f"{results.path} has more rows than the input: it is of another one.", USAGE
            )
        context.out.say(f"{results.done} rows are there already.")
    while piece := list(itertools.islice(rows, context.arguments.batch)):
        before = results.done
        try:
            results.write(list(client.predict(piece, binary=context.arguments.binary)))
        except MarketplaceError as error:
            if error.predictions is not None:
                results.write(list(error.predictions))
            context.out.end_progress()
            row = getattr(error, "row", None)
            where = f" Row {before + row + 1} of the input." if isinstance(row, int) else ""
            context.out.say(f"{results.done} rows are written.{where} Go on with --resume.")
            raise
        context.out.progress(f"{results.done} rows")


def _call_to_stdout(context: Context, client: Client, rows: Iterator[dict[str, Any]]) -> int:
    while piece := list(itertools.islice(rows, context.arguments.batch)):
        for row in client.predict(piece, binary=context.arguments.binary):
            line = json.dumps(tables.finite_row(row), ensure_ascii=False)
            print(line, file=context.world.stdout)
    return 0


def usage(context: Context) -> int:
    """The statement of a month: what one's teams called, and what it cost."""
    given = context.arguments
    month = given.month or f"{datetime.now(UTC):%Y-%m}"
    lines = [
        line
        for line in context.portal.get("statements", month)
        if (not given.model or line["model"] == given.model)
        and (not given.application or line["application"] == given.application)
    ]
    columns = (
        "application",
        "model",
        "version",
        "plan",
        "calls",
        "ok",
        "client_errors",
        "upstream_errors",
        "cost",
        "currency",
    )
    context.out.table(lines, columns, f"No calls in {month}.")
    return 0
