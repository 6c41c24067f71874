"""Personal data and secrets in a text: shapes with check digits where there are any (docs/governance.md, "Screening").

Pure. Every pattern has bounded repetitions, so that the work grows with the length of the text alone. IBAN, payment cards and
national numbers are judged by python-stdnum.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from stdnum import iban, luhn
from stdnum.ch import ssn as swiss_number
from stdnum.it import codicefiscale
from stdnum.us import ssn as us_number

from marketplace.core import keys

MOST_TRIED = 1_000  # texts of one place that a shape is compared with
SHOWN, SHOWN_PART = 4, 4  # characters of a value that are shown, at most a quarter of it
HIDDEN = "••••••"
RANDOM_BITS = 4.5  # a character; English words and identifiers stay below, base64 of 32 random bytes lies above
# Values that standards and vendors print as examples belong to nobody.
INVENTED_DOMAINS = ("example", "test", "invalid", "localhost")  # RFC 2606
INVENTED_HOSTS = ("example.com", "example.net", "example.org")
INVENTED_IBANS = {
    "GB82WEST12345698765432",
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "CH9300762011623852957",
    "NL91ABNA0417164300",
}
INVENTED_CARDS = {
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3530111333300000",
}
FICTIONAL_PHONES = re.compile(r"1\d{3}55501\d\d|447700900\d{3}")  # NANPA, Ofcom
PLACEHOLDER = re.compile(r"(?i)your|example|placeholder|changeme|secret|password|xxx|\*\*|\.\.\.")


@dataclass(frozen=True)
class Shape:
    """What one kind of disclosure looks like.

    needs       a text without any of these has none of them; () where only the pattern can say
    is_certain  hardly anything else looks like it; what is only likely is shown to people and does not block
    is_contact  in prose it is how colleagues reach the team, and only likely
    """

    label: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] = lambda value: True
    is_secret: bool = False
    is_certain: bool = True
    is_contact: bool = False


@dataclass(frozen=True)
class Disclosure:
    """One value that should not be there, masked. place: the field or file; line: counted from 1."""

    place: str
    line: int
    label: str
    is_secret: bool
    is_certain: bool
    excerpt: str

    def as_data(self) -> dict[str, str | int | bool]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.place}, line {self.line}: {self.label} {self.excerpt}"


def masked(value: str) -> str:
    """The first characters of a value, at most a quarter of it; the length of the rest is not told."""
    return value[: min(SHOWN, len(value) // SHOWN_PART)] + HIDDEN


def bits(value: str) -> float:
    """Shannon entropy of the characters, in bits a character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _is_random(value: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(map(kind, value)) for kind in kinds) and bits(value) >= RANDOM_BITS


def _is_password(value: str) -> bool:
    return bool(re.search(r"\d", value)) and not PLACEHOLDER.search(value) and bits(value) >= 2.5


def _is_address(value: str) -> bool:
    host = value.rpartition("@")[2].lower()
    return host.rpartition(".")[2] not in INVENTED_DOMAINS and not any(
        host == known or host.endswith(f".{known}") for known in INVENTED_HOSTS
    )


def _is_iban(value: str) -> bool:
    """The text may go on in capitals behind the number: then its last groups are not part of it."""
    groups = value.split(" ")
    starts = ("".join(groups[: len(groups) - gone]) for gone in range(3))
    return any(iban.is_valid(start) and start not in INVENTED_IBANS for start in starts)


def _is_card(value: str) -> bool:
    number = re.sub(r"[ -]", "", value)
    return luhn.is_valid(number) and number not in INVENTED_CARDS and len(set(number)) > 2


def _is_phone(value: str) -> bool:
    digits = re.sub(r"\D", "", value)
    return 9 <= len(digits) <= 15 and not FICTIONAL_PHONES.fullmatch(digits)


def _secret(
    label: str, needs: str, pattern: str, accepts: Callable[[str], bool] = lambda value: True
) -> Shape:
    return Shape(label, tuple(needs.split()), re.compile(pattern), accepts, is_secret=True)


