"""Issue 8, line 4: one reader of JSON. What it returns can be kept, hashed, rendered and sent again."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.core import json_reader
from marketplace.core.canonical import digest
from marketplace.core.json_reader import Malformed, Unusable

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
ANY = st.recursive(
    PLAIN | st.text(st.characters(categories=["Cs", "Cc", "L"])) | st.integers() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
)


@settings(deadline=None)
@given(
    st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3)
        ),
        max_leaves=9,
    )
)
def test_what_can_be_kept_is_read_as_it_was_sent(value):
    assert (
        json_reader.read(json.dumps(value))
        == json_reader.read(json.dumps(value, ensure_ascii=False).encode())
        == value
    )


@settings(deadline=None)
@given(ANY)
def test_whatever_is_read_can_be_kept(value):
    """Read again, hashed and encoded for Postgres; or refused with a path."""
    try:
        read = json_reader.read(json.dumps(value))
    except Unusable as refusal:
        assert refusal.message and isinstance(refusal.path, str)
        assert refusal.path.encode() is not None
        return
    text = json.dumps(read, allow_nan=False, ensure_ascii=False)
    assert "\0" not in text.encode().decode() and "\\u0000" not in text and digest(read)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(sent):
    try:
        json_reader.read(sent)
    except (Malformed, Unusable) as refusal:
        assert str(refusal)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": {"b": ["x", "\\ud800"]}}', "a.b.1"),
        ('{"a": "\\u0000"}', "a"),
        ('{"a": {"\\u0000": 1}}', "a"),
        ('{"a": {"\\udfff": 1}}', "a"),
        ('{"a": 1e999}', "a"),
        ('{"a": [NaN]}', "a.0"),
        ('{"a": -Infinity}', "a"),
        ('{"a": 18446744073709551616}', "a"),
        ('{"a": -9223372036854775809}', "a"),
        ('{"a": ' + "9" * 100_000 + "}", "a"),
        ('{"a": ' * 40 + "1" + "}" * 40, ".".join("a" * 32)),
        ("[" * 200_000, ""),
        ('{"a":' * 200_000, ""),
    ],
)
def test_what_cannot_be_kept_is_named(text, path):
    with pytest.raises(Unusable) as refusal:
        json_reader.read(text)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{",
        '{"a": 1, "a": 2}',
        b"\xff\xfe{}",
        b'{"a": "\xed\xa0\x80"}',
        "{'a': 1}",
        '{"a": 1} x',
        "{a: 1}",
    ],
)
def test_what_is_not_json_says_where(sent):
    with pytest.raises(Malformed) as refusal:
        json_reader.read(sent)
    assert len(str(refusal.value)) < 200


def test_a_mark_of_the_byte_order_is_no_error():
    assert json_reader.read(b"\xef\xbb\xbf{}") == {}


def test_work_is_bounded_by_the_size_of_the_body():
    """A mebibyte of the costliest forms is read or refused within a second or two on a busy machine."""
    for text in (
        "[" + ",".join(["[]"] * 300_000) + "]",
        "{" + ",".join(f'"{n}":0' for n in range(90_000)) + "}",
        '{"a":0,' + '"a":0,' * 150_000,
    ):
        with contextlib.suppress(Malformed, Unusable):
            json_reader.read(text[: json_reader.LARGEST_BODY])
