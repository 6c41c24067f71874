from importlib import import_module

from django.apps import AppConfig


class HostingConfig(AppConfig):
    name = "hosting"

    def ready(self) -> None:
        import_module("hosting.capacity")  # registers its kind of change
