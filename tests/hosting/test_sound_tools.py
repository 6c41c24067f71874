"""Files made by the field's tools, by their defaults, end callable: a replica, and a real gateway before it, answer equal to
ONNX Runtime (issue 9, done when 4; issue 11, done when 2).
"""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from publishing.packages import Refused
from tests.hosting.through import replicas, through_gateway  # noqa: F401
from tests.tools import environments, serving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gateway_stage")]
MAKERS = Path(environments.__file__).with_name("makers")


def makers():
    """name → tool of each file, without importing any tool."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(MAKERS)
        importlib.import_module("everything")
        return {
            name: tool for name, (tool, _) in importlib.import_module("registry").MAKERS.items()
        }


TOOLS = makers()
# Its attention reckons shapes from Shape and Concat, which no free axis gets through; its line is dynamic_axes.
STAYS_FIXED = {"torch_script_transformer": "dynamic_axes={'ids': {0: 'batch'}}"}


@pytest.fixture(scope="session")
def made(request, tmp_path_factory):
    """environment → folder with its files that this run looks at; made on first use, once."""
    folders = {}
    chosen = {
        item.callspec.params.get("name")
        for item in request.session.items
        if hasattr(item, "callspec")
    }

    def of(environment):
        if environment not in folders:
            folders[environment] = tmp_path_factory.mktemp(environment)
            names = [
                name
                for name, tool in TOOLS.items()
                if name in chosen and environments.environment_of(tool) == environment
            ]
            environments.run(
                environment, MAKERS, folders[environment], *names, folder=folders[environment]
            )
        return folders[environment]

    return of


def test_there_are_sixty_files():
    assert len(TOOLS) - len(STAYS_FIXED) >= 60


@pytest.mark.parametrize("name", TOOLS)
def test_a_tools_file_ends_callable_and_answers_like_onnx_runtime(
    made,
    through_gateway,  # noqa: F811
    tmp_path,
    monkeypatch,
    name,
):
    environment = environments.environment_of(TOOLS[name])
    if not environments.python_of(environment):
        pytest.skip(
            f"the tools' environment {environment} is not installed: python -m tests.tools.environments"
        )
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    folder = made(environment) / name
    failed = folder / "failed.txt"
    assert not failed.exists(), failed.read_text()[-2000:]
    facts = json.loads((folder / "facts.json").read_text())
    feeds = {key: as_sent(array) for key, array in np.load(folder / "inputs.npz").items()}
    if name in STAYS_FIXED:
        with pytest.raises(Refused) as refused:
            serving.served(folder / facts["upload"], tmp_path)
        assert STAYS_FIXED[name] in refused.value.remedy
        return
    found, app = serving.served(folder / facts["upload"], tmp_path)
    status, answer = through_gateway(app, serving.request_of(found.signature, feeds))
    assert status == 200, answer
    assert (
        serving.differences(
            found, answer, serving.expected(folder / facts["onnx"], feeds, facts["batch"])
        )
        == []
    )
    assert bool(found.changes) == bool(found.original)


def as_sent(array):
    return array.astype(object) if array.dtype.kind == "U" else array
