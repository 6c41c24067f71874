"""The fuzz tier's world; each visit is taken back."""

import pytest

from tests.fuzz.playground import built


@pytest.fixture
def playground(db):
    with built() as playground:
        yield playground
