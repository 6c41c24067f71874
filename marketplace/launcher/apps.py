from django.apps import AppConfig


class LauncherConfig(AppConfig):
    name = "marketplace.launcher"
    label = "launcher"
