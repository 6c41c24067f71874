"""Which worker takes which tests when several run: what shares something started stays together, and the longest begin first.

xdist's own `--dist loadgroup` keeps the tests of a mark together by changing their ids. Those of pytest 9.2 cannot be changed, so
that it silently keeps nothing together, and everything is started once for each worker. Here whole files go to a worker.
"""

import functools
import re
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    "gateway_stage",
    "stack",
    "tests/core/test_types.py",
    "tests/test_endpoint_permissions.py",
    "tests/api/test_answers_keep_the_schema.py",
    "tests/fuzz/test_put_back.py",
    "tests/fuzz/test_mutations.py",
    "tests/test_portal_front.py",
    "tests/demo/test_company_journey.py",
    "tests/demo/test_demo.py",
    "tests/browser/test_looks.py",
    "tests/consumption/test_disk.py",
    "tests/launcher/test_supervisor.py",
    "tests/launcher/test_stores.py",
    "tests/publishing/test_journey.py",
    "tests/hosting/test_reconcile.py",
    "tests/hosting/test_watchdog.py",
    "tests/publishing/test_evaluation.py",
    "tests/test_scale.py",
    "tests/test_uncountable.py",
    "tests/test_budgets.py",
)
MARKED = re.compile(r"""pytest\.mark\.(?:xdist_group\("(\w+)"\)|(stack)\b)""")


class Distribution(LoadScopeScheduling):
    """A unit of work is a file, or all files of one group."""

    def _split_scope(self, nodeid):
        return unit_of(self.config.rootpath / nodeid.partition("::")[0], nodeid.partition("::")[0])

    def _assign_work_unit(self, node):
        self.workqueue.move_to_end(min(self.workqueue, key=rank), last=False)
        super()._assign_work_unit(node)


@functools.cache
def unit_of(path: Path, name: str) -> str:
    """The group that a test file says it belongs to, or else its name."""
    marked = MARKED.search(path.read_text())
    return next(filter(None, marked.groups())) if marked else name


def is_last_with(request, fixture: str) -> bool:
    """Is the test of `request` the last of the run that asks for this fixture? What all of them share may end with it."""
    asking = [item for item in request.session.items if fixture in item.fixturenames]
    return request.node is asking[-1]


def rank(unit: str) -> int:
    return LONGEST.index(unit) if unit in LONGEST else len(LONGEST)
