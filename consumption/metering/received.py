"""The service level that a team itself received, beside what the version's publisher promised (docs/dashboards.md, "Service level received").

A version is measured over all its callers elsewhere (hosting.service_levels); these are one team's own calls, from the roll-ups.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from catalog.models import ModelVersion
from consumption.metering import usage
from consumption.metering.usage import Scope, Window, of_window
from consumption.models import Outcome, Subscription

LEAST = 200  # calls: with fewer, one failure moves availability by half a percent (hosting.service_levels has the same bound)
PROMISED_SHARE = 95  # percent of answers, of the promise `p95_ms`
KEPT, BROKEN, TOO_LITTLE, UNPROMISED = "kept", "broken", "not enough calls", "not promised"


@dataclass(frozen=True)
class Received:
    """One subscription's calls of one version. Percents 0..100, None where nothing was called.

    served    answered, also with "your input is wrong"; `failed` are the model's errors and answers past the deadline.
    in_time   answers within `promised_ms`; None where it is not promised.
    """

    subscription: Subscription
    version: ModelVersion
    served: int
    failed: int
    answered: int
    in_time: int | None

    @property
    def promised_availability(self) -> Decimal | None:
        return _number(self.version.sla.get("availability"))

    @property
    def promised_ms(self) -> Decimal | None:
        return _number(self.version.sla.get("p95_ms"))

    @property
    def calls(self) -> int:
        return self.served + self.failed

    @property
    def availability(self) -> float | None:
        return 100 * self.served / self.calls if self.calls else None

    @property
    def in_time_percent(self) -> float | None:
        return (
            100 * self.in_time / self.answered
            if self.in_time is not None and self.answered
            else None
        )

    @property
    def availability_verdict(self) -> str:
        return _verdict(self.promised_availability, self.availability, self.calls)

    @property
    def in_time_verdict(self) -> str:
        promised = None if self.promised_ms is None else Decimal(PROMISED_SHARE)
        return _verdict(promised, self.in_time_percent, self.answered)


def received(scope: Scope, window: Window) -> list[Received]:
    """A Received for each subscription and version that was called, most calls first. Four queries."""
    found = usage.rows(Scope(scope.condition, is_of_keys=True), window)
    sums = (
        found.order_by()
        .values_list("subscription_id", "version_id")
        .annotate(Sum("ok"), Sum("client_errors"), Sum("upstream_errors"), Sum("in_time"))
    )
    rows = list(sums)
    late = _late(scope, window)
    subscriptions = Subscription.objects.for_list().in_bulk({row[0] for row in rows})
    versions = ModelVersion.objects.select_related("model").in_bulk({row[1] for row in rows})
    shown = [
        Received(
            subscriptions[subscription],
            versions[version],
            served=ok + refused,
            failed=failed + late.get((subscription, version), 0),
            answered=ok,
            in_time=in_time,
        )
        for subscription, version, ok, refused, failed, in_time in rows
    ]
    return sorted(shown, key=lambda row: (-row.calls, row.subscription.pk, row.version.pk))


def _late(scope: Scope, window: Window) -> dict[tuple[int, int], int]:
    """Calls that waited until their deadline: booked as aborted, and the promise is the publisher's."""
    failures = window.table_of_failures.objects.filter(
        scope.condition, outcome=Outcome.ABORTED, http_status=504
    )
    counted = of_window(failures, window).order_by().values_list("subscription_id", "version_id")
    return {(one, version): calls for one, version, calls in counted.annotate(Sum("calls"))}


def _verdict(promised: Decimal | None, measured: float | None, calls: int) -> str:
    if promised is None:
        return UNPROMISED
    if calls < LEAST or measured is None:
        return TOO_LITTLE
    return KEPT if measured >= promised else BROKEN


def _number(promised: Any) -> Decimal | None:
    return None if promised in (None, "") else Decimal(str(promised))
