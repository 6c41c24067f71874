"""The named people and the things they make: plain functions that go through the real verbs.

alice publishes (lending), bob is on her team, charlie is nobody, rita curates, otto operates, vera audits, maya consumes
(mortgage), finn is finance, cleo the executive, ada administers. Reviewers: evan evaluates, fay judges fairness, sam security,
lena law; gus leads governance, mira is the model risk officer. Each function finds its person or thing again.
"""

from datetime import timedelta
from io import BytesIO
from uuid import UUID, uuid4
from zlib import crc32

from django.test import override_settings
from django.utils import timezone
from onnx import TensorProto, helper

from catalog import actions as catalog
from catalog import search_record_actions
from catalog.models import Capability, Domain, ModelType, RegisteredModel
from consumption import actions as consumption
from consumption.models import (
    Application,
    BatchEvaluation,
    Outcome,
    Plan,
    UsageDay,
    UsageEvent,
)
from governance import actions as governance
from governance import benchmarks, cards
from governance.models import Review, SamePurposeCase
from governance.policies import checklist_of
from hosting.models import Upstream
from marketplace.accounts.models import BusinessUnit, Membership, RoleGrant, Team, User
from marketplace.tokens import actions as tokens
from publishing import actions as publishing
from publishing import execution_gates
from tests.snapshots import replayed

NO_CONFLICT, REASON = True, "I looked at the evidence and it supports this."

LOW = {
    "people": "none",
    "autonomy": "advisory",
    "materiality": "under_100k",
    "data": "internal",
    "regulated": "none",
    "generative": "no",
    "reversibility": "easy",
    "complexity": "linear",
    "reach": "team",
}
MEDIUM = LOW | {
    "people": "indirect",
    "data": "personal",
    "autonomy": "approves",
    "complexity": "tabular",
}
HIGH = MEDIUM | {"people": "direct", "regulated": "eligibility", "reach": "company"}
ANSWERS = {"low": LOW, "medium": MEDIUM, "high": HIGH}
# What a consumer answers of an ordinary use, and of one that is high risk whatever the model is.
USE = {"people": "none", "autonomy": "advisory", "materiality": "under_100k", "regulated": "none"}
GRAVE_USE = USE | {"people": "direct", "autonomy": "automated", "regulated": "eligibility"}


# ── People ────────────────────────────────────────────────────────────────


def _fixed(*natural):
    """A primary key that follows from the natural one, so that states of the database can be met again (tests/snapshots.py)."""
    return 10**6 + crc32("/".join(map(str, natural)).encode())


def unit(name):
    return BusinessUnit.objects.get_or_create(
        name=name, defaults={"pk": _fixed("unit", name), "slug": name.lower().replace(" ", "-")}
    )[0]


def team(name, unit_name, **facts):
    slug = name.lower().replace(" ", "-")
    return Team.objects.get_or_create(
        name=name,
        defaults={
            "pk": _fixed("team", name),
            "slug": slug,
            "business_unit": unit(unit_name),
            **facts,
        },
    )[0]


def lending():
    return team("Consumer lending AI", "Consumer lending", is_ai_team=True, cost_centre="CL-100")


def mortgage():
    return team("Mortgage origination", "Mortgage", cost_centre="MO-200")


def wealth():
    return team("Wealth advice", "Wealth management", cost_centre="WM-300")


def head_office():
    return team("Model governance", "Head office")


def person(username, *teams, roles=(), **facts):
    user, _ = User.objects.get_or_create(
        username=username,
        defaults={"pk": _fixed("user", username), "display_name": username.capitalize(), **facts},
    )
    for one in teams:
        _once(Membership, user=user, team=one, left_at=None)
    for role in roles:
        _once(RoleGrant, {"granted_by": user}, user=user, role=role, revoked_at=None)
    return user


