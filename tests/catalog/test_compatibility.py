"""What a change of the contract demands of the version number."""

import copy

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from catalog import meanings
from catalog.compatibility import compare
from marketplace.core.errors import Invalid
from publishing import semver
from tests.publishing.contracts import SIGNATURE, field, given

TABLE = [
    # inputs
    ({"a": {}}, {"a": {}}, "patch"),
    ({"a": {}}, {}, "major"),
    ({"a": {}}, {"a": {}, "b": {}}, "major"),
    ({"a": {}}, {"a": {}, "b": {"required": False}}, "minor"),
    ({"a": {"required": False}}, {"a": {}}, "major"),
    ({"a": {}}, {"a": {"required": False}}, "minor"),
    ({"a": {"datatype": "INT32"}}, {"a": {"datatype": "INT64"}}, "minor"),
    ({"a": {"datatype": "FP32"}}, {"a": {"datatype": "FP64"}}, "minor"),
    ({"a": {"datatype": "INT32"}}, {"a": {"datatype": "FP64"}}, "minor"),
    ({"a": {"datatype": "INT64"}}, {"a": {"datatype": "FP64"}}, "major"),
    ({"a": {"shape": [-1, 3]}}, {"a": {"shape": [-1, 4]}}, "major"),
    ({"a": {"enum": [1, 2]}}, {"a": {"enum": [1, 2, 3]}}, "minor"),
    ({"a": {"enum": [1, 2]}}, {"a": {"enum": [1]}}, "major"),
    ({"a": {"enum": [1, 2]}}, {"a": {}}, "minor"),
    ({"a": {}}, {"a": {"enum": [1]}}, "major"),
    ({"a": {"minimum": 0}}, {"a": {"minimum": 1}}, "major"),
    ({"a": {"minimum": 0}}, {"a": {}}, "minor"),
    ({"a": {"maximum": 9}}, {"a": {"maximum": 10}}, "minor"),
    ({"a": {"required": False, "default": 1}}, {"a": {"required": False, "default": 2}}, "major"),
    ({"a": {"unit": "USD"}}, {"a": {"unit": "EUR"}}, "major"),
    ({"a": {}}, {"a": {"unit": "EUR", "description": "new words"}}, "patch"),
    # Rows without names come in the order of the inputs.
    ({"a": {}, "b": {}}, {"b": {}, "a": {}}, "major"),
    ({"a": {}}, {"b": {"required": False}, "a": {}}, "major"),
    ({"a": {"shape": [-1, 3]}}, {"a": {"shape": [-1, 3]}, "b": {"required": False}}, "major"),
    (
        {"a": {"shape": [-1, 3]}, "b": {"shape": [-1, 3]}},
        {"b": {"shape": [-1, 3]}, "a": {"shape": [-1, 3]}},
        "major",
    ),
]


def with_inputs(table):
    return {
        "inputs": [given(name, **more) for name, more in table.items()],
        "outputs": [field("y")],
    }


def with_outputs(table):
    return {
        "inputs": [given("x")],
        "outputs": [field(name, **more) for name, more in table.items()],
    }


@pytest.mark.parametrize(("old", "new", "bump"), TABLE)
def test_inputs(old, new, bump):
    assert compare(with_inputs(old), with_inputs(new)).required == bump


@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        ({"a": {}, "b": {}}, {"a": {}}, "major"),
        ({"a": {}}, {"a": {}, "b": {}}, "minor"),
        ({"a": {"datatype": "FP32"}}, {"a": {"datatype": "FP64"}}, "major"),
        ({"a": {"enum": [1]}}, {"a": {"enum": [1, 2]}}, "major"),
        ({"a": {"enum": [1, 2]}}, {"a": {"enum": [1]}}, "minor"),
        ({"a": {"minimum": 0}}, {"a": {"minimum": 1}}, "minor"),
        ({"a": {"minimum": 1}}, {"a": {"minimum": 0}}, "major"),
        ({"a": {}}, {"a": {"maximum": 1}}, "minor"),
        ({"a": {}, "b": {}}, {"b": {}, "a": {}}, "patch"),
    ],
)
def test_outputs(old, new, bump):
    assert compare(with_outputs(old), with_outputs(new)).required == bump


def test_churn_1_1_0_is_not_a_minor_version():
    """The measured case of docs/governance.md, "Version numbers"."""
    old = with_inputs({"products": {}, "tenure": {}})
    new = with_inputs({"product_count": {}, "region_risk": {}, "tenure": {}})
    found = compare(old, new)
    assert not found.allows("minor")
    assert found.allows("major")
    forcing = [finding.message for finding in found.findings if finding.bump == found.required]
    assert "the input products is gone" in forcing
    assert "the required input region_risk is new" in forcing


@pytest.mark.parametrize(
    ("old", "new", "path", "before", "after", "words"),
    [
        (
            {"maximum": 120},
            {"maximum": 100},
            "inputs.a.maximum",
            "120",
            "100",
            "was 120 and is 100",
        ),
        ({"maximum": 9}, {}, "inputs.a.maximum", "9", "none", "the maximum of the input a"),
        ({"enum": [1, 2]}, {"enum": [1]}, "inputs.a.enum", "1, 2", "1", "lost values (2)"),
        ({}, {"enum": ["x"]}, "inputs.a.enum", "any value", "x", "is limited to x"),
        (
            {"unit": "USD"},
            {"unit": "EUR"},
            "inputs.a.unit",
            "USD",
            "EUR",
            "the unit of the input a",
        ),
        ({"datatype": "FP32"}, {}, "inputs.a.datatype", "FP32", "FP64", "was FP32 and is FP64"),
        ({"required": False}, {}, "inputs.a.required", "optional", "required", "is required"),
        ({"description": "x"}, {"description": "y"}, "inputs.a.description", "x", "y", "meaning"),
    ],
)
def test_a_finding_names_field_and_both_sides(old, new, path, before, after, words):
    (finding,) = compare(with_inputs({"a": old}), with_inputs({"a": new})).findings
    assert (finding.path, finding.before, finding.after) == (path, before, after)
    assert words in finding.message


