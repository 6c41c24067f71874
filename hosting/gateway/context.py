"""What one gateway process has. Request code reads the context; only the background loops (process/) write to it."""

from dataclasses import dataclass, field

from consumption.metering.usage_journal import ENVIRONMENTS, UsageJournal
from hosting.gateway.auth.change_feed import ChangeFeed
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.auth.resolve import Model
from hosting.gateway.auth.revocations import Revocations
from hosting.gateway.auth.trusted_proxies import TrustedProxies
from hosting.gateway.clock import Clock
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.admission import Admission
from hosting.gateway.limits.connections import ConnectionLimiter
from hosting.gateway.limits.load_shedder import LoadShedder
from hosting.gateway.metering.metrics import Counters
from hosting.gateway.records import ApiKeyRecord
from hosting.gateway.upstream.circuit_breaker import UpstreamHealthByVersion
from hosting.gateway.upstream.connection_pool import ConnectionPool
from hosting.gateway.upstream.readiness import ReadinessProbes


@dataclass(slots=True)
class GatewayContext:
    """The parts of a process, one of each.

    `environments_open`: how many of ENVIRONMENTS are served; fewer as the journal's disk fills, test first.
    `common_head`: header bytes of every answer, renewed with each tick. `cross_origin`: the same headers as pairs, without Date.
    """

    config: GatewayConfig
    clock: Clock
    counters: Counters
    journal: UsageJournal
    keys: KeyCache
    models: ModelCache
    feed: ChangeFeed
    revocations: Revocations
    proxies: TrustedProxies
    admission: Admission
    shedder: LoadShedder
    connection_limiter: ConnectionLimiter
    pool: ConnectionPool
    upstreams: UpstreamHealthByVersion
    readiness: ReadinessProbes
    cross_origin: list[tuple[bytes, bytes]] = field(default_factory=list)
    common_head: bytes = b""
    environments_open: int = len(ENVIRONMENTS)

    def is_ready(self) -> bool:
        """Whether calls can be answered: Postgres answered once, and what is cached may still be used."""
        return self.feed.has_position

    def new_request_id(self) -> str:
        return self.journal.new_id(self.clock.now_us()).hex()

    async def model_of(self, record: ApiKeyRecord) -> Model:
        """The record of a key's model, loaded if it is not cached. Raises Problem (503) when it cannot be loaded."""
        return self.models.get(record.model_id) or await self.models.fetch(record.model_id)
