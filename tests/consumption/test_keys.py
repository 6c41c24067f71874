"""The key as text: shape, checksum, digest."""

import random
import re

import pytest

from marketplace.core import keys


def test_a_minted_key_has_the_published_shape_and_knows_its_kid():
    minted = keys.mint()
    assert re.fullmatch(keys.PATTERN, minted.text) and len(minted.text) == keys.LENGTH == 50
    assert keys.parse(minted.text.encode()) == minted.kid == minted.text[4:12]


def test_every_kind_has_its_prefix_and_no_other_is_made():
    assert [keys.mint(kind).text[:4] for kind in keys.KINDS] == ["mkc_", "mks_", "mkp_"]
    with pytest.raises(ValueError):
        keys.mint("sk")


def test_keys_differ():
    assert len({keys.mint().text for _ in range(500)}) == 500


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"mkc_",
        b"\x00" * 50,
        b"mkc_" + b"a" * 46,
        "mkc_ключ".encode(),
        b"x" * 1_000_000,
        b"mkx_" + b"0" * 46,
    ],
)
def test_what_is_not_a_key_is_not_parsed(raw):
    assert keys.parse(raw) is None


def test_twenty_thousand_mutations_of_a_key_are_all_refused():
    source = random.Random(2)
    good = keys.mint().text.encode()
    for _ in range(20_000):
        raw = bytearray(good)
        raw[source.randrange(len(raw))] = source.randrange(256)
        assert bytes(raw) == good or keys.parse(bytes(raw)) is None


def test_only_the_right_key_under_the_right_pepper_verifies():
    one, other = keys.mint().text, keys.mint().text
    stored = keys.mac(one, "pepper")
    assert len(stored) == 64 and one not in stored
    assert keys.verify(one, stored, "pepper") and keys.verify(one.encode(), stored, b"pepper")
    assert not keys.verify(other, stored, "pepper") and not keys.verify(one, stored, "salt")


def test_keys_are_found_inside_other_text():
    minted = keys.mint()
    text = f"api_key={minted.text}&x=mkc_{'1' * 46}".encode()
    assert keys.find(text) == [minted.kid] and keys.find_texts(text) == [minted.text.encode()]


def test_the_checksum_is_base62_of_the_crc32():
    assert keys.checksum(b"") == "000000"
    assert keys.checksum(b"123456789") == base62(0xCBF43926)


def base62(value):
    digits = ""
    while value:
        value, digit = divmod(value, 62)
        digits = keys.ALPHABET[digit] + digits
    return digits.rjust(6, "0")
