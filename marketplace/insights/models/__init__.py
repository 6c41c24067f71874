"""VALUE: what the marketplace is worth, with evidence. Looks over all apps; nothing looks up to it."""

from marketplace.insights.models.inventory import ProductionModel
from marketplace.insights.models.metrics import MetricRow, MetricValue

__all__ = ["MetricRow", "MetricValue", "ProductionModel"]
