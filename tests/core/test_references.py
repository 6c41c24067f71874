"""What code and pages cite is there: files of docs/, their headings, rows of the failure table, links and paths.

Code cites `docs/<page>.md`, and where there is one a heading or a row: `docs/governance.md, "Risk tiers"`,
`docs/reliability.md, F13`. Markdown links to files and anchors, and names paths of the project in backticks.
"""

import re
import tomllib
from itertools import chain

import pytest

from marketplace.launcher.rundir import ROOT
from tests.faults import ROWS

CODE = ("*.py", "*.html", "*.css", "*.js", "*.toml", "*.yml", "*.txt", "Dockerfile", ".ci/run")
APPS = ("marketplace", "catalog", "governance", "consumption", "hosting", "publishing")
FOLDERS = (*APPS, "templates", "static", "tests", "bench")
CITED = re.compile(
    r'(?P<page>\b[\w./-]+\.md)\b(?P<anchor>#[\w-]+)?(?:,? (?P<row>F\d+)|,? "(?P<heading>[^"]+)")?'
)
DATA = {"readme.md", "reuse.md"}  # a name of a file inside a package that a test uploads
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE_BLOCK = re.compile(r"^(?: {4}.*|```.*?```)$", re.MULTILINE | re.DOTALL)
PROJECT_PATH = re.compile(
    rf"`(?P<path>(?:{'|'.join(FOLDERS)}|docs|manage\.py|\.ci)(?:/[\w./-]+)?)`"
)
WRAPPED = re.compile(r"\s*\n[\s#*]*")  # a citation may go on in the next line of a comment


def code_files():
    files = chain.from_iterable((ROOT / folder).rglob(name) for folder in FOLDERS for name in CODE)
    return sorted({*files, *chain.from_iterable(ROOT.glob(name) for name in CODE)})


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(path):
    return str(path.relative_to(ROOT))


def headings(page):
    return [
        re.sub(r"[`*]", "", found).strip()
        for found in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    ]


def anchor(heading):
    """As GitHub and GitLab make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page):
    return {anchor(heading) for heading in headings(page)}


def missing_in(found):
    """What is wrong with one citation, or ""."""
    name = found["page"]
    page = ROOT / name if "/" in name or name == "README.md" else ROOT / "docs" / name
    if not page.is_file():
        return f"{name}: no such page"
    if found["anchor"] and found["anchor"][1:] not in anchors(page):
        return f"{name}{found['anchor']}: no such anchor"
    if found["heading"] and found["heading"] not in headings(page):
        return f"{name}: no heading “{found['heading']}”"
    if found["row"] and f"| {found['row']} |" not in page.read_text():
        return f"{name}: no row {found['row']}"
    return ""


def test_code_cites_what_is_there():
    wrong = []
    for path in code_files():
        text = path.read_text()
        if ".md" not in text:
            continue
        text = WRAPPED.sub(" ", text)
        cited = (
            found for found in CITED.finditer(text) if found["page"].split("/")[-1] not in DATA
        )
        wrong += [f"{name_of(path)}: {what}" for found in cited if (what := missing_in(found))]
    assert wrong == []


def test_nothing_cites_sections_by_number():
    """Numbers of sections belong to texts that are not part of the project."""
    numbered = re.compile(r"§|\.md \d")
    files = [path for path in (*code_files(), *pages()) if path.name != "test_references.py"]
    assert [name_of(path) for path in files if numbered.search(path.read_text())] == []


def page_parameters():
    return [pytest.param(page, id=name_of(page)) for page in pages()]


@pytest.mark.parametrize("page", page_parameters())
def test_links_of_pages_lead_somewhere(page):
    wrong = []
    for target in LINK.findall(CODE_BLOCK.sub("", page.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, fragment = target.partition("#")
        to = (page.parent / file).resolve() if file else page
        if not to.exists() or (fragment and fragment not in anchors(to)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("page", page_parameters())
def test_paths_that_pages_name_exist(page):
    named = {found["path"] for found in PROJECT_PATH.finditer(page.read_text())}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", page_parameters())
def test_names_in_modules_that_pages_name_exist(page):
    """`governance.actions.record_gate` is a name in a module; the module may also be a package that has the name in one of its files."""
    named = re.findall(rf"`((?:{'|'.join(APPS)})(?:\.\w+)+)", page.read_text())
    assert sorted(name for name in set(named) if not is_defined(name)) == []


def is_defined(name):
    """Is a dotted name a module, a name at the top of one, in one of a package's files, or a task?"""
    module, _, last = name.rpartition(".")
    path = ROOT / module.replace(".", "/")
    if (ROOT / name.replace(".", "/")).is_dir() or (
        ROOT / f"{name.replace('.', '/')}.py"
    ).is_file():
        return True
    files = [path.with_suffix(".py"), *path.glob("*.py"), *path.glob("models/*.py")]
    source = "\n".join(file.read_text() for file in files if file.is_file())
    return bool(re.search(rf"^(?:def|class) {last}\b|^{last}\b|\"{name}\"", source, re.MULTILINE))


def test_settings_and_metrics_that_pages_name_are_known_to_the_code():
    """A renamed setting is renamed in the pages too. GATEWAY_<NAME> and PORTAL_<NAME> are fields of Limits."""
    named = re.compile(
        r"`((?:marketplace|gateway)_[a-z_]+[a-z]|[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b"
    )
    sources = " ".join(
        path.read_text() for path in code_files() if path.name != "test_references.py"
    )
    wrong = [
        f"{name_of(page)}: {name}"
        for page in pages()
        for name in sorted(set(named.findall(page.read_text())))
        if name not in sources and re.sub("^(GATEWAY|PORTAL)_", "", name).lower() not in sources
    ]
    assert wrong == []


def test_every_page_is_linked_from_the_readme_or_another_page():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for target in LINK.findall(page.read_text())
    }
    assert [name_of(page) for page in pages() if page not in linked | {ROOT / "README.md"}] == []


def test_the_failure_table_has_the_rows_of_the_tests():
    table = (ROOT / "docs" / "reliability.md").read_text()
    assert dict(re.findall(r"^\| (F\d+) \| (.+?) \|", table, re.MULTILINE)) == ROWS


def written_order(page):
    """The list of apps in a page, lowest first, as sets of modules that stand beside each other."""
    (line,) = [
        line for line in page.read_text().splitlines() if line.startswith("    marketplace.core <")
    ]
    return [modules_of(part.strip()) for part in line.split("<")]


def modules_of(part):
    """ "marketplace.{api,views}" → {"marketplace.api", "marketplace.views"}."""
    prefix, brace, names = part.partition("{")
    return {prefix + name for name in names.rstrip("}").split(",")} if brace else {part}


def checked_order():
    """The layers that import-linter checks, lowest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    ]
    return [set(re.findall(r"[\w.]+", layer)) for layer in reversed(layers)]


@pytest.mark.parametrize("name", ["README.md", "docs/contributing.md"])
def test_the_order_of_the_apps_is_one_list(name):
    assert written_order(ROOT / name) == checked_order()
