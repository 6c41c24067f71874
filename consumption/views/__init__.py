"""Pages of consumption."""

from consumption.views.access import (
    access,
    application,
    change_plan,
    close_subscription,
    consumers,
    decide,
    new_application,
    subscribe,
)
from consumption.views.keys import (
    create_key,
    key_networks,
    key_pattern,
    leaked_key,
    leaked_keys,
    revoke_key,
    rotate_key,
)
from consumption.views.plans import (
    change,
    change_terms,
    change_visibility,
    end_subscription,
    plans,
    withdraw_change,
    withdraw_plan,
)
from consumption.views.usage import model_usage, monthly_statement, my_usage, reconciled

__all__ = [
    "access",
    "application",
    "change",
    "change_plan",
    "change_terms",
    "change_visibility",
    "close_subscription",
    "consumers",
    "create_key",
    "decide",
    "end_subscription",
    "key_networks",
    "key_pattern",
    "leaked_key",
    "leaked_keys",
    "model_usage",
    "monthly_statement",
    "my_usage",
    "new_application",
    "plans",
    "reconciled",
    "revoke_key",
    "rotate_key",
    "subscribe",
    "withdraw_change",
    "withdraw_plan",
]