REMEANT = [
    ("Probability of default", "Probability of repayment", ["default"]),
    ("Probability of default", "Probability of no default", ["new: no"]),
    ("Default within 12 months", "Default within 24 months", ["12"]),
    ("Income a month, gross", "Income a year, gross", ["month"]),
    ("Score from 0 to 0.5", "Score from 0 to 0.9", ["0.5"]),
    ("1 when the claim is paid", "1 when the claim is unpaid", ["paid"]),
    ("Interest rate", "Internet rate", ["interest"]),
]
REWORDED = [
    ("Probability of default", "Probability of default within a year of the loan"),
    ("probability of the default", "Default: its probability."),
    ("Recieved payment", "Received payments"),
    ("", "Anything"),
]


@pytest.mark.parametrize("side", [with_inputs, with_outputs])
def test_a_meaning_that_lost_words_is_another_meaning(side):
    """Whoever keeps the words and adds to them says the same: no program can know it of other words."""
    for before, after, lost in REMEANT:
        found = compare(side({"a": {"description": before}}), side({"a": {"description": after}}))
        assert (found.required, meanings.lost_words(before, after)) == ("major", lost)
        assert ", ".join(lost) in found.findings[0].message
    for before, after in REWORDED:
        found = compare(side({"a": {"description": before}}), side({"a": {"description": after}}))
        assert found.required == "patch", (before, after)


@pytest.mark.parametrize(
    ("changed", "bump"),
    [
        ({}, "patch"),
        ({"availability": "99.0"}, "major"),
        ({"p95_ms": 101}, "major"),
        ({"rps": 19}, "major"),
        ({"timeout_s": 29}, "major"),
        ({"availability": "99.9", "p95_ms": 90, "rps": 30, "timeout_s": 40}, "patch"),
        ({"p95_ms": None}, "patch"),
    ],
)
def test_a_service_level_that_promises_less_is_major(changed, bump):
    signature, level = with_inputs({"a": {}}), {"availability": "99.5", "p95_ms": 100, "rps": 20}
    assert compare(signature, signature, level, level | changed).required == bump


EDITS = {
    "datatype": st.sampled_from(["INT32", "INT64", "FP32", "FP64", "BYTES"]),
    "minimum": st.none() | st.integers(0, 5),
    "maximum": st.none() | st.integers(6, 9),
    "enum": st.none() | st.lists(st.integers(0, 3), min_size=1, unique=True),
    "required": st.booleans(),
    "unit": st.sampled_from(["", "USD", "EUR"]),
    "description": st.sampled_from(["", "Income", "Income, gross", "Income, net", "No income"]),
}
FIELDS = st.dictionaries(
    st.sampled_from("abcd"), st.fixed_dictionaries({}, optional=EDITS), min_size=1
)


@drawn(FIELDS)
def test_nothing_changed_needs_no_more_than_a_patch(table):
    signature = with_inputs(table)
    assert compare(signature, copy.deepcopy(signature)).findings == ()


@drawn(FIELDS, FIELDS)
def test_what_is_taken_away_one_way_is_major_one_way(old, new):
    there, back = (
        compare(with_inputs(old), with_inputs(new)),
        compare(with_inputs(new), with_inputs(old)),
    )
    if set(old) - set(new):
        assert there.required == "major"
    if there.required == "minor":
        assert back.required == "major"


@drawn(FIELDS, FIELDS, FIELDS)
def test_two_small_steps_are_not_a_big_one(first, second, third):
    """If each of two steps is compatible (below major), so is going both at once."""
    one, two, three = with_inputs(first), with_inputs(second), with_inputs(third)
    if compare(one, two).allows("minor") and compare(two, three).allows("minor"):
        assert compare(one, three).allows("minor")


def test_findings_come_gravest_first():
    found = compare(
        SIGNATURE, {**SIGNATURE, "inputs": [*SIGNATURE["inputs"][1:], given("new", required=False)]}
    )
    assert [finding.bump for finding in found.findings] == ["major", "minor"]


# -- version numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-beta",
        "v1.0.0",
        "",
        None,
        "1.0.0 ",
        "١.0.0",
        "1.0.0\n",
    ],
)
def test_bad_number_is_refused(text):
    with pytest.raises(Invalid) as problem:
        semver.parse(text)
    assert problem.value.field == "number"


NUMBERS = st.builds(semver.Number, *[st.integers(0, 30)] * 3, candidate=st.integers(0, 3))


@drawn(NUMBERS)
def test_number_survives_writing_and_reading(number):
    assert semver.parse(str(number)) == number


@drawn(NUMBERS, st.sampled_from(["major", "minor", "patch"]))
def test_next_number_is_higher(number, bump):
    assert number < semver.next_number(number, bump)
    if not number.candidate:
        assert semver.bump_between(number, semver.next_number(number, bump)) == bump


def test_candidate_comes_before_its_release():
    assert semver.parse("1.2.0-rc.2") < semver.parse("1.2.0") < semver.parse("1.2.1-rc.1")
    with pytest.raises(Invalid, match="does not come after"):
        semver.bump_between(semver.parse("1.2.0"), semver.parse("1.2.0"))
