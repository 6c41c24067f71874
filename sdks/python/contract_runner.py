"""Makes the calls of the contract suite with this client: reads a plan as JSON, writes one outcome a line.

python contract_runner.py [--async] < plan.json
"""

import asyncio
import inspect
import json
import math
import sys
import warnings

from marketplace_client import AsyncClient, Client, DeprecatedVersion, MarketplaceError


def unmarked(value):
    """JSON has no NaN; cases write it as an object."""
    if isinstance(value, dict):
        if "$nan" in value:
            return math.nan
        if "$infinity" in value:
            return math.inf
        return {name: unmarked(inner) for name, inner in value.items()}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


def marked(value):
    if isinstance(value, float) and not math.isfinite(value):
        return {"$nan": True} if math.isnan(value) else {"$infinity": True}
    if isinstance(value, dict):
        return {name: marked(inner) for name, inner in value.items()}
    return [marked(inner) for inner in value] if isinstance(value, list) else value


def data_of(given):
    if "counting" in given:
        return [{"income": float(number), "debt": 0.0} for number in range(given["counting"])]
    return unmarked(given.get("rows") or given["columns"])


def facts_of(predictions):
    deprecation = predictions.deprecation
    return {
        "rows": marked(list(predictions)),
        "calls": len(predictions.calls),
        "version": predictions.model_version,
        "request_ids": predictions.request_ids,
        "trace_id": predictions.calls[0].trace_id,
        "limits": {
            name: {"remaining": limit.remaining, "quota": limit.quota, "reset_s": limit.reset_s}
            for name, limit in predictions.limits.items()
        },
        "deprecation": deprecation
        and {
            "since": int(deprecation.since.timestamp()),
            "sunset": int(deprecation.sunset.timestamp()),
            "successor": deprecation.successor,
        },
    }


def error_of(error):
    names = (
        "kind",
        "may_have_run",
        "status",
        "slug",
        "detail",
        "request_id",
        "field",
        "row",
        "retry_after",
        "successor",
    )
    found = {name: getattr(error, name, None) for name in names}
    done = len(error.predictions) if error.predictions is not None else 0
    return found | {"done": done, "trace_id": error.trace_id}


async def outcome_of(call, is_async):
    """One call of the plan. Pauses are written down instead of waited for."""
    waits = []

    def note(seconds):
        waits.append(seconds)

    async def note_async(seconds):
        waits.append(seconds)

    kind = AsyncClient if is_async else Client
    client = kind(
        call["model"],
        gateway=call["gateway"],
        portal=call["gateway"],
        key=call["key"],
        sleep=note_async if is_async else note,
        **call.get("settings", {}),
    )

    async def done(result):
        return await result if inspect.isawaitable(result) else result

    facts = {"name": call["name"], "error": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if "feedback" in call:
                facts["feedback"] = await done(client.feedback(call["feedback"]))
            else:
                if call.get("warm"):
                    await done(client.metadata())
                options = {"binary": call.get("binary", False), "timeout": call.get("call_timeout")}
                for _ in range(call.get("times", 1)):
                    facts |= facts_of(await done(client.predict(data_of(call["given"]), **options)))
        except MarketplaceError as error:
            facts["error"] = error_of(error)
    await done(client.close())
    deprecations = [one for one in caught if issubclass(one.category, DeprecatedVersion)]
    return facts | {"waits": waits, "warnings": len(deprecations)}


async def main():
    for call in json.load(sys.stdin)["calls"]:
        print(json.dumps(await outcome_of(call, "--async" in sys.argv)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
