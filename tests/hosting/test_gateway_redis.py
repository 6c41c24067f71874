"""The two connections of a gateway process to Redis: pipelined commands with a breaker, and the subscription with its gaps."""

import asyncio
import contextlib
import time

import pytest
from django.conf import settings
from redis import Redis

from hosting.gateway.limits.redis_client import RedisClient, RedisError, RedisUnavailable
from hosting.gateway.process.pubsub import PubSubListener
from tests.gateway import proxy_before, through

CHANNEL = "test:gateway"


@pytest.fixture
def proxy():
    proxy = proxy_before(settings.REDIS_URL)
    yield proxy
    proxy.close()


@contextlib.asynccontextmanager
async def connected(url, **options):
    client = RedisClient(url, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_replies_of_every_kind_come_back_in_order():
    async def live():
        async with connected(settings.REDIS_URL, deadline_s=5.0) as client:
            commands = [
                ("ECHO", b"\r\n$3\r\nbytes"),
                ("GET", "test:gateway:absent"),
                ("EVAL", "return {1, 'two', {3}}", 0),
                ("NO-SUCH-COMMAND",),
                ("ECHO", "x" * 300_000),
            ]
            return await asyncio.gather(
                *(client.execute(*command) for command in commands), return_exceptions=True
            )

    echo, absent, nested, error, large = asyncio.run(live())
    assert (echo, absent, nested) == (b"\r\n$3\r\nbytes", None, [1, b"two", [3]])
    assert isinstance(error, RedisError) and len(large) == 300_000


def test_a_redis_that_hangs_opens_the_breaker_and_a_probe_closes_it(proxy):
    async def live():
        url = through(proxy, settings.REDIS_URL)
        async with connected(url, deadline_s=0.2, probe_s=0.1) as client:
            assert await client.execute("ECHO", "here") == b"here"
            proxy.set("hang")
            waiting = [client.execute("ECHO", "there") for _ in range(3)]
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(result) for result in results] == [RedisUnavailable] * 3
            began = time.monotonic()
            with pytest.raises(RedisUnavailable):
                await client.execute("ECHO", "at once")
            assert time.monotonic() - began < 0.1 and client.breaker_opened == 1
            proxy.set("pass")
            await until(lambda: client.is_up)
            assert await client.execute("ECHO", "again") == b"again"

    asyncio.run(live())
    assert proxy.injected


def test_a_subscriber_hears_messages_and_each_gap(proxy):
    """An empty payload says that messages may have been missed: at the start, and after every lost connection."""
    heard = []

    async def live():
        url = through(proxy, settings.REDIS_URL)
        listener = PubSubListener(url, CHANNEL, heard.append, retry_s=0.05)
        listener.start()
        await until(lambda: heard == [b""])
        with Redis.from_url(settings.REDIS_URL) as redis:
            redis.publish(CHANNEL, b"one")
            await until(lambda: heard == [b"", b"one"])
            proxy.set("refuse")
            await asyncio.sleep(0.2)
            proxy.set("pass")
            await until(lambda: heard == [b"", b"one", b""])
            redis.publish(CHANNEL, b"two")
            await until(lambda: heard[-1] == b"two")
        await listener.stop()

    asyncio.run(live())
    assert proxy.injected
