"""One suite for all clients: sdks/contract/cases.json against a scripted server, in the real runtimes."""

import importlib.util
import re
import socket

import pytest

from tests.sdks.runners import RUNNERS, SDKS

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contract = loaded(SDKS / "contract" / "scripted_server.py")


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def ran():
    """run(runner) → ({case: outcome}, server), each runner once for all cases: a runtime is slow to start."""
    with contract.ScriptedServer() as server:
        done = {}

        def run(runner):
            if runner.id not in done:
                done[runner.id] = runner.run(
                    [planned(case, server, runner.id) for case in contract.CASES]
                )
            return done[runner.id], server

        yield run


def planned(case, server, run):
    gateway = server.address(run, case["name"])
    if case.get("closed_port"):
        gateway = f"http://127.0.0.1:{closed_port()}"
    asked = {
        name: value for name, value in case.items() if name not in ("says", "script", "expect")
    }
    return asked | {"gateway": gateway, "model": contract.MODEL, "key": contract.KEY}


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.id)
@pytest.mark.parametrize("case", contract.CASES, ids=lambda case: case["name"])
def test_case(ran, runner, case):
    outcomes, server = ran(runner)
    outcome, seen, expected = (
        outcomes[case["name"]],
        server.seen[runner.id, case["name"]],
        case["expect"],
    )
    if "error" in expected:
        assert outcome["error"] is not None, outcome
        assert {name: outcome["error"].get(name) for name in expected["error"]} == expected["error"]
    else:
        assert outcome["error"] is None
    keep_the_answer(outcome, expected)
    keep_the_requests(seen, expected)
    keep_the_headers(case, outcome, seen)


def keep_the_answer(outcome, expected):
    for name in (
        "rows",
        "version",
        "request_ids",
        "limits",
        "warnings",
        "deprecation",
        "feedback",
        "calls",
    ):
        if name in expected:
            assert outcome[name] == expected[name], name
    if "count" in expected:
        assert [row["score"] for row in outcome["rows"]] == list(range(expected["count"]))
    if "waits" in expected:
        assert len(outcome["waits"]) == expected["waits"]
    for wait, least in zip(outcome["waits"], expected.get("waits_at_least", []), strict=False):
        assert wait >= least, "a wait is never shorter than Retry-After"


def keep_the_requests(seen, expected):
    inferences = seen.inferences
    if "requests" in expected:
        assert len(inferences) == expected["requests"]
    if "metadata_requests" in expected:
        assert seen.metadata == expected["metadata_requests"]
    if "sent" in expected:
        assert [sent.columns for sent in inferences] == expected["sent"]
    if "pieces" in expected:
        assert [sent.rows for sent in inferences] == expected["pieces"]
    if "largest_body" in expected:
        assert (
            len(inferences) > 1
            and max(sent.size for sent in inferences) <= expected["largest_body"]
        )
    if "each_row_once" in expected:
        assert seen.answered == list(range(expected["count"]))
    if "is_binary" in expected:
        assert all(sent.is_binary for sent in inferences)
    for name, shape in expected.get("shapes", {}).items():
        assert [tensor["shape"] for tensor in inferences[0].tensors if tensor["name"] == name] == [
            shape
        ]
    for name, datatype in expected.get("datatypes", {}).items():
        assert [
            tensor["datatype"] for tensor in inferences[0].tensors if tensor["name"] == name
        ] == [datatype]


def keep_the_headers(case, outcome, seen):
    """Every request has the key and a W3C trace of its own span; one call is one trace."""
    spans = []
    for headers in seen.headers:
        trace, span = TRACEPARENT.fullmatch(headers["traceparent"]).groups()
        spans.append(span)
        has_key = (
            headers.get("authorization") == f"Bearer {contract.KEY}"
            or headers.get("x-api-key") == contract.KEY
        )
        assert has_key
        assert int(trace, 16) and int(span, 16)
    assert len(set(spans)) == len(spans)
    told = outcome["error"]["trace_id"] if outcome["error"] else outcome.get("trace_id")
    if told and seen.inferences:
        assert seen.inferences[-1].headers["traceparent"].split("-")[1] == told
    if "feedback" in case:
        assert seen.feedback == [{"outcomes": case["feedback"]}]
