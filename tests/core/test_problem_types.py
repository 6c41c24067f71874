"""Every problem type that the code can answer with has a page in the docs."""

import re
from pathlib import Path

import pytest

from marketplace.core.problem_json import problem
from marketplace.core.problem_types import BY_SLUG

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r'(?:Problem\(\s*(?:\d{3},\s*)?|problem\(\s*\d{3},\s*|slug = )"([a-z-]+)"')
SOURCES = ["hosting/gateway", "hosting/model_server", "marketplace/core", "publishing/packages"]


def slugs_in_code():
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    return {slug for file in files for slug in NAMED.findall(file.read_text())}


def test_every_problem_type_has_a_page():
    assert {"rate-limited", "quota-used-up", "bad-input"} <= slugs_in_code()
    assert slugs_in_code() - set(BY_SLUG) == set()


def test_the_pages_are_open_to_anyone(client):
    assert client.get("/docs/problems/").status_code == 200
    page = client.get("/docs/problems/rate-limited")
    assert page.status_code == 200 and b"What to do" in page.content
    assert client.get("/docs/problems/nonsense").status_code == 404


@pytest.mark.parametrize("slug", ["invalid", "conflict", "in-flight", "not-allowed"])
def test_a_refusal_without_help_of_its_own_has_that_of_its_type(slug):
    known = BY_SLUG[slug]
    assert problem(known.status, slug, "", "No.")["remedy"] == known.remedy
    assert "remedy" not in problem(known.status, slug, "", "No.", ask="the operators")
