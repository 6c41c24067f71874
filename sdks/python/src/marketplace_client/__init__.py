"""Calls models of the marketplace: rows in, rows out. Nothing beyond Python's standard library is needed."""

from marketplace_client.async_client import AsyncClient
from marketplace_client.calls import DeprecatedVersion
from marketplace_client.errors import (
    Conflict,
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    Forbidden,
    Gone,
    InvalidInput,
    LimitReached,
    MarketplaceError,
    NotFound,
    ProblemError,
    ServerFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
)
from marketplace_client.predictions import CallInfo, Deprecation, Limit, Predictions
from marketplace_client.sync_client import Client

__version__ = "1.0.0"
__all__ = [
    "AsyncClient",
    "CallInfo",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "ConnectionLost",
    "DeadlineExceeded",
    "DeprecatedVersion",
    "Deprecation",
    "Forbidden",
    "Gone",
    "InvalidInput",
    "Limit",
    "LimitReached",
    "MarketplaceError",
    "NotFound",
    "Predictions",
    "ProblemError",
    "ServerFailed",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
]
