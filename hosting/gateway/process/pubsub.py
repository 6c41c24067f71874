"""Publish-subscribe: what the portal publishes reaches every gateway process at once (redis.asyncio).

A message only makes a process look sooner than its loops would. So a lost message costs a second and nothing else, and the
listener may reconnect as it likes, as long as it reports each gap.
"""

import asyncio
import contextlib
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CONNECT_S = 1.0
HEALTH_CHECK_S = 10


class PubSubListener:
    """Subscribes to a channel for as long as the process lives. Calls `on_message(payload)`, and `on_message(b"")` after a gap."""

    def __init__(
        self,
        url: str,
        channel: str,
        on_message: Callable[[bytes], None],
        *,
        retry_s: float = 0.5,
    ) -> None:
        self.url = url
        self.channel = channel
        self.on_message = on_message
        self.retry_s = retry_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._listen_once()
            await asyncio.sleep(self.retry_s)

    async def _listen_once(self) -> None:
        """Until the connection is lost."""
        client = Redis.from_url(
            self.url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=CONNECT_S,
            health_check_interval=HEALTH_CHECK_S,
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(self.channel)
            while True:
                message = await pubsub.get_message(timeout=HEALTH_CHECK_S)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self.on_message(b"")
                elif message["type"] == "message":
                    self.on_message(message["data"])