def _once(model, facts=None, **natural):
    """One row, made if it is not there; with a fixed key unless an earlier one of the same person has it."""
    pk = _fixed(model.__name__, *(getattr(value, "pk", value) for value in natural.values()))
    if not model.objects.filter(**natural).exists():
        taken = model.objects.filter(pk=pk).exists()
        model.objects.create(**natural, **(facts or {}), **({} if taken else {"pk": pk}))


def also(user, *roles):
    """The same person with more marketplace roles."""
    return person(user.username, roles=roles)


def alice():
    return person("alice", lending())


def bob():
    return person("bob", lending())


def charlie():
    return person("charlie")


def maya():
    return person("maya", mortgage())


def rita():
    return person("rita", head_office(), roles=["curator"])


def evan():
    return person("evan", head_office(), roles=["evaluator"])


def fay():
    return person("fay", head_office(), roles=["fairness_reviewer"])


def sam():
    return person("sam", head_office(), roles=["security_reviewer"])


def lena():
    return person("lena", head_office(), roles=["legal_reviewer"])


def gus():
    return person("gus", head_office(), roles=["governance_lead"])


def mira():
    return person("mira", head_office(), roles=["model_risk_officer"])


def otto():
    return person("otto", roles=["operator"])


def vera():
    return person("vera", roles=["auditor"])


def finn():
    return person("finn", roles=["finance"])


def ada():
    return person("ada", roles=["admin"])


def cleo():
    return person("cleo", roles=["executive"])


def root():
    """A superuser: an administrator of the machine, with no marketplace right at all."""
    return person("root", is_superuser=True, is_staff=True)


def judge(review):
    """The named person who decides a review of this kind and tier."""
    if review.kind == Review.Kind.FINAL:
        return {"low": rita, "medium": gus, "high": mira}[review.version.risk_tier]()
    return {"curation": rita, "evaluation": evan, "fairness": fay, "security": sam, "legal": lena}[
        review.kind
    ]()


# ── What they make ────────────────────────────────────────────────────────


def term(kind, slug):
    return kind.objects.get_or_create(
        slug=slug,
        defaults={"pk": _fixed(kind.__name__, slug), "name": slug.replace("-", " ").capitalize()},
    )[0]


def vocabulary():
    """The three words every model needs."""
    return {
        "domain": term(Domain, "consumer-lending"),
        "capability": term(Capability, "scoring"),
        "model_type": term(ModelType, "regression"),
    }


def listing(**changed):
    """What a registration form holds."""
    return {
        "name": "Income verification",
        "summary": "Takes account credits and estimates the monthly income of an applicant.",
        "support_contact": "lending-ai@example.com",
        "support_hours": "Mon–Fri 9–17 CET",
        **vocabulary(),
        **changed,
    }


@replayed
def model(by=None, owner_team=None, **changed):
    by = by or alice()
    return catalog.register(by, owner_team=owner_team or lending(), **listing(**changed))


@replayed
def plan(entry, *, slug="standard", by=None, **terms):
    terms = {"name": slug.capitalize(), "approval": Plan.Approval.AUTOMATIC, **terms}
    return consumption.offer_plan(by or member_of(entry.owner_team), entry, slug=slug, **terms)


def member_of(one):
    return User.objects.filter(memberships__team=one, memberships__left_at=None).first()


def signature():
    """income, debt → score, each one number a row."""
    return {
        "inputs": [
            _column("income", "Monthly account credits", "USD"),
            _column("debt", "Monthly debt service", "USD"),
        ],
        "outputs": [
            {
                "name": "score",
                "datatype": "FP32",
                "shape": [-1],
                "description": "Verified income",
                "unit": "USD",
            }
        ],
        "binding": {
            "inputs": [
                {"tensor": name, "datatype": "FP32", "columns": [name]}
                for name in ("income", "debt")
            ],
            "outputs": [{"tensor": "score", "output": "score", "column": None}],
        },
    }


def _column(name, description, unit_name):
    column = {"name": name, "datatype": "FP32", "shape": [-1], "required": True}
    return column | {"description": description, "unit": unit_name}


