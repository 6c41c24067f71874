"""Secrets that are short, default or known are refused outside demo mode, in compose too. Issue 9, line 11."""

import os
import re
import secrets
import subprocess
import sys

import pytest

from marketplace.core.secrets import weakness, weakness_of_password
from marketplace.launcher.rundir import ROOT

POOR = [
    "",
    "x",
    "short",
    "marketplace",
    "changeme" * 8,
    "a" * 64,
    "0123456789" * 7,
    "abcd" * 16,
    "password" * 5,
    "django-insecure-#kx9q2",
    "django-insecure-change-me-change-me-change-me",
    "marketplace-production-secret-key-2024",
    "0" * 64,
    "secretsecretsecretsecretsecretsecret",
    "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
    "test-key-test-key-test-key-test-key",
    "deadbeef" * 8,
]
# The same in all workers.
GOOD_URL = "postgresql://app:59d5eb744445bafcb474b29a2f31be9c@db/marketplace"
SECRETS = ("SECRET_KEY", "KEY_PEPPER", "AUDIT_KEY")
SETTINGS = "import django; django.setup()"


@pytest.mark.parametrize("value", POOR)
def test_what_people_type_is_no_secret(value):
    assert weakness(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_hex(32),
        lambda: secrets.token_urlsafe(32),
        lambda: secrets.token_urlsafe(24),
    ],
)
def test_what_is_random_is_one(make):
    assert [value for _ in range(200) if weakness(value := make())] == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://m:marketplace@db/m",
        "redis://:marketplace@redis:6379/0",
        "redis://:redis@redis/0",
        "redis://redis:6379/0",
    ],
)
def test_passwords_of_stores_too(url):
    assert weakness_of_password(url)


@pytest.mark.parametrize(
    "url",
    [
        GOOD_URL,
        "redis://127.0.0.1:6379/0",
        "postgresql:///marketplace",
        "postgresql://app@db/marketplace",
    ],
)
def test_a_store_without_password_is_near_or_has_a_certificate(url):
    assert not weakness_of_password(url)


def start(**changed):
    """What a process says that starts with these variables."""
    good = {name: secrets.token_hex(32) for name in SECRETS} | {
        "DATABASE_URL": GOOD_URL,
        "DEMO_MODE": "0",
    }
    environment = (
        {name: value for name, value in os.environ.items() if not name.endswith("_FILE")}
        | good
        | changed
    )
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def test_nothing_starts_with_such_a_one_but_a_demo():
    said = start(
        SECRET_KEY="changeme", KEY_PEPPER="x" * 40, REDIS_URL="redis://:marketplace@redis/0"
    )
    for name in (
        "SECRET_KEY is too short",
        "KEY_PEPPER (version 1)",
        "The password in REDIS_URL",
        "token_hex",
    ):
        assert name in said
    assert "changeme" not in said
    assert start() == ""
    assert start(SECRET_KEY="changeme", DEMO_MODE="1") == ""
    same = secrets.token_hex(32)
    assert "SECRET_KEY are the same" in start(SECRET_KEY=same, KEY_PEPPER=same)


def test_compose_has_no_password_of_its_own():
    """Every one has to be given; none falls back to a word in the file."""
    text = (ROOT / "docker-compose.yml").read_text()
    used = re.findall(r"\$\{(\w*PASSWORD\w*)(.{0,2})", text)
    assert used and all(how == ":?" for _, how in used), used
    assert not re.findall(r"(?:PASSWORD|SECRET|PEPPER|_KEY): +[\"']?[^\s$&\"'{]", text)
    assert "0.0.0.0:" not in text and all(
        port.startswith("127.0.0.1:") for port in re.findall(r'ports: \["([^"]+)"', text)
    )
