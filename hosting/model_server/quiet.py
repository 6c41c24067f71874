"""Two timers that wake a replica for nothing, made rarer. Neither has a setting; see docs/hosting.md, "What an idle version costs".

Ray's worker looks for signals a hundred times a second, by asking `sys.is_finalizing`; uvicorn looks ten times a second whether
it is to stop. A wake-up costs 40 to 60 µs here, so that these two were half of an idle replica's cost.
"""

import asyncio
import sys
import threading
import time
from typing import Any

import uvicorn

# The longest that a call of Ray's controller waits; inferences do not come this way.
SIGNALS_EVERY_S = 0.5
STOP_EVERY_S = 1.0


def look_rarely_for_signals() -> None:
    """From now on, in this process. Whoever waits for its main thread waits half a second: call it after the start."""
    is_finalizing = sys.is_finalizing

    def rest_then_ask() -> bool:
        if threading.current_thread() is threading.main_thread() and not is_finalizing():
            time.sleep(SIGNALS_EVERY_S)  # without the interpreter's lock; a signal ends it
        return is_finalizing()

    sys.is_finalizing = rest_then_ask


def look_rarely_whether_to_stop() -> None:
    """For every uvicorn server that begins to serve after this in this process: one that serves already goes on as it began."""
    uvicorn.Server.main_loop = main_loop  # type: ignore[method-assign]


async def main_loop(server: Any) -> None:
    """uvicorn.Server.main_loop, once a second; a tick at a multiple of ten also renews its Date header."""
    while not await server.on_tick(0):
        await asyncio.sleep(STOP_EVERY_S)