def example(rows=2):
    columns = {"income": [4000.0, 5200.5], "debt": [300.0, 0.0]}
    inputs = [
        {"name": name, "datatype": "FP32", "shape": [rows], "data": data[:rows]}
        for name, data in columns.items()
    ]
    return {"inputs": inputs}


def tiny_onnx():
    """The bytes of a real ONNX model: score = income - debt."""

    def tensor(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None])

    node = helper.make_node("Sub", ["income", "debt"], ["score"])
    graph = helper.make_graph([node], "tiny", [tensor("income"), tensor("debt")], [tensor("score")])
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
    return made.SerializeToString()


def card_values():
    """An answer to every question of the card that the product does not answer itself."""
    answers = {field.id: _card_value(field) for field in cards.FIELDS if field.source != "auto"}
    return answers | {
        "identity.base_models": ["A small encoder for the tests (Apache-2.0)"],
        "data.training.datasets": ["Loans of five years, made up for the tests (CC-BY-4.0)"],
    }


def _card_value(field):
    if field.choices:
        return [field.choices[0][0]] if field.widget == "list" else field.choices[0][0]
    if field.widget == "number":
        return 0.4
    sentence = f"{field.label}: written for the tests, long enough to say something true about this small model."
    return [sentence] if field.widget == "list" else sentence


SLA = {"availability": "99.5", "p95_ms": 100, "rps": 20, "support": "Office hours"}


@replayed
def draft_version(entry=None, number="1.0.0", *, tier="low", by=None):
    """A draft with everything that submission asks for. It is an external endpoint: quick; see `upload_tiny` for bytes."""
    entry = entry or model()
    by = by or member_of(entry.owner_team)
    version = publishing.start_version(
        by, entry, number, changelog="The first version for the tests, with all that is asked."
    )
    publishing.name_endpoint(by, version, "https://models.example.com/income")
    publishing.describe_interface(by, version, signature(), example())
    publishing.promise_sla(by, version, **SLA)
    governance.assess_risk(by, version, ANSWERS[tier])
    publishing.edit_card(by, version, card_values())
    if not entry.plans.exists():
        plan(entry, by=by)
    return version


def upload_tiny(version, folder, by=None):
    """Make the tiny ONNX model the package of a draft; the real inspection looks at it."""
    path = folder / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return publishing.upload(by or member_of(version.model.owner_team), version, path, "tiny.onnx")


def explain(version):
    """Say what each field of a draft means, where its package does not."""
    signature = {
        **version.signature,
        **{
            side: [
                {**field, "description": field.get("description") or f"What {field['name']} is"}
                for field in version.signature[side]
            ]
            for side in ("inputs", "outputs")
        },
    }
    publishing.describe_interface(version.created_by, version, signature, version.example)


def benchmark(content=None, **facts):
    """Benchmark data of evan for another capability than `model`'s, so that it applies to no version unless it is told to."""
    facts = {
        "name": "Hidden loans",
        "capability": term(Capability, "hidden-scoring"),
        "task": "regression",
        "label": "paid",
        "groups": [],
    } | facts
    content = content or "income,debt,paid\n1,2,3\n2,3,4\n"
    return benchmarks.upload(evan(), file=BytesIO(content.encode()), **facts)


@replayed
def submitted_version(entry=None, number="1.0.0", **draft):
    version = draft_version(entry, number, **draft)
    return publishing.submit(version.created_by, version)


def checked(version):
    """Through the automatic checks, as the workers would take it: the runs that wait are made here."""
    execution_gates.run_open(version)
    return governance.check(version)


@replayed
def in_review_version(entry=None, number="1.0.0", **draft):
    """Through the automatic checks, as the worker would take it."""
    return checked(submitted_version(entry, number, **draft))


@replayed
def approved_version(entry=None, number="1.0.0", **draft):
    version = in_review_version(entry, number, **draft)
    decide_all(version)
    version.refresh_from_db()
    return version


