from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "marketplace.tokens"
    label = "tokens"
