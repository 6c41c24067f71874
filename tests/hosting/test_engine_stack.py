"""Real versions on the real engine: from approval to an answer, several versions at once, a killed process, a broken package."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from django.utils import timezone
from tritonclient.utils import InferenceServerException

from catalog.models import RegisteredModel, stored_as
from hosting.models import Deployment, HealthSample, Upstream
from tests import factories
from tests.hosting.live import approve, is_published, pids

# The default tier has them apart: tests/browser/test_story.py starts a version, test_reconcile.py heals, test_engine_loader.py refuses.
pytestmark = [pytest.mark.stack, pytest.mark.slow]
SLUG = "engine-check"


def version_of(folder, number):
    """A further approved version of one model."""
    entry = RegisteredModel.objects.filter(slug=SLUG).first() or factories.model(
        name="Engine check"
    )
    return approve(folder, entry, number)


@pytest.fixture
def client(stack):
    with triton.InferenceServerClient(f"127.0.0.1:{stack.ports['engine_http']}") as client:
        yield client


def infer(client, number, income=(4000.0, 5200.0), binary=False):
    inputs = []
    for name, values in (("income", income), ("debt", (300.0,) * len(income))):
        tensor = triton.InferInput(name, [len(values)], "FP32")
        tensor.set_data_from_numpy(np.array(values, np.float32), binary_data=binary)
        inputs.append(tensor)
    outputs = [triton.InferRequestedOutput("score", binary_data=binary)]
    return (
        client.infer(SLUG, inputs, number, request_id="q1", outputs=outputs)
        .as_numpy("score")
        .tolist()
    )


def test_versions_live_side_by_side_and_heal(stack, stack_orm, client, tmp_path):
    with stack_orm():
        first = version_of(tmp_path, "1.0.0")
        stack.wait_until(lambda: is_published(first), 120)
        before = pids(first)
        second = version_of(tmp_path, "1.1.0")
        stack.wait_until(lambda: is_published(second), 60)
        assert pids(first) == before  # deploying the second left the first's process alone

        for number in ("1.0.0", "1.1.0"):
            assert client.is_model_ready(SLUG, number)
            assert infer(client, number) == infer(client, number, binary=True) == [3700.0, 4900.0]
        assert client.get_model_metadata(SLUG, "1.1.0")["versions"] == ["1.1.0"]
        with pytest.raises(InferenceServerException, match="Input 'income', row 1"):
            infer(client, "1.0.0", (1.0, float("inf")), binary=True)

        others = pids(second)
        (victim,) = before
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        stack.wait_until(lambda: answers(client), 30)
        assert time.monotonic() - killed < 30
        stack.wait_until(lambda: healed(first, victim), 30)
        assert pids(second) == others
        row = first.deployment.replicas.get(pid=victim)
        assert (row.state, row.ended_at is not None) == ("crashed", True)
        Upstream.objects.filter(version=first).update(
            probe_due_at=timezone.now()
        )  # what may sleep is probed every five minutes
        stack.wait_until(
            lambda: HealthSample.objects.filter(version=first, is_ok=True).exists(), 30
        )


def answers(client):
    try:
        return infer(client, "1.0.0") == [3700.0, 4900.0]
    except Exception:  # the killed process takes the call in flight with it; each client library has its own word for that
        return False


def healed(version, victim):
    deployment = Deployment.objects.get(version=version)
    return deployment.state == "ready" and deployment.restarts == 1 and pids(version) - {victim}


def test_a_package_changed_after_approval_does_not_start_and_says_why(stack, stack_orm, tmp_path):
    with stack_orm():
        version = version_of(tmp_path, "2.0.0")
        stored = Path(stack.run.path, "artifacts", stored_as(version.artifacts.get().sha256))
        stored.chmod(0o600)
        whole = stored.read_bytes()
        stored.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        stack.wait_until(
            lambda: Deployment.objects.filter(version=version, state="failed").exists(), 90
        )
        assert "not those that were approved" in Deployment.objects.get(version=version).reason
        assert not is_published(version)
        stored.write_bytes(whole)  # other tests of this stack have the same bytes under this name
