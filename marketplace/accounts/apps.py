from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "marketplace.accounts"
    label = "accounts"

    def ready(self) -> None:
        """allauth counts in the default cache, which is one process' own; its limits are for all of them."""
        from allauth.core.internal import ratelimit
        from django.core.cache import caches

        ratelimit.cache = caches["shared"]
