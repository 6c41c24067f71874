"""W3C Trace Context: the gateway passes a caller's trace on to the model and answers with it (docs/gateway.md, "Headers")."""

import pytest

from tests.gateway import infer_path, subscriber, until

pytestmark = pytest.mark.xdist_group("gateway_stage")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


def asked(stage, version, key, **headers):
    """(the gateway's answer headers, the head that the model got)."""
    before = len(stage.stub.seen)
    status, answered, _ = stage.gateway.infer(infer_path(version), key, **headers)
    assert status == 200
    until(lambda: len(stage.stub.seen) > before)
    return answered, stage.stub.seen[-1][0].lower()


def test_a_trace_goes_through_and_comes_back(stage, version):
    _, key = subscriber(version)
    answered, head = asked(stage, version, key, traceparent=PARENT, tracestate=STATE)
    assert f"traceparent: {PARENT}\r\n".encode() in head
    assert f"tracestate: {STATE}\r\n".lower().encode() in head
    assert (answered["traceparent"], answered["tracestate"]) == (PARENT, STATE)


@pytest.mark.parametrize(
    "parent",
    [PARENT.upper(), PARENT[:-1], f"ff{PARENT[2:]}", "00-zz", f"{PARENT}, {PARENT}"],
)
def test_what_is_no_trace_is_dropped(stage, version, parent):
    _, key = subscriber(version)
    answered, head = asked(stage, version, key, traceparent=parent, tracestate=STATE)
    assert b"traceparent" not in head and b"tracestate" not in head
    assert "traceparent" not in answered and "tracestate" not in answered


def test_a_long_state_is_left_behind(stage, version):
    _, key = subscriber(version)
    answered, head = asked(stage, version, key, traceparent=PARENT, tracestate="a=" + "b" * 600)
    assert answered["traceparent"] == PARENT and b"tracestate" not in head


def test_a_refusal_names_the_trace_too(stage, version):
    status, answered, _ = stage.gateway.infer(infer_path(version), "nonsense", traceparent=PARENT)
    assert status == 401 and answered["traceparent"] == PARENT
