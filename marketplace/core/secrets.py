"""What is no secret: too short, too regular, or known from an example. Outside demo mode nothing starts with one (docs/portal-limits.md)."""

import re
from urllib.parse import unquote, urlsplit

KEY_LENGTH, PASSWORD_LENGTH = 32, 16  # characters at least
KEY_VARIETY, PASSWORD_VARIETY = 10, 6  # different characters at least
# Words of examples, defaults and habits; what is left without them has to be long enough by itself.
KNOWN = re.compile(
    "|".join(
        (
            "django-insecure",
            "marketplace",
            "changeit",
            "changeme",
            "change-me",
            "change_me",
            "replaceme",
            "replace-me",
            "password",
            "passwort",
            "passwd",
            "default",
            "example",
            "insecure",
            "secret",
            "postgres",
            "redis",
            "admin",
            "root",
            "test",
            "demo",
            "letmein",
            "welcome",
            "qwertyuiop",
            "qwerty",
            "asdf",
            "abcdefghijklmnopqrstuvwxyz",
            "abcdef",
            "0123456789",
            "1234567890",
            "123456789",
            "12345678",
            "123456",
            "deadbeef",
            "cafebabe",
            "foobar",
            "pepper",
            "token",
            "pass",
            "key",
        )
    ),
    re.IGNORECASE,
)

REMEDY = 'Make one with: python3 -c "import secrets; print(secrets.token_hex(32))". Only the demo (DEMO_MODE=1) starts without.'


def weaknesses(secrets: dict[str, str], stores: dict[str, str]) -> list[str]:
    """A sentence about each that is no secret: `secrets` by name, and addresses of stores by name, whose passwords are meant."""
    sentences = [f"{name} {why}." for name, value in secrets.items() if (why := weakness(value))]
    sentences += [
        f"The password in {name} {why}."
        for name, url in stores.items()
        if url and (why := weakness_of_password(url))
    ]
    twice = sorted(
        name for name, value in secrets.items() if list(secrets.values()).count(value) > 1
    )
    return sentences + (
        [f"{' and '.join(twice)} are the same; each needs its own."] if twice else []
    )


def weakness(value: str, length: int = KEY_LENGTH, variety: int = KEY_VARIETY) -> str:
    """Why `value` is no secret, as the end of a sentence ("is too short"), or "" when it may be one."""
    if len(value) < length:
        return f"is too short, it needs {length} characters"
    rest = KNOWN.sub("", value)
    if len(rest) < min(length, len(value)) * 3 // 4:
        return "is one that is known from examples"
    if len(set(rest)) < variety or _is_repeated(value):
        return "is too regular to be random"
    return ""


def weakness_of_password(url: str) -> str:
    """The same of the password in a store's address; one without any is for sockets, loopback and certificates only."""
    parts = urlsplit(url)
    if parts.password is None:
        is_near = parts.hostname in (
            None,
            "",
            "127.0.0.1",
            "localhost",
            "::1",
        ) or parts.scheme.startswith("postgres")
        return "" if is_near else "is missing"
    return weakness(unquote(parts.password), PASSWORD_LENGTH, PASSWORD_VARIETY)


def _is_repeated(value: str) -> bool:
    """Some piece of it, again and again."""
    return (
        value in (value + value)[1:-1]
        or re.fullmatch(r"(.{1,12}?)\1{2,}.{0,12}", value) is not None
    )
