"""How long functions and lines of templates are, and how many private helpers have one caller. The numbers only shrink."""

import ast
import functools
import re
import statistics
from collections import Counter

from marketplace.launcher.rundir import ROOT
from tests.core.test_house import python_files

MEDIAN, NINE_IN_TEN = 8, 25  # lines of a function
LONGEST_FUNCTION = 60  # lines
LONGEST_TEMPLATE_LINE = 160  # characters
SINGLE_USE_PERCENT = 20.5  # of all functions, private helpers that are named once beside their definition; to become 10


def sources():
    """Parsed files of the product: [(path, text, tree)], without tests and migrations."""
    paths = [
        path
        for path in python_files()
        if path.relative_to(ROOT).parts[0] != "tests" and "migrations" not in path.parts
    ]
    return [(path, text := path.read_text(), ast.parse(text)) for path in paths]


@functools.cache
def functions():
    """[(path, name, lines, how often the file names it)]."""
    found = []
    for path, text, tree in sources():
        named = Counter(re.findall(r"\w+", text))
        found += [
            (path, node.name, node.end_lineno - node.lineno + 1, named[node.name])
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return found


def test_functions_are_short():
    lengths = sorted(lines for _, _, lines, _ in functions())
    assert statistics.median(lengths) <= MEDIAN
    assert lengths[len(lengths) * 9 // 10] <= NINE_IN_TEN
    assert [
        (path.name, name, lines) for path, name, lines, _ in functions() if lines > LONGEST_FUNCTION
    ] == []


def test_few_private_helpers_have_one_caller():
    everything = functions()
    single = [
        name
        for _, name, _, times in everything
        if name.startswith("_") and not name.startswith("__") and times == 2
    ]
    assert 100 * len(single) / len(everything) <= SINGLE_USE_PERCENT


def test_lines_of_templates_fit_beside_each_other():
    assert [
        (path.name, number)
        for path in (ROOT / "templates").rglob("*.html")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LONGEST_TEMPLATE_LINE
    ] == []
