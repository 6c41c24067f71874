"""docs/gateway.md and the docstring of a call say what the code does: limits, states, headers."""

import re
from dataclasses import fields

import pytest

from hosting.gateway import call, headers
from hosting.gateway.config import GatewayConfig
from marketplace.launcher.rundir import ROOT

TEXT = (ROOT / "docs" / "gateway.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \|", re.MULTILINE)
CODE = {state: set(following) for state, following in call.TRANSITIONS.items()}


def states(lines):
    """{state: following states} of lines that begin with a state and end with what may follow."""
    return {
        call.State[name]: {
            call.State[following] for following in re.findall(r"\b[A-Z]{4,}\b", rest)
        }
        for name, rest in lines
    }


def test_every_limit_is_documented_with_its_default():
    documented = {name: float(number) for name, number in ROW.findall(TEXT)}
    defaults = GatewayConfig()
    assert documented == {
        field.name: float(getattr(defaults, field.name)) for field in fields(GatewayConfig)
    }


@pytest.mark.parametrize(
    "lines",
    [
        re.findall(r"^\| ([A-Z]{4,}) \|[^|]*\| ?([A-Z ]*)\|$", TEXT, re.MULTILINE),
        re.findall(r"^    ([A-Z]{4,}) .*?((?:[A-Z]{4,} ?)*)$", call.__doc__, re.MULTILINE),
    ],
    ids=["docs", "docstring"],
)
def test_the_table_of_transitions_is_the_one_that_the_code_has(lines):
    assert states(lines) == CODE


@pytest.mark.parametrize(
    ("direction", "names"),
    [("to the model", [*headers.FORWARDED]), ("from the model", [n for n, _ in headers.RETURNED])],
)
def test_the_headers_that_pass_are_documented(direction, names):
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {direction} |"))
    passed = row.partition(";")[0]
    assert [name.lower() for name in re.findall(r"`([\w-]+)`", passed)] == [
        name.decode() for name in names
    ]


def test_every_state_can_be_reached_and_ends():
    assert CODE[call.State.ENDED] == set()
    assert set().union(*CODE.values()) | {call.State.RECEIVED} == set(call.State)
    assert all(call.State.ENDED in following for state, following in CODE.items() if following)
