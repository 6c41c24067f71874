"""The house rules that a program can check."""

import ast
import re
import subprocess
import sys

import pytest

from marketplace.launcher.bootstrap import DEV_LOCK, LOCK
from marketplace.launcher.rundir import ROOT

SOURCES = (
    "manage.py",
    "marketplace",
    "catalog",
    "governance",
    "consumption",
    "hosting",
    "publishing",
    "tests",
)
FORBIDDEN_NAMES = re.compile(r"^(utils?|helpers?|common|managers?|services?)\.py$")
LONGEST_FILE = 650


def run(*argv):
    return subprocess.run(
        [sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )


def python_files():
    return [
        path
        for source in SOURCES
        for path in ([ROOT / source] if source.endswith(".py") else (ROOT / source).rglob("*.py"))
    ]


def test_apps_import_only_what_stands_below():
    done = subprocess.run(
        [f"{sys.prefix}/bin/lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


HELP = {"ask", "remedy"}
REFUSALS = {"NotAllowed": 1, "RuleError": 1}  # so many arguments name nobody
REFUSALS_AND_GUARD = REFUSALS | {"require": 2}


def refusals_without_help(path):
    """Lines of a file where somebody is refused (403, 409) and told neither whom to ask nor what to do."""
    text = path.read_text()
    is_guarded = re.search(r"core\.guard import .*\brequire\b", text)
    plain = REFUSALS_AND_GUARD if is_guarded else REFUSALS
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            most = plain.get(node.func.id, 0)
            starred = [one.value for one in node.args if isinstance(one, ast.Starred)]
            is_plain = 0 < len(node.args) <= most and not all_refusals(starred, text)
            if is_plain and not HELP & {keyword.arg for keyword in node.keywords}:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def all_refusals(starred, text):
    """Is it a Refusal (of this file, or imported), or what a function gives, whose type mypy checks?"""
    names = [one.id for one in starred if isinstance(one, ast.Name)]
    assigned = [name for name in names if f"\n{name} = " in text]
    return bool(starred) and all(f"\n{name} = Refusal(" in text for name in assigned)


def test_every_refusal_says_who_can_help():
    files = [path for path in python_files() if "tests" not in path.relative_to(ROOT).parts]
    assert [line for path in files for line in refusals_without_help(path)] == []


def test_ruff_has_nothing_to_say():
    done = run("ruff", "check", "--output-format", "concise", *SOURCES, "sdks")
    assert done.returncode == 0, done.stdout[-4000:]


def test_templates_are_formatted():
    done = run("djlint", "--check", "templates")
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK])
def test_locks_hold_hashes_and_no_host(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if "==" in line.partition(";")[0]]
    assert packages and all(line.rstrip().endswith("\\") for line in packages), (
        "a package without a hash"
    )


def test_demo_runs_what_the_tests_tested():
    def pins(lock):
        return set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))

    assert pins(LOCK) <= pins(DEV_LOCK)


def test_modules_are_named_for_what_they_know():
    assert [
        path
        for path in python_files()
        if FORBIDDEN_NAMES.match(path.name) and path.parent.name != "dev"
    ] == []


def test_files_fit_in_the_head():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if (lines := path.read_text().count("\n")) > LONGEST_FILE
    }
    assert {name: lines for name, lines in long.items() if "/migrations/" not in name} == {}
