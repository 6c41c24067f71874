"""Turns: in each pass of the event loop a subscription begins a few calls; what is more waits in its own line for the next.

The loop serves sockets as they become ready. Without turns a tenant with five hundred connections has every call of the
others wait for hundreds of its own; with them it waits for itself. Nothing is lost by it: a pass that has work left
is followed by the next one at once. Whose line waits for more of the process' own work than its lag may be (pressure.py)
is turned away.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from hosting.gateway import problems
from hosting.gateway.config import Limits

if TYPE_CHECKING:
    from hosting.gateway.limits.admission import Account

# Calls for each pass. At 45 µs a call, sixteen are less than a millisecond; while production has a line too, a test
# application's share is a quarter of its.
CALLS, CALLS_OF_TEST = 16, 4


class Beginner(Protocol):
    """A call that waits for its turn."""

    def begin(self, account: "Account") -> None: ...


class Turns:
    """The subscriptions that have begun all their calls of a pass, and how it goes on with their lines."""

    def __init__(self, limits: Limits) -> None:
        self._longest_s = {
            True: limits.busy_lag_s,
            False: 2 * limits.busy_lag_s,
        }  # of test applications, and of others
        self._wait_s = limits.shed_wait_s
        self._full: list[Account] = []
        self._is_due = False

    def may_begin(self, account: "Account", call: Beginner) -> bool:
        """May it begin now? If not, its `begin` is called when it is its turn. Raises Problem when the line is too long."""
        if account.begun < account.in_a_pass:
            account.begun += 1
            if account.begun == account.in_a_pass:
                self._end_pass(account)
            return True
        now = (
            time.thread_time()
        )  # what other programs take from the machine is no reason to turn anybody away
        if account.turns and now - account.turns[0][0] > self._longest_s[account.is_test]:
            raise problems.gateway_busy(self._wait_s)
        account.turns.append((now, call))
        return False

    def _end_pass(self, account: "Account") -> None:
        self._full.append(account)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next_pass)

    def _next_pass(self) -> None:
        full, self._full, self._is_due = self._full, [], False
        for account in full:
            account.begun = min(account.in_a_pass, len(account.turns))
            if account.begun == account.in_a_pass:
                self._end_pass(account)
            for _ in range(account.begun):
                account.turns.popleft()[1].begin(account)
