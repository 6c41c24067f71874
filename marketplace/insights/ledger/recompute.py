"""Recompute the value ledger outside the product: python3 recompute.py FOLDER

FOLDER has what the auditor's export holds: lines.csv, calls.csv, claims.csv, quarters.csv. Nothing but Python is needed. Every amount
is worked out again from the inputs of its line, qualification from the counted calls, and each quarter from its lines. What differs
is printed; the exit status is 1 then.
"""

import csv
import sys
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

CENT = Decimal("0.01")
BUILD = {"S": (50000, 65000, 80000), "M": (80000, 110000, 140000), "L": (140000, 170000, 200000)}
GRADES = {"A": Decimal("1.0"), "B": Decimal("0.7"), "C": Decimal("0.4")}
NAMES = ("low", "mid", "high")
Row = dict[str, str]


def rows(folder: str, name: str) -> list[Row]:
    with open(Path(folder) / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def costs(line: Row) -> tuple[Decimal, ...]:
    """What the team would have spent: low, likely, high."""
    if line["counterfactual"] == "would_buy":
        return (Decimal(line["licence_price"] or 0),) * 3
    if line["counterfactual"] != "would_build":
        return (Decimal(0),) * 3
    if line["booked_cost"]:
        actual = min(Decimal(line["booked_cost"]), Decimal(200000))
        return actual * Decimal("0.8"), actual, actual * Decimal("1.2")
    return tuple(map(Decimal, BUILD[line["size"]]))


def amounts(line: Row) -> list[Decimal]:
    """What the line avoids: max(0, cost x grade x share - integration), in cents; a reversal takes it back."""
    cost = costs(line)
    logged = line["integration_logged"]
    integration = Decimal(logged) if logged else cost[1] * Decimal("0.2")
    if not cost[1]:
        integration = Decimal(0)
    share, grade = Decimal(line["share"]), GRADES[line["grade"]]
    sign = -1 if line["kind"] == "reversal" else 1
    return [
        sign * max(Decimal(0), one * grade * share - integration).quantize(CENT, ROUND_HALF_EVEN)
        for one in cost
    ]


def qualifies(line: Row, calls: dict[str, list[tuple[date, int]]]) -> bool:
    """500 answered calls on 14 days within the 90 that end with the day on which it qualified?"""
    last = date.fromisoformat(line["qualified_on"])
    first = last - timedelta(days=89)
    counted = [n for day, n in calls[line["line"]] if first <= day <= last and n]
    return sum(counted) >= 500 and len(counted) >= 14


def check(folder: str) -> tuple[list[str], list[Decimal]]:
    """(sentences about what differs, the sums of all lines)."""
    calls: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for row in rows(folder, "calls"):
        calls[row["line"]].append((date.fromisoformat(row["day"]), int(row["ok"])))
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    found = []
    for line in rows(folder, "lines"):
        worked_out = amounts(line)
        for name, value in zip(NAMES, worked_out, strict=True):
            if value != Decimal(line[name]):
                found.append(f"line {line['line']}: {name} is {line[name]}, worked out {value}")
        if line["kind"] == "reuse" and not qualifies(line, calls):
            found.append(f"line {line['line']}: its calls do not qualify")
        sums[line["quarter"]] = [
            a + b for a, b in zip(sums[line["quarter"]], worked_out, strict=True)
        ]
    claimed: dict[str, Decimal] = defaultdict(Decimal)
    for claim in rows(folder, "claims"):
        value = (Decimal(claim["gross"]) * int(claim["attribution_percent"]) / 100).quantize(
            CENT, ROUND_HALF_EVEN
        )
        if claim["state"] == "finance_validated":
            claimed[claim["posted_quarter"]] += value + Decimal(claim["acceleration"])
    for quarter in rows(folder, "quarters"):
        expected = [*sums[quarter["quarter"]], claimed[quarter["quarter"]]]
        for name, value in zip((*NAMES, "claims"), expected, strict=True):
            if value != Decimal(quarter[name]):
                found.append(f"{quarter['quarter']}: {name} is {quarter[name]}, worked out {value}")
    total = [sum(column, Decimal(0)) for column in zip(*sums.values(), strict=True)]
    return found, total or [Decimal(0)] * 3


if __name__ == "__main__":
    differences, total = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    for sentence in differences:
        print(sentence)
    print("avoided, USD: low {}, likely {}, high {}".format(*total))
    sys.exit(1 if differences else 0)
