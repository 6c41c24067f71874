"""VALUE: what the marketplace is worth, with evidence. Looks over all apps; nothing looks up to it."""

from marketplace.insights.models.inventory import ProductionModel

__all__ = ["ProductionModel"]
