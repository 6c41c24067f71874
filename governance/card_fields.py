"""The questions of the model card `card/1.0.0`: what is asked, why, when it is required and how much it weighs.

A row's keys are the fields of cards.CardField. Table: governance.md §1.2.
"""

SECTIONS = (
    ("identity", "What it is", "The entry in the catalog."),
    ("contacts", "Who answers for it", "People, not mailboxes nobody reads."),
    ("intended_use", "What it is for", "The uses you stand behind, and those you do not."),
    ("limitations", "Where it fails", "Honest limits are what makes others trust the rest."),
    ("technical", "How it is built", "Enough for a reviewer to judge the method."),
    ("data", "What it learned from", "Whose data, from when, and what it lacks."),
    ("evaluation", "How well it works", "Your own results; an independent run is added later."),
    ("fairness", "How it treats people", "Results by group, for models that affect people."),
    ("risk", "What could go wrong", "Harms, to whom, and what limits them."),
    ("oversight", "Who keeps it in check", "How a person checks, overrides and stops it."),
    ("explainability", "Why it says what it says", "For those who must explain a decision."),
    ("design", "Why it was built this way", "Rationale, assumptions, alternatives."),
    ("robustness", "How it bears bad input", "Noise, gaps, wrong units."),
    ("security", "How it could be attacked", "And what was done about it."),
    ("generative", "Generated content", "Tests of what it says and leaks."),
    ("ops", "How it is run", "What consumers may rely on."),
    ("examples", "Examples", "Requests and answers to copy."),
    ("changelog", "What changed", "What, why, and what it means for consumers."),
    ("environment", "Environment", "Energy and emissions, if known."),
    ("legal", "Legal basis", "What allows the use, and what restricts it."),
    ("standards_applied", "Standards", "What it was built to conform to."),
)

TASKS = (
    ("binary-classification", "Yes or no"),
    ("multiclass-classification", "One of several classes"),
    ("regression", "An amount"),
    ("ranking", "An order"),
    ("anomaly-detection", "What is unusual"),
    ("forecasting", "What comes next in time"),
    ("text-classification", "Class of a text"),
    ("clustering", "Groups"),
    ("recommendation", "What to offer"),
    ("generation", "Generated content"),
    ("other", "Another task"),
)
LEARNING = (
    ("supervised", "Supervised"),
    ("unsupervised", "Unsupervised"),
    ("semi-supervised", "Semi-supervised"),
    ("self-supervised", "Self-supervised"),
    ("reinforcement-learning", "Reinforcement learning"),
)
CLASSIFICATION = (
    ("public", "Public"),
    ("internal", "Internal"),
    ("confidential", "Confidential"),
    ("personal", "Personal"),
    ("special", "Special categories of personal data"),
)


def _row(id, label, why, need, weight, **more):
    return {"id": id, "label": label, "why": why, "need": need, "weight": weight, **more}


