"""House rules of templates that a reader of the diff may miss: the content security policy forbids inline code and style."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.ROOT) / "templates"
TEMPLATES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.html"))
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_compiles_and_holds_no_inline_code_or_style(name):
    get_template(name)
    assert not INLINE.search((ROOT / name).read_text())


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("components/")])
def test_a_component_is_documented_at_its_top(name):
    if not name.startswith("components/charts/"):
        assert re.match(r"\{#|\{% comment %\}", (ROOT / name).read_text())
