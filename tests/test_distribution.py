"""In a run with several workers, what shares something started really is on one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.launcher.rundir import ROOT
from tests.distribution import LONGEST, unit_of

CONFTEST = """
import os
from tests.distribution import Distribution

def pytest_xdist_make_scheduler(config, log):
    return Distribution(config, log)

def pytest_runtest_call(item):
    with open("ran", "a") as ran:
        ran.write(f"{item.path.stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
GROUPED = """
import time
import pytest

pytestmark = pytest.mark.xdist_group("started")

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    time.sleep(0.1)
"""
ALONE = GROUPED.replace("pytestmark =", "unused =").replace("xdist_group", "usefixtures")


@pytest.mark.slow
def test_files_of_one_group_run_on_one_worker_and_others_beside_them(tmp_path):
    for name, source in {
        "conftest": CONFTEST,
        "test_a": GROUPED,
        "test_b": ALONE,
        "test_c": GROUPED,
    }.items():
        (tmp_path / f"{name}.py").write_text(source)
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = {tuple(line.split()) for line in (tmp_path / "ran").read_text().splitlines()}
    workers = {
        name: [worker for one, worker in ran if one == name]
        for name in ("test_a", "test_b", "test_c")
    }
    assert (
        len(workers["test_a"]) == 1 and workers["test_a"] == workers["test_c"] != workers["test_b"]
    )


def test_what_begins_first_is_a_group_or_a_file_of_today():
    folder = Path(__file__).parent
    units = {unit_of(path, str(path.relative_to(ROOT))) for path in folder.rglob("test_*.py")}
    assert set(LONGEST) <= units


@pytest.mark.parametrize(
    ("fixture", "group"), [("gateway_stage", "gateway_stage"), ("started_stack", "stack")]
)
def test_who_asks_for_what_is_shared_is_of_its_group(request, fixture, group):
    """Else it may come after what is shared has ended, or start it a second time on another worker."""
    asking = {item.path for item in request.session.items if fixture in item.fixturenames}
    assert [path.name for path in asking if unit_of(path, path.name) != group] == []
