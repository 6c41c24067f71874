"""What the person already has, for pages of lower apps."""

from django import template

from consumption.models import Subscription

register = template.Library()


@register.simple_tag(takes_context=True)
def my_subscription(context, model):
    """The open subscription that one of the person's teams holds to `model`, or None."""
    held = Subscription.objects.held_by(context["request"].user).open().filter(model=model)
    return held.select_related("application").first()