def decide_all(version, *, but=()):
    """Every open review is approved by its judge, the final one last."""
    for review in sorted(
        version.reviews.filter(state="open").exclude(kind__in=but),
        key=lambda one: one.kind == "final",
    ):
        approve(review)


def approve(review, by=None):
    return governance.decide(
        by or judge(review), review, "approved", REASON, NO_CONFLICT, all_yes(review)
    )


def condition(version, kind="evaluation", **changed):
    """Approve a review with one condition, which alice's team owns."""
    review = version.reviews.get(kind=kind, state="open")
    given = {
        "text": "Measure it again with the loans of the next quarter.",
        "owner": alice(),
        "due_on": timezone.localdate() + timedelta(days=30),
    }
    decision = governance.decide(
        judge(review), review, "approved", REASON, NO_CONFLICT, all_yes(review), [given | changed]
    )
    return decision.conditions.get()


def waiver(version, gate="startup", days=30, by=None, **changed):
    """Asked for by the owner team, for a gate that is made to block."""
    governance.record_gate(version, gate, "fail", "It took longer than promised.", tool="test")
    facts = {
        "reason": "The first users ask once a day and do not wait for it.",
        "instead": "The batch runs at night, and the team looks at its time each week.",
        "ends_on": timezone.localdate() + timedelta(days=days),
    }
    return governance.ask_waiver(by or alice(), version, gate, **facts | changed)


def granted_waiver(version, gate="startup", days=30):
    asked = waiver(version, gate, days)
    by = mira() if version.risk_tier == "high" else gus()
    return governance.decide_waiver(by, asked, "granted", REASON, NO_CONFLICT)


def role_change(user=None, role="evaluator", by=None):
    """Proposed by gus, who leads governance, for charlie."""
    return governance.propose_role(by or gus(), user or charlie(), role, REASON)


def policy_change(values=None, kind="review_matrix", by=None):
    """A policy that gus, or `by`, changes from tomorrow on; it waits for mira."""
    mira()
    values = {"business_days__curation__low": 4} if values is None else values
    start = timezone.now() + timedelta(days=1)
    return governance.propose_policy(
        by or gus(), kind, values, start, "Reviewers asked for it, and consumers wait too long."
    )


def all_yes(review):
    """The checklist of a review, every point answered with yes."""
    return {point.id: {"answer": "yes"} for point in checklist_of(review)}


@replayed
def published_version(entry=None, number="1.0.0", by_canary=False, **draft):
    """Approved, brought up (hosting's row, as its probe writes it), published by the sweep's own verb."""
    return brought_up(approved_version(entry, number, **draft), by_canary)


def brought_up(version, by_canary=False):
    """Publish an approved version; a minor one reaches those who follow it at once, unless `by_canary`."""
    facts = {"kind": "external", "base_url": "https://models.example.com/income"}
    Upstream.objects.create(version=version, is_ready=True, **facts)
    with override_settings(UPDATES_BY_CANARY=by_canary):
        return publishing.publish(User.objects.system("publisher"), version)


@replayed
def application(by=None, one=None, name="Loan origination"):
    by, one = by or maya(), one or mortgage()
    return Application.objects.filter(
        team=one, name=name
    ).first() or consumption.create_application(by, team=one, name=name)


@replayed
def subscription(version=None, *, by=None, plan_slug="standard", app=None, **facts):
    version = version or published_version()
    by = by or maya()
    return consumption.subscribe(
        by,
        application=app or application(),
        plan=version.model.plans.get(slug=plan_slug),
        purpose="Verify income of applicants.",
        **facts,
    )


