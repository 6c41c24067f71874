"""From a bare Python: what is there already, pip's settings for uv, and sentences instead of tracebacks."""

import subprocess
import sys
import time

import pytest
import yaml

from marketplace.launcher import bootstrap, process_definitions
from marketplace.launcher.management.commands import process
from marketplace.launcher.rundir import ROOT


def answer(stdout="", stderr="", code=1):
    return subprocess.CompletedProcess(["pip"], code, stdout, stderr)


def test_needs_the_standard_library_only():
    code = "import sys, runpy; runpy.run_path('marketplace/launcher/bootstrap.py'); print(any('site-packages' in (getattr(m, '__file__', '') or '') for m in sys.modules.values()))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_what_is_installed_is_recognised_in_milliseconds():
    began = time.perf_counter()
    bootstrap.is_installed(bootstrap.LOCK)
    assert time.perf_counter() - began < 0.1


def test_changed_lock_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "installed.json")
    for name in (bootstrap.LOCK, bootstrap.DEV_LOCK):
        (tmp_path / name).write_text("django==5.2")
    bootstrap.write_stamp(bootstrap.DEV_LOCK)
    assert bootstrap.is_installed(bootstrap.LOCK) and bootstrap.is_installed(bootstrap.DEV_LOCK)
    (tmp_path / bootstrap.LOCK).write_text("django==5.3")
    assert not bootstrap.is_installed(bootstrap.LOCK)


def test_pip_settings_reach_uv(monkeypatch):
    listing = "global.cert='/etc/ca.pem'\nglobal.extra-index-url='\\nfile:///a\\nfile:///b'\n:env:.index-url='https://mirror/simple'\n"
    monkeypatch.setattr(bootstrap, "run", lambda argv, environment=None: answer(listing, code=0))
    for name in ("SSL_CERT_FILE", "UV_INDEX", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    environment = bootstrap.uv_environment(bootstrap.pip_settings(["pip"]))
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert environment["UV_INDEX"] == "file:///a file:///b"
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("error: Failed to fetch: dns error: failed to lookup", "cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "cannot be written"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "does not match the lock"),
        ("ERROR: No matching distribution found for ray==2.60.0", "does not offer"),
        ("something else", "could not be installed"),
    ],
)
def test_failures_are_told_in_a_sentence(output, words):
    assert words in bootstrap.diagnose(answer(stderr=output))


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PermissionError(13, "Permission denied", "/there"), "/there cannot be written"),
        (OSError(30, "Read-only file system", "/there"), "/there cannot be written"),
        (OSError(28, "No space left on device"), "disk is full"),
    ],
)
def test_refusals_of_the_system_are_told_in_a_sentence(problem, words):
    assert words in bootstrap.explain_os_error(problem)


def test_passwords_of_an_index_are_not_printed():
    assert "secret" not in bootstrap.last_lines(
        answer(stderr="Looking in indexes: https://me:secret@mirror/simple")
    )


def test_full_disk_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / "none")
    monkeypatch.setattr(
        bootstrap.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10_000_000})()
    )
    with pytest.raises(bootstrap.CannotInstall, match="0.0 GB are free"):
        bootstrap.check_place()


def test_compose_file_holds_the_same_processes():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    commands = {
        service["command"][1]
        for service in services.values()
        if service.get("command", [""])[0] == "process"
    }
    assert commands == set(process.NAMES)
    engine = services["web"]["environment"]["ENGINE_URL"]
    assert engine.endswith(f":{process_definitions.PREFERRED_PORTS['engine_http']}")
