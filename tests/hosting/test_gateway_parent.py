"""The gateway's parent process: what it refuses to start with, and what it does with children that do not come up."""

from types import SimpleNamespace

import pytest

from hosting.gateway import config
from hosting.gateway.process import parent as parents


class Child:
    """As the parent sees one; its process ends when it is told to."""

    def __init__(self, is_well=True):
        self.is_well = is_well
        self.was_ended = self.is_closed = False
        self.process = SimpleNamespace(
            poll=lambda: None if self.is_well else 1, wait=lambda seconds: None
        )

    def is_ready(self):
        return self.is_well

    def terminate(self):
        self.was_ended = True

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize("is_well", [True, False])
def test_a_reload_ends_the_old_worker_only_when_the_new_one_answers(tmp_path, monkeypatch, is_well):
    parent = parents.Parent(None, 1, tmp_path)
    old, fresh, shipping = Child(), Child(is_well), Child()
    parent.children = {"0": old, "shipping": shipping}

    def start(name):
        parent.children[name] = fresh if name == "0" else Child()
        return parent.children[name]

    monkeypatch.setattr(parent, "_start", start)
    parent._reload()
    stays, leaves = (fresh, old) if is_well else (old, fresh)
    assert (
        parent.children["0"] is stays
        and not stays.was_ended
        and leaves.was_ended
        and leaves.is_closed
    )
    assert shipping.was_ended


def test_a_limit_that_is_no_number_ends_the_start_with_a_sentence(monkeypatch):
    monkeypatch.setenv("GATEWAY_IN_FLIGHT", "many")
    with pytest.raises(SystemExit, match="GATEWAY_IN_FLIGHT is 'many', not a whole number"):
        parents.check_limits()
    monkeypatch.setenv("GATEWAY_IN_FLIGHT", "7")
    assert config.from_environment().in_flight == 7
