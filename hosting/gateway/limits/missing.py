"""What a call still needs before it is admitted."""

from enum import Enum


class Missing(Enum):
    """Something that can be fetched or waited for; what cannot be cured by waiting is a Problem."""

    TOKEN = "a token of the plan's rate"
    QUOTA_UNIT = "a unit of the monthly quota"
    SUBSCRIPTION_SLOT = "a slot of the subscription"
    VERSION_SLOT = "a slot of the version"