FIELD_ROWS = (
    _row(
        "identity.name",
        "Name and version",
        "So that a card without its page still says what it is about.",
        "LMH",
        2,
        source="auto",
        widget="text",
    ),
    _row(
        "identity.summary", "Summary", "One sentence that a colleague outside your field understands.", "LMH", 3, widget="text", minimum=30
    ),
    _row("identity.domain", "Domain and capability", "People browse by them.", "LMH", 3, source="auto", widget="text"),
    _row(
        "identity.license",
        "Terms of use",
        "Consumers need to know what they may do with the output.",
        "LMH",
        2,
        source="import",
        widget="text",
    ),
    _row(
        "identity.base_models",
        "Models it builds on",
        "Their licences and weaknesses come along.",
        "generative",
        2,
        source="import",
        widget="list",
    ),
    _row("contacts.owner_team", "Owner team", "A model without a team is nobody's.", "LMH", 2, source="auto", widget="text", star=True),
    _row(
        "contacts.accountable_owner", "Accountable owner", "One person answers for it.", "LMH", 2, source="auto", widget="text", star=True
    ),
    _row("contacts.support", "Support", "Where to ask, and when somebody is there.", "LMH", 3, source="auto", widget="text"),
    _row(
        "intended_use.summary", "Intended use", "Approval covers this use and no other.", "LMH", 8, source="import", minimum=40, star=True
    ),
    _row("intended_use.users", "Intended users", "A tool for specialists misleads others.", "LMH", 4, source="import", widget="list"),
    _row(
        "intended_use.out_of_scope",
        "Out-of-scope uses",
        "The uses that would surprise you unpleasantly.",
        "LMH",
        8,
        source="import",
        minimum=30,
        star=True,
    ),
    _row("intended_use.decision_role", "Role in the decision", "What is decided with it, and who decides.", "MH people", 6, minimum=40),
    _row("intended_use.business_value", "Business value", "The process it serves and what improves there.", "MH", 2, minimum=20),
    _row(
        "limitations.text",
        "Known limitations",
        "Where it is wrong more often, or does not apply at all.",
        "LMH",
        8,
        source="import",
        minimum=40,
        star=True,
    ),
    _row("limitations.failure_modes", "Failure modes", "What triggers them, what follows, what limits the damage.", "MH", 4, widget="list"),
    _row("limitations.tradeoffs", "Trade-offs", "What was given up for what.", "H", 2, widget="list"),
    _row("technical.task_type", "Task", "It decides which metrics make sense.", "LMH", 3, source="import", widget="choice", choices=TASKS),
    _row(
        "technical.architecture",
        "Method and framework",
        "The kind of model and the library it was trained with.",
        "LMH",
        2,
        source="import",
        widget="text",
    ),
    _row(
        "technical.learning_approach",
        "Learning approach",
        "It tells where labels came from, if any.",
        "LMH",
        1,
        widget="choice",
        choices=LEARNING,
    ),
    _row("technical.signature", "Inputs and outputs", "The contract with every consumer.", "LMH", 4, source="auto", star=True),
    _row(
        "technical.artifact_sha256", "Digest of the files", "What is approved is exactly what runs.", "LMH", 2, source="auto", widget="text"
    ),
    _row("technical.dependencies", "Dependencies", "What has to be patched when a weakness is found.", "MH", 2, source="auto"),
    _row("technical.compute", "Compute", "What training and serving need.", "H", 1, source="import", widget="text"),
    _row(
        "data.training.description",
        "Training data",
        "Period, population, number of rows, geography.",
        "LMH",
        8,
        source="import",
        minimum=60,
        star=True,
    ),
    _row("data.training.datasets", "Data sets", "By the names the data catalogue knows.", "LMH", 4, source="import", widget="list"),
    _row(
        "data.training.classification",
        "Classification of the data",
        "It decides who may see what.",
        "LMH",
        3,
        widget="choice",
        choices=CLASSIFICATION,
    ),
    _row("data.training.lineage", "Lineage, owner, retention", "Where the data comes from, whose it is, when it is deleted.", "MH", 4),
    _row("data.training.known_bias", "Known bias and gaps", "Who or what is missing or misrepresented.", "MH people", 5, minimum=40),
    _row(
        "data.personal.lawful_basis",
        "Lawful basis",
        "Personal data needs one; name the assessment (DPIA) too.",
        "H M+personal",
        4,
        may_not_apply=True,
    ),
    _row("data.preprocessing", "Preprocessing", "What happens to the data before the model sees it.", "MH", 2, source="import", minimum=30),
    _row(
        "data.labels", "Labels", "What was taken as the truth, and who said so.", "MH", 1, source="import", minimum=15, may_not_apply=True
    ),
    _row(
        "evaluation.results", "Results", "Metric, value, data set and date of each.", "LMH", 8, widget="list", star=True, self_reported=True
    ),
    _row("evaluation.baseline", "Baseline", "Better than what? A simple rule counts.", "LMH", 3, minimum=10, self_reported=True),
    _row(
        "evaluation.factors",
        "Slices",
        "The parts of the population that were looked at one by one.",
        "MH",
        3,
        source="import",
        widget="list",
    ),
    _row("evaluation.external_validity", "Beyond the test data", "Why the results hold where it will be used.", "H", 3, minimum=40),
    _row("fairness.applicability", "Does it affect people?", "If not: why not.", "LMH", 3, minimum=10),
    _row("fairness.groups", "Groups looked at", "Only what is compared can be seen.", "people", 3, widget="list"),
    _row(
        "fairness.results", "Results by group", "Selection rates, errors and their ratios.", "people", 5, widget="list", self_reported=True
    ),
    _row(
        "fairness.mitigations",
        "Mitigation or justification",
        "What was done about a difference that was found.",
        "fairness_concern",
        5,
        minimum=40,
    ),
    _row("risk.harms", "Harms", "Who is hit, how badly, and what limits it.", "MH people", 6, widget="list"),
    _row("risk.residual", "Residual risk", "What remains, and where it is registered.", "H", 5, minimum=10),
    _row("oversight.human", "Human oversight", "How a person checks, overrides and stops it.", "MH people", 6, minimum=40),
    _row(
        "explainability.method",
        "Explanation",
        "How one output is explained to the person concerned.",
        "H credit",
        3,
        source="import",
        may_not_apply=True,
    ),
    _row("explainability.reason_codes", "Reason codes", "The specific reasons given for an adverse decision.", "credit", 2, widget="list"),
    _row("design.rationale", "Design rationale", "Assumptions made and alternatives rejected.", "H", 5, minimum=60),
    _row(
        "robustness.results", "Robustness results", "What noise, gaps and wrong units do to it.", "MH", 4, widget="list", self_reported=True
    ),
    _row("security.scan", "Security scan", "What the platform found in the package.", "LMH", 4, source="auto"),
    _row("security.threats", "Threats considered", "Poisoning, evasion, inversion, prompt injection.", "H generative", 4, widget="list"),
    _row("generative.safety", "Safety tests", "Harmful content, invention, leakage.", "generative", 6, minimum=40),
    _row("ops.sla", "Service level", "Availability, latency and throughput that consumers may rely on.", "LMH", 4, source="auto"),
    _row("ops.monitoring_plan", "Monitoring plan", "Metrics, thresholds, owner, how often.", "MH", 6, minimum=40),
    _row("ops.rollback", "Fallback", "What consumers do when it is stopped.", "MH", 3, minimum=20),
    _row("ops.cost_per_1k", "Cost of 1 000 calls", "In dollars. Somebody pays for it.", "LMH", 1, widget="number"),
    _row("examples", "Examples", "The fastest way to understand a model is to see it answer.", "LMH", 4, source="auto"),
    _row("changelog", "Changelog", "What changed, why, and what consumers notice.", "later_version", 4, source="auto", minimum=30),
    _row("environment.energy", "Energy", "If you measured it.", "", 1, source="import", widget="text"),
    _row("legal.basis", "Legal basis and regimes", "What allows the use, and which rules apply.", "H credit", 2),
    _row("legal.restrictions", "Restrictions", "Purposes, places and people that are excluded.", "H credit", 2, may_not_apply=True),
    _row(
        "standards_applied",
        "Standards applied",
        "Standards and conformity references.",
        "H+annex_iii",
        2,
        widget="list",
        may_not_apply=True,
    ),
)
