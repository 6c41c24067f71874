"""Generated texts: customer complaints and pages of loan files, from phrases and filler words."""

from __future__ import annotations

import numpy as np

from ..listing import Sample

COMPLAINTS = {
    "cards": "card declined abroad|charged twice on my card|credit card fee I never agreed to|contactless payment failed|replacement card never arrived|cash withdrawal fee on card|card limit cut without notice",
    "claims": "claim still not settled|adjuster never called back|garage repair estimate refused|claim denied without reason|waiting weeks for claim payment|excess was deducted twice|damage photos lost",
    "lending": "loan repayment taken twice|early repayment quote wrong|interest on personal loan too high|loan application refused without reason|direct debit taken after loan was closed|income documents asked three times",
    "mortgage": "mortgage offer delayed|valuation of house too low|fixed rate expired without letter|completion date missed|escrow shortage letter|remortgage application stuck|property survey fee charged",
    "wealth": "adviser did not explain fund fees|portfolio transfer takes months|investment advice was unsuitable|dividend not paid|pension withdrawal delayed|statement of holdings wrong|adviser was rude",
}
PAGES = {
    "appraisal": "appraised value|comparable sales|subject property|neighborhood description|gross living area|condition of improvements|appraiser certification",
    "bank statement": "opening balance|closing balance|direct deposit|withdrawal|statement period|account number|card purchase|available balance",
    "identity card": "date of birth|driver license|issuing state|expiration date|given names|document number|eye color",
    "insurance certificate": "policy number|dwelling coverage|premium|deductible|insured name|named perils|mortgagee clause",
    "purchase contract": "buyer and seller agree|purchase price|earnest money|closing date|contingency|title insurance|legal description of property",
    "salary slip": "gross pay|net pay|pay period|federal tax withheld|social security|hourly rate|employer name|year to date earnings",
}
FILLER = (
    "please the and for with this was not my have from your again still very after before when that about would "
    "week month call letter account customer today branch office again number page date name total amount information"
).split()


def texts(
    phrases: dict[str, str], length: int, clean: float, rng: np.random.Generator, n: int
) -> Sample:
    """`n` texts of about `length` words; a `clean` share carry only phrases of their own class."""
    names = sorted(phrases)
    labels = rng.integers(0, len(names), n)
    rows = [text(phrases, names, int(label), length, clean, rng) for label in labels]
    return Sample({"text": np.asarray(rows, dtype=object)}, np.asarray(names)[labels])


def text(
    phrases: dict[str, str],
    names: list[str],
    label: int,
    length: int,
    clean: float,
    rng: np.random.Generator,
) -> str:
    own, other = (
        phrases[names[label]].split("|"),
        phrases[names[int(rng.integers(len(names)))]].split("|"),
    )
    parts = [own[int(rng.integers(len(own)))] for _ in range(1 + length // 15)]
    if rng.random() > clean:
        parts.append(other[int(rng.integers(len(other)))])
        parts = parts[-2:]
    words = " ".join(parts).split()
    fill = [FILLER[int(k)] for k in rng.integers(0, len(FILLER), max(length - len(words), 0))]
    mixed = [*fill, *parts]
    rng.shuffle(mixed)
    return " ".join(mixed).capitalize() + "."


def complaints(rng: np.random.Generator, n: int) -> Sample:
    return texts(COMPLAINTS, 22, 0.7, rng, n)


def pages(rng: np.random.Generator, n: int) -> Sample:
    return texts(PAGES, 60, 0.8, rng, n)
