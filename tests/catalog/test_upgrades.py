"""No automatic update breaks a caller, whatever was published, by whatever rule (docs/governance.md, "Automatic updates")."""

import copy
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from catalog import upgrades
from catalog.compatibility import breaks, compare
from tests.publishing.contracts import field, given

EDITS = {
    "datatype": st.sampled_from(["INT32", "INT64", "FP32", "FP64"]),
    "minimum": st.none() | st.integers(0, 2),
    "enum": st.none() | st.lists(st.integers(0, 2), min_size=1, unique=True),
    "required": st.booleans(),
    "unit": st.sampled_from(["", "USD"]),
}
FIELDS = st.dictionaries(st.sampled_from("ab"), st.fixed_dictionaries({}, optional=EDITS))
RELEASES = st.lists(
    st.tuples(
        st.integers(1, 2), st.integers(0, 2), st.integers(0, 2), st.sampled_from([1, 10_000])
    ),
    min_size=1,
    max_size=7,
    unique=True,
)
POLICIES = st.sampled_from(list(upgrades.SAME_PARTS))
HOLDS = {"a": {"minimum": 0, "maximum": 9}}


def version(precedence, inputs=None, outputs=("y",), published_at=0, **more):
    signature = {
        "inputs": [given(name, **edits) for name, edits in (inputs or HOLDS).items()],
        "outputs": [field(name) for name in outputs],
    }
    return SimpleNamespace(
        precedence=precedence,
        is_candidate=precedence[3] < 10_000,
        published_at=published_at,
        signature=signature,
        sla=more.pop("sla", {}),
        **more,
    )


@st.composite
def histories(draw):
    """Versions in the order in which they were published; their contracts have nothing to do with their numbers."""
    numbers = draw(RELEASES)
    made = []
    for at, number in enumerate(numbers):
        like = draw(st.sampled_from(made)) if made and draw(st.booleans()) else None
        one = version(number, draw(FIELDS) or HOLDS, draw(st.sampled_from(["y", "yz"])), at)
        one.signature = copy.deepcopy(like.signature) if like else one.signature
        made.append(one)
    return made


@drawn(histories(), POLICIES, st.data())
def test_nobody_is_moved_across_a_breaking_finding(versions, policy, data):
    """After each publication: what answers now is higher, of the same line, and breaks nothing of what answered before."""
    pinned = data.draw(st.sampled_from(versions))
    answers = [
        max(upgrades.followed(policy, pinned, versions[: at + 1]), key=lambda one: one.precedence)
        for at in range(len(versions))
    ]
    for before, after in pairwise([pinned, *answers]):
        assert after.precedence >= before.precedence
        assert after is pinned or not after.is_candidate
        assert (
            after.precedence[: upgrades.SAME_PARTS[policy]]
            == (pinned.precedence[: upgrades.SAME_PARTS[policy]])
        )
        assert compare(before.signature, after.signature).allows("minor")


@drawn(histories(), POLICIES, st.data())
def test_every_version_is_followed_or_held_back_by_a_finding(versions, policy, data):
    pinned = data.draw(st.sampled_from(versions))
    reached = upgrades.followed(policy, pinned, versions)
    held = upgrades.held_back(policy, pinned, versions)
    assert len(reached) + len(held) == len(
        upgrades.followed(policy, pinned, versions, lambda old, new: False)
    )
    assert all(any(breaks(one, other) for one in reached) for other in held)


def test_a_later_version_that_is_compatible_again_is_followed():
    versions = [
        version((1, 0, 0, 10_000)),
        version((1, 1, 0, 10_000), {"renamed": {}}, published_at=1),
        version((1, 2, 0, 10_000), published_at=2),
    ]
    assert upgrades.followed("auto_minor", versions[0], versions) == [versions[0], versions[2]]
    assert upgrades.held_back("auto_minor", versions[0], versions) == [versions[1]]


def test_a_late_fix_of_an_older_line_takes_nobody_back():
    first = version((1, 0, 0, 10_000))
    newer = version((1, 1, 0, 10_000), outputs="yz", published_at=1)
    late = version((1, 0, 1, 10_000), published_at=2)
    assert upgrades.followed("auto_minor", first, [late, newer, first]) == [first, newer]
    assert upgrades.followed("auto_patch", first, [late, newer, first]) == [first, late]


@pytest.mark.parametrize("garbage", [{"inputs": 1}, {"inputs": [{}], "outputs": []}, None, []])
def test_a_contract_that_cannot_be_read_is_not_followed(garbage):
    first, other = version((1, 0, 0, 10_000)), version((1, 1, 0, 10_000))
    other.signature = garbage
    assert upgrades.followed("auto_minor", first, [first, other]) == [first]


def test_a_lower_promise_is_not_followed():
    first = version((1, 0, 0, 10_000), sla={"p95_ms": 50})
    slower = version((1, 1, 0, 10_000), sla={"p95_ms": 80})
    assert upgrades.followed("auto_minor", first, [first, slower]) == [first]
