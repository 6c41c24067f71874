"""Debian's Chromium for the browser tests: found, or installed where we may."""

import os
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-inter")
# Without these Chromium asks for hosts outside at every start; `--no-sandbox` because tests may run as root.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
)


def path() -> str | None:
    """The browser's program: $CHROMIUM, or one on the PATH. None when there is none."""
    return os.environ.get("CHROMIUM") or next(
        (program for name in NAMES if (program := shutil.which(name))), None
    )


def ensure() -> str:
    """Install Chromium when it is missing and we may; returns a sentence that tells what is the case."""
    if program := path():
        return f"Browser tests use {program}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"Browser tests are skipped: no Chromium here. {why_absent()}"
    began = time.monotonic()
    print("Installing Debian's Chromium for the browser tests …", end="", flush=True)
    problem = install()
    print(f" {time.monotonic() - began:.1f} s", flush=True)
    return f"Browser tests are skipped: {problem}" if problem else f"Browser tests use {path()}"


def why_absent() -> str:
    return f"Install it (Debian, as root: apt-get install {' '.join(PACKAGES)}) or set CHROMIUM to its path."


def install() -> str:
    """apt-get, quietly. An empty text, or what went wrong."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *PACKAGES],
    ):
        done = subprocess.run(
            argv,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode or not path():
        return "apt-get could not install chromium: " + " ".join(done.stderr.split())[-200:]
    return ""
