"""Ways to put bytes through the inspection."""

import shutil

import pytest

from publishing.packages import Refused, inspect
from publishing.packages.contents import look_into
from publishing.packages.refusals import Refusal
from tests.publishing import specimens


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


@pytest.fixture
def look(tmp_path):
    """Looks into bytes in this process, as the child does: fast enough for a whole corpus."""

    def looked(data, name="model.onnx"):
        quarantine = tmp_path / "quarantine"
        shutil.rmtree(quarantine, ignore_errors=True)
        quarantine.mkdir()
        try:
            return look_into(specimens.save(data, tmp_path / "upload"), name, quarantine)
        except Refusal as refusal:
            raise Refused(**refusal.as_data()) from refusal

    return looked


@pytest.fixture
def inspected(tmp_path):
    """Inspects bytes for real, in the limited child."""

    def run(data, name="model.onnx"):
        quarantine = tmp_path / "quarantine"
        quarantine.mkdir(exist_ok=True)
        return inspect(specimens.save(data, tmp_path / "upload"), name, quarantine=quarantine)

    return run
