"""Issue 11, done when 2: at least 60 sound models answer equal to ONNX Runtime, by the replica and by a real gateway before it.

Here are ONNX's own node tests; what tools write (scikit-learn, LightGBM, XGBoost, CatBoost, PyTorch, TensorFlow, MLflow 2 and 3)
is in tests/hosting/test_sound_tools.py.
"""

from collections import Counter

import pytest
from onnx.backend.test.loader import load_model_tests

from tests.hosting.through import replicas, through_gateway  # noqa: F401
from tests.publishing import test_node_tests as node_tests
from tests.publishing.conftest import look  # noqa: F401
from tests.tools import serving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gateway_stage")]
MODELS = 80


def test_sound_models_answer_as_onnx_runtime_through_replica_and_gateway(
    through_gateway,  # noqa: F811
    look,  # noqa: F811
    monkeypatch,
    capsys,
):
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    counts = Counter()
    monkeypatch.setattr(serving, "call", through_gateway)
    for case in load_model_tests(kind="node"):
        if counts["answered equal"] >= MODELS:
            break
        model = node_tests.freed(case)
        content = model.SerializeToString()
        session = node_tests.runs(content)
        if session is None or node_tests.why_not_carried(model):
            continue
        found = look(content)
        counts[node_tests.answer_of(case, model, found, content, session, monkeypatch)] += 1
    with capsys.disabled():
        print("", *(f"{count:6} {what}" for what, count in counts.most_common()), sep="\n")
    assert counts["answered equal"] >= 60
