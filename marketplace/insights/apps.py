from importlib import import_module

from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "marketplace.insights"
    label = "insights"

    def ready(self) -> None:
        import_module("marketplace.insights.ledger.waiting")  # what waits for finance and for leads
        import_module("marketplace.insights.curation.deadlines")  # what waits for publishers
