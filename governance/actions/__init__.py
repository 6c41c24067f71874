"""Verbs of governance: assess, check, review, approve, suspend."""

from governance.actions.amendments import decide_amendment, propose_amendment, withdraw_amendment
from governance.actions.assignment import (
    assign,
    be_away,
    cancel_absence,
    candidates,
    claim,
    hand_over,
    hand_over_absent,
)
from governance.actions.checks import check
from governance.actions.conditions import (
    confirm,
    fulfil,
    remind_of_conditions,
    send_back,
    suspend_overdue,
)
from governance.actions.evidence import (
    assess_risk,
    blocking_gates,
    current_gates,
    record_correction,
    record_gate,
    waived,
)
from governance.actions.policies import (
    decide_policy,
    preview_of,
    propose_policy,
    withdraw_policy,
)
from governance.actions.reviews import decide, void_reviews
from governance.actions.roles import decide_role, end_role, propose_role
from governance.actions.same_purpose import decide_case, find_cases, find_cases_of
from governance.actions.sources import verify_source
from governance.actions.suspension import resume, suspend
from governance.actions.threads import open_thread, reply, resolve_thread
from governance.actions.waivers import (
    ask_waiver,
    askable,
    decide_waiver,
    end_waivers,
    remind_of_waivers,
    who_asks,
)

__all__ = [
    "assess_risk",
    "check",
    "confirm",
    "current_gates",
    "decide",
    "decide_amendment",
    "decide_case",
    "find_cases",
    "find_cases_of",
    "fulfil",
    "open_thread",
    "propose_amendment",
    "record_correction",
    "record_gate",
    "remind_of_conditions",
    "reply",
    "resolve_thread",
    "resume",
    "send_back",
    "suspend",
    "suspend_overdue",
    "void_reviews",
    "withdraw_amendment",
    "ask_waiver",
    "askable",
    "blocking_gates",
    "decide_role",
    "decide_waiver",
    "end_role",
    "propose_role",
    "end_waivers",
    "remind_of_waivers",
    "waived",
    "who_asks",
    "decide_policy",
    "preview_of",
    "propose_policy",
    "withdraw_policy",
    "verify_source",
    "assign",
    "be_away",
    "cancel_absence",
    "candidates",
    "claim",
    "hand_over",
    "hand_over_absent",
]