NAMED = r"(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|token)"
SHAPES = (
    _secret("private key", "PRIVATE", r"-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----"),
    _secret(
        "AWS access key",
        "AKIA ASIA",
        r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
        lambda value: "EXAMPLE" not in value,
    ),
    _secret(
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,80}|github_pat_\w{50,100})",
    ),
    _secret("GitLab token", "glpat-", r"\bglpat-[\w-]{20,60}"),
    _secret("Slack token", "xox", r"\bxox[abposr]-[A-Za-z0-9-]{10,100}"),
    _secret(
        "Slack address",
        "hooks.slack.com",
        r"hooks\.slack\.com/services/T\w{6,14}/B\w{6,14}/\w{16,40}",
    ),
    _secret("Google API key", "AIza", r"\bAIza[\w-]{35}"),
    _secret("Stripe key", "k_live_", r"\b[sr]k_live_[A-Za-z0-9]{16,100}"),
    _secret("key of a model provider", "sk-", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,160}"),
    _secret("Hugging Face token", "hf_", r"\bhf_[A-Za-z]{34}\b"),
    _secret("PyPI token", "pypi-", r"\bpypi-AgEIcHlwaS5vcmc[\w-]{30,200}"),
    _secret("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _secret(
        "signed token (JWT)",
        "eyJ",
        r"\beyJ[\w-]{10,400}\.eyJ[\w-]{10,4000}\.[\w-]{10,700}",
    ),
    _secret(
        "password in an address",
        "://",
        r"\b[a-z][a-z0-9+]{1,12}://[^\s:/@]{1,80}:[^\s:/@]{3,120}@",
        lambda value: not PLACEHOLDER.search(value),
    ),
    _secret(
        "key of this marketplace",
        "mkc_ mks_ mkp_",
        keys.PATTERN,
        lambda value: keys.parse(value.encode()) is not None,
    ),
    Shape(
        "password or key beside its name",
        ("=", ":"),
        re.compile(
            rf"(?i){NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?(?P<value>[^\s\"',;<>{{}}$]{{8,100}})"
        ),
        _is_password,
        is_secret=True,
        is_certain=False,
    ),
    Shape(
        "random text, as keys are",
        (),
        re.compile(r"(?<![\w/+=.-])[A-Za-z0-9+/_-]{32,100}={0,2}(?![\w/+=-])"),
        _is_random,
        is_secret=True,
        is_certain=False,
    ),
    Shape(
        "IBAN",
        (),
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        _is_iban,
    ),
    Shape(
        "payment card",
        (),
        re.compile(
            r"(?<![\w.-])(?:3[47]\d\d[ -]?\d{6}[ -]?\d{5}"
            r"|(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d|35\d\d)(?:[ -]?\d{4}){3})(?![\w-])"
        ),
        _is_card,
    ),
    Shape(
        "US social security number",
        ("-",),
        re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        lambda value: us_number.is_valid(value) and value != "123-45-6789",
    ),
    Shape(
        "Swiss insurance number",
        ("756.",),
        re.compile(r"(?<![\w.])756\.\d{4}\.\d{4}\.\d{2}(?!\w)"),
        swiss_number.is_valid,
    ),
    Shape(
        "Italian tax code",
        (),
        re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]\b"),
        codicefiscale.is_valid,
    ),
    Shape(
        "British insurance number",
        (),
        re.compile(r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
        is_certain=False,
    ),
    Shape(
        "e-mail address",
        ("@",),
        re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b"),
        _is_address,
        is_contact=True,
    ),
    Shape(
        "telephone number",
        ("+",),
        re.compile(r"(?<![\w+])\+[1-9]\d{0,2}(?:[ -]?\(?\d{1,4}\)?){2,6}(?!\w)"),
        _is_phone,
        is_certain=False,
        is_contact=True,
    ),
)


def disclosures(text: str, place: str, *, is_prose: bool = False) -> Iterator[Disclosure]:
    """What `text` discloses. is_prose: people wrote it, and may say how they are reached."""
    for shape in SHAPES:
        if shape.needs and not any(needed in text for needed in shape.needs):
            continue
        for tried, match in enumerate(shape.pattern.finditer(text)):
            value = match["value"] if "value" in shape.pattern.groupindex else match[0]
            is_unread = tried >= MOST_TRIED
            if is_unread or shape.accepts(value):
                yield Disclosure(
                    place,
                    text.count("\n", 0, match.start()) + 1,
                    f"more than {MOST_TRIED} texts like: {shape.label}"
                    if is_unread
                    else shape.label,
                    shape.is_secret,
                    shape.is_certain and not is_unread and not (is_prose and shape.is_contact),
                    masked(value),
                )
            if is_unread:
                break
