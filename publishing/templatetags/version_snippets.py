"""Ready-made calls for pages of lower apps: this version, this key."""

from django import template
from django.conf import settings

from publishing import clients, contract

register = template.Library()


@register.simple_tag
def snippets(version, key, example=None):
    """[{"id", "label", "language", "text"}] that call `version` with `key` through the gateway; `example` in place of its own."""
    return contract.snippets(
        gateway_url=settings.GATEWAY_URL,
        model=version.model.slug,
        name=version.model.name,
        number=version.number,
        signature=version.signature,
        example=version.example if example is None else example,
        key=key,
        wheel_url=clients.url("python"),
        npm_url=clients.url("javascript"),
    )
