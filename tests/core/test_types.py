"""Types, by mypy with the Django plugin: half a minute, so it is asked for by name (`python3 manage.py test -m slow`)."""

import subprocess
import sys

import pytest

from marketplace.launcher.rundir import ROOT


@pytest.mark.slow
def test_mypy_has_nothing_to_say():
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]
