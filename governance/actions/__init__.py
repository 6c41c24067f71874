"""Verbs of governance: assess, check, review, approve, suspend."""

from governance.actions.amendments import decide_amendment, propose_amendment, withdraw_amendment
from governance.actions.checks import check
from governance.actions.evidence import assess_risk, current_gates, record_gate
from governance.actions.reviews import VALID_DAYS, decide, void_reviews
from governance.actions.suspension import resume, suspend

__all__ = [
    "VALID_DAYS",
    "assess_risk",
    "check",
    "current_gates",
    "decide",
    "decide_amendment",
    "propose_amendment",
    "record_gate",
    "resume",
    "suspend",
    "void_reviews",
    "withdraw_amendment",
]
