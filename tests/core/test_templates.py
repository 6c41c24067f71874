"""House rules of templates that a reader of the diff may miss: the content security policy forbids inline code and style."""

import re
from itertools import chain
from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.template.loader import get_template

from publishing.steps import STEPS

ROOT = Path(settings.ROOT) / "templates"
TEMPLATES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.html"))
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE
)

LONGEST_LINE = 160
OF_LIBRARIES = {  # names that Django and allauth ask for
    "403.html",
    "404.html",
    *(
        path.relative_to(Path(allauth.__path__[0]) / "templates").as_posix()
        for path in (Path(allauth.__path__[0]) / "templates").rglob("*.html")
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_compiles_and_holds_no_inline_code_or_style(name):
    get_template(name)
    assert not INLINE.search((ROOT / name).read_text())


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith("components/")])
def test_a_component_is_documented_at_its_top(name):
    if not name.startswith("components/charts/"):
        assert re.match(r"\{#|\{% comment %\}", (ROOT / name).read_text())


def test_a_line_of_a_template_fits_on_a_screen():
    long = {
        f"{name}:{number}": len(line)
        for name in TEMPLATES
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if len(line) > LONGEST_LINE
    }
    assert long == {}


def test_every_template_is_shown_by_somebody():
    """A view, a tag or another template names it in full, a library asks for it, or it is a step of the journey."""
    sources = chain(
        ROOT.rglob("*.html"),
        *(
            (Path(settings.ROOT) / app).rglob("*.py")
            for app in (
                "marketplace",
                "catalog",
                "governance",
                "consumption",
                "hosting",
                "publishing",
            )
        ),
    )
    named = set(re.findall(r"""["']([\w/]+\.html)["']""", "".join(p.read_text() for p in sources)))
    steps = {f"publishing/{step}.html" for step, _label in STEPS}
    assert set(TEMPLATES) - named - OF_LIBRARIES - steps == set()