def evaluation(version=None, *, state="mapping", by=None, **facts):
    """A batch evaluation of mortgage's, without a file; tests/consumption/evaluating.py makes those that run."""
    made = BatchEvaluation.objects.create(
        team=mortgage(),
        name="October applications",
        data_class="internal",
        keep_days=7,
        state=state,
        file_name="october.csv",
        file_bytes=1000,
        rows=40,
        columns=[
            {"name": name, "kind": "number", "empty": 0, "few": False, "personal": []}
            for name in ("income", "debt", "paid")
        ],
        reading={"kind": "csv", "encoding": "utf-8", "delimiter": "comma", "decimal": "."},
        created_by=by or maya(),
        delete_rows_at=timezone.now() + timedelta(days=1),
        **facts,
    )
    made.entries.create(version=version or published_version())
    return made


def paid_by(subscription):
    """What a roll-up says of who paid and on which terms, as it is now; free."""
    team = subscription.application.team
    return {
        "team": team,
        "business_unit": team.business_unit,
        "terms": subscription.plan.terms.due().first(),
        "cost": 0,
    }


def called(subscription, calls=100, version=None, day=None):
    """A day's roll-up: so many calls that the model answered."""
    none = dict.fromkeys(("client_errors", "upstream_errors", "aborted", "unknown"), 0)
    return UsageDay.objects.create(
        day=day or timezone.now().date(),
        subscription=subscription,
        version=version or subscription.pinned_version,
        calls=calls,
        ok=calls,
        units=calls,
        duration_us=1,
        **none,
        **paid_by(subscription),
    )


def call(subscription, at=None):
    """The usage event of one call. Its id is a UUID version 7, as the gateway makes them."""
    at = at or timezone.now()
    random = uuid4().int & (1 << 80) - 1 & ~(0xF << 76) & ~(3 << 62)
    request_id = UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | random)
    return UsageEvent.objects.create(
        event_id=request_id,
        at=at,
        subscription_id=subscription.pk,
        key_id=1,
        application_id=subscription.application_id,
        team_id=subscription.application.team_id,
        model_id=subscription.model_id,
        version_id=subscription.pinned_version_id,
        outcome=Outcome.OK,
        http_status=200,
        units=1,
        duration_us=900,
    )


def rating(subscription, stars=4, by=None):
    """Of the team that has the subscription, after enough calls."""
    called(subscription)
    words = f"{REASON} We use it each day, for each applicant."
    team = subscription.application.team
    return consumption.rate(by or maya(), subscription.model, team=team, stars=stars, text=words)


def discussion(version, by=None, team=None, **changed):
    """Maya's team tells of a bug."""
    given = {"kind": "bug", "title": "Wrong for farmers", "text": REASON} | changed
    return consumption.open_discussion(by or maya(), version, team=team or mortgage(), **given)


def case(entry):
    """Maya's team has a model for the same purpose."""
    other = model(maya(), mortgage(), name=f"{entry.name} of {mortgage()}")
    RegisteredModel.objects.filter(pk=other.pk).update(state="published")
    return SamePurposeCase.objects.create(
        first=min(entry, other, key=lambda one: one.pk),
        second=max(entry, other, key=lambda one: one.pk),
        likeness=0.6,
        parts={"text": 0.7, "inputs": 0.5, "task": 1.0, "consumers": 0.1},
    )


def token(by=None, *, name="Pipeline", scopes=("publish",), **choices):
    """(ApiToken, text)"""
    return tokens.make_token(by or alice(), name=name, scopes=scopes, **choices)


KEY_TEXTS = {}  # {public part of a key: its text}


def key(of=None, by=None, **choices):
    """(ApiKey, text)"""
    made = _key(of or subscription(), by or maya(), **choices)
    return made, KEY_TEXTS[made.kid]


@replayed
def _key(of, by, **choices):
    made, text = consumption.create_key(by, of, **choices)
    KEY_TEXTS[made.kid] = text
    return made


NEED = "We must verify the monthly income of mortgage applicants from account credits."


def search_record(by=None, team=None, **changed):
    """Maya's team searched; nothing is decided yet."""
    given = {"title": "Income of applicants", "need": NEED} | changed
    return search_record_actions.open_search_record(by or maya(), team=team or mortgage(), **given)
