"""Types: mypy over everything that is not tests, benches or migrations; what is not typed yet is listed and gets less."""

import subprocess
import sys
import tomllib

from marketplace.launcher.rundir import ROOT

# How many modules are excused, untyped and unchecked. Whoever types one takes it off its list and lowers the number here.
MOST_UNTYPED, MOST_UNCHECKED = 111, 64


def excused():
    """The modules of the two lists in pyproject.toml: (untyped, unchecked)."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    return [override["module"] for override in overrides]


def path_of(module):
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_mypy_has_nothing_to_say():
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_the_lists_of_excused_modules_only_shrink():
    untyped, unchecked = excused()
    assert (len(untyped), len(unchecked)) == (MOST_UNTYPED, MOST_UNCHECKED)
    assert not set(untyped) & set(unchecked)
    assert [module for module in untyped + unchecked if not path_of(module).is_file()] == []
