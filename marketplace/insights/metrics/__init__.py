"""The success metrics, in the order of the page (docs/metrics.md)."""

from marketplace.insights.metrics.demand import (
    ACTIVE_CONSUMERS,
    CONSUMER_GROWTH,
    CONSUMPTION_VOLUME,
)
from marketplace.insights.metrics.integration import TIME_TO_INTEGRATE
from marketplace.insights.metrics.metric import Metric
from marketplace.insights.metrics.reuse import (
    CROSS_UNIT_CALLS,
    CROSS_UNIT_MODELS,
    UNITS_WITH_AI,
)
from marketplace.insights.metrics.reviewing import REVIEW_CYCLE, REVIEWS_IN_TIME, REWORK
from marketplace.insights.metrics.running import INCIDENTS, SUSPENDED_MINUTES
from marketplace.insights.metrics.searching import (
    SEARCH_BEFORE_BUILD,
    SEARCH_SUCCESS,
    ZERO_RESULTS,
)
from marketplace.insights.metrics.supply import (
    FRESHNESS,
    HIGH_TIER_REVIEWED,
    PUBLISHED_MODELS,
    PUBLISHER_ADOPTION,
)
from marketplace.insights.metrics.value_time import TIME_TO_VALUE

METRICS: tuple[Metric, ...] = (
    PUBLISHED_MODELS,
    PUBLISHER_ADOPTION,
    FRESHNESS,
    ACTIVE_CONSUMERS,
    CONSUMER_GROWTH,
    CONSUMPTION_VOLUME,
    TIME_TO_INTEGRATE,
    TIME_TO_VALUE,
    CROSS_UNIT_MODELS,
    CROSS_UNIT_CALLS,
    UNITS_WITH_AI,
    SEARCH_SUCCESS,
    ZERO_RESULTS,
    SEARCH_BEFORE_BUILD,
    REVIEW_CYCLE,
    REVIEWS_IN_TIME,
    REWORK,
    INCIDENTS,
    SUSPENDED_MINUTES,
    HIGH_TIER_REVIEWED,
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
