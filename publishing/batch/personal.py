"""What looks like data of a person in a column: its name, or what its cells look like (publishing.screening.disclosures)."""

import re
from collections import Counter

from publishing.screening.disclosures import disclosures

LEAST_LIKELY, LEAST_PART = 3, 0.05  # of cells that are only likely
NAMES = re.compile(
    r"(?i)(?:^|_)(?:(?:first|last|sur|full|given|family|customer|applicant|client|person|user|maiden)_?name|name"
    r"|e_?mail|phone|telephone|mobile|iban|ssn|social_?security(?:_?number)?|passport|tax_?id|national_?id"
    r"|birth_?(?:date|day|place)|date_?of_?birth|dob|street|address|post_?code|zip_?code|licen[cs]e_?plate)(?:_|$)"
)


def signs(name: str, cells: list[str]) -> list[str]:
    """What a column looks like, in words; [] when nothing speaks for a person."""
    labels = ["its name tells of a person"] if NAMES.search(_words(name)) else []
    found = Counter()  # type: Counter[str]
    certain = set()
    for one in disclosures("\n".join(cells), name):
        found[one.label] += 1
        if one.is_certain:
            certain.add(one.label)
    enough = max(LEAST_LIKELY, LEAST_PART * len(cells))
    return labels + [label for label, count in found.items() if label in certain or count >= enough]


def _words(name: str) -> str:
    """camelCase and spaces as words with a line below."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W]+", "_", parted)
