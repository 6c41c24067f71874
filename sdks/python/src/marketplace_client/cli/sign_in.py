"""Where the command line calls, and with what: a file that only its owner reads, and the environment, which wins."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marketplace_client.cli.failures import NOT_ALLOWED, Failure

PORTAL, TOKEN, GATEWAY = "MARKETPLACE_URL", "MARKETPLACE_TOKEN", "MARKETPLACE_GATEWAY_URL"


@dataclass
class SignIn:
    """`token` is of a person (mkp_…); the keys of applications (mkc_…) are never kept here."""

    portal: str = ""
    token: str = ""
    gateway: str = ""


def path(environment: Mapping[str, str] = os.environ) -> Path:
    """~/.config/marketplace/sign-in.json, or below XDG_CONFIG_HOME."""
    base = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "marketplace" / "sign-in.json"


def read(environment: Mapping[str, str] = os.environ) -> SignIn:
    """What is kept, with what the environment says instead."""
    try:
        kept = dict(json.loads(path(environment).read_text()))
    except (OSError, TypeError, ValueError):
        kept = {}
    names = {"portal": PORTAL, "token": TOKEN, "gateway": GATEWAY}
    return SignIn(
        **{
            name: environment.get(variable) or kept.get(name, "")
            for name, variable in names.items()
        }
    )


def required(environment: Mapping[str, str] = os.environ) -> SignIn:
    """The same; raises Failure when somebody still has to sign in."""
    found = read(environment)
    if not found.portal or not found.token:
        raise Failure(
            f"Sign in first: marketplace login https://marketplace.example.com, or set {PORTAL} and {TOKEN}.",
            NOT_ALLOWED,
        )
    return found


def keep(sign_in: SignIn, environment: Mapping[str, str] = os.environ) -> Path:
    """Write it with the rights 0600."""
    file = path(environment)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        os.fchmod(out.fileno(), 0o600)
        json.dump(vars(sign_in), out)
    return file


def forget(environment: Mapping[str, str] = os.environ) -> None:
    path(environment).unlink(missing_ok=True)
