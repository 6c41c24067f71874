"""RULES: what is required and what was decided. Requirements below, evidence from anywhere."""

from governance.models.assignment import Absence
from governance.models.automatic import AutomaticApproval
from governance.models.conditions import Condition, ConditionState
from governance.models.evaluations import (
    LARGEST_FIGURE,
    BenchmarkDataset,
    BenchmarkRows,
    Evaluation,
    EvaluationRun,
    RunState,
    Task,
)
from governance.models.policy_changes import PolicyChange, PolicyChangeState, PolicyKind
from governance.models.reviews import (
    Amendment,
    AmendmentDecision,
    AmendmentState,
    Decision,
    GateResult,
    PolicyVersion,
    Review,
    ReviewRound,
    ReviewState,
    TierAssessment,
)
from governance.models.role_changes import (
    GIVEN_BY_ONE,
    GIVES_ROLES,
    SEES_ROLES,
    RoleChange,
    RoleChangeState,
)
from governance.models.same_purpose import CaseState, SamePurposeCase
from governance.models.sources import SourceVerification
from governance.models.threads import COMMENT, Comment, Thread
from governance.models.waivers import TimedWaiver, Waiver, WaiverState

__all__ = [
    "AutomaticApproval",
    "GIVEN_BY_ONE",
    "GIVES_ROLES",
    "LARGEST_FIGURE",
    "Absence",
    "Amendment",
    "AmendmentDecision",
    "AmendmentState",
    "BenchmarkDataset",
    "BenchmarkRows",
    "COMMENT",
    "CaseState",
    "Comment",
    "Condition",
    "ConditionState",
    "Decision",
    "Evaluation",
    "EvaluationRun",
    "GateResult",
    "PolicyChange",
    "PolicyChangeState",
    "PolicyKind",
    "PolicyVersion",
    "Review",
    "ReviewRound",
    "ReviewState",
    "RoleChange",
    "RoleChangeState",
    "RunState",
    "SEES_ROLES",
    "SamePurposeCase",
    "SourceVerification",
    "Task",
    "Thread",
    "TierAssessment",
    "Waiver",
    "TimedWaiver",
    "WaiverState",
]
