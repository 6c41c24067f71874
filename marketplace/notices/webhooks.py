"""Verbs of webhooks: register, prove, rotate, switch off, send events, replay (docs/notices.md, "Webhooks")."""

import base64
import json
import logging
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import uniform

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core import egress, sealing
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.core.webhooks import PREFIX
from marketplace.notices import kinds, payloads, posting
from marketplace.notices.actions import notify
from marketplace.notices.models import (
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookFormat,
    WebhookTry,
)
from marketplace.notices.permissions import can_disable_webhook, can_manage_webhooks

log = logging.getLogger(__name__)

MOST_OF_A_TEAM = 10
MOST_REPLAYED = 1_000
WRONG_CODES = 5
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=7)
# Between one try and the next: ten tries in 72 hours.
WAITS = tuple(
    timedelta(seconds=wait) for wait in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 72000)
)
JITTER = 0.2  # of a wait
FAILING = timedelta(hours=72)  # then the webhook is switched off
TRY_LASTS = timedelta(minutes=2)  # longer than posting.TOTAL_S
DELIVERIES_A_RUN = 500
RUN_S = 60.0
GONE = 410
KEPT = timedelta(days=30)
CLEANED_A_RUN = 5_000


@transaction.atomic
def register(
    by: User,
    team: Team,
    *,
    name: str,
    url: str,
    format: str = WebhookFormat.STANDARD,
    kinds: Sequence[str] = (),
    application: str = "",
) -> tuple[Webhook, str]:
    """Have events of a team posted to `url`. Returns (Webhook, secret): the text exists only in this return value.

    Nothing but a challenge is sent there before it was answered. `application`: the slug of one of the team's, or "" for all.
    Raises NotAllowed, Invalid, RuleError.
    """
    _require_manager(by, team)
    _check(url, kinds)
    Team.objects.select_for_update().get(pk=team.pk)
    there = Webhook.objects.filter(team=team).exclude(state=Webhook.State.REMOVED)
    if there.count() >= MOST_OF_A_TEAM:
        raise RuleError(
            f"A team has at most {MOST_OF_A_TEAM} webhooks.", remedy="Remove one first."
        )
    webhook = Webhook(
        team=team,
        name=name,
        url=url,
        format=format,
        kinds=sorted(set(kinds)),
        application=application,
        secret=b"",
        created_by=by,
    )
    webhook.save()
    text = _new_secret()
    webhook.secret = webhook.seal(text)
    webhook.save(update_fields=["secret"])
    record(by, "webhook.register", webhook, team=team.slug, format=format, application=application)
    _ask_for_proof(webhook)
    return webhook, text


@transaction.atomic
def edit(by: User, webhook: Webhook, *, name: str, kinds: Sequence[str]) -> Webhook:
    """Call it otherwise, or send it other kinds of events. Its address never changes: register another one."""
    _require_manager(by, webhook.team)
    _check_kinds(kinds)
    Webhook.objects.filter(pk=webhook.pk).update(name=name, kinds=sorted(set(kinds)))
    record(by, "webhook.edit", webhook, name=name, kinds=sorted(set(kinds)))
    webhook.refresh_from_db()
    return webhook


@transaction.atomic
def rotate(by: User, webhook: Webhook, overlap: timedelta = OVERLAP) -> tuple[Webhook, str]:
    """A new secret; the old one signs too for the overlap. Returns (Webhook, secret), as `register`."""
    _require_manager(by, webhook.team)
    if not timedelta(0) <= overlap <= OVERLAP_MAX:
        raise Invalid("The two secrets overlap for at most 7 days.", field="hours")
    held, text = Webhook.objects.select_for_update().get(pk=webhook.pk), _new_secret()
    held.old_secret, held.old_secret_until = held.secret, timezone.now() + overlap
    held.secret = held.seal(text)
    held.save(update_fields=["secret", "old_secret", "old_secret_until"])
    record(by, "webhook.rotate", held, old_until=held.old_secret_until.isoformat())
    return held, text


@transaction.atomic
def challenge(by: User, webhook: Webhook) -> Webhook:
    """Send the challenge (again): to prove a new address, or to switch a webhook on. Raises NotAllowed, RuleError."""
    _require_manager(by, webhook.team)
    if webhook.state not in (Webhook.State.PENDING, Webhook.State.DISABLED):
        raise RuleError(
            f"{webhook} is {webhook.get_state_display().lower()}; it needs no proof.",
            remedy="Reload the page and look again.",
        )
    record(by, "webhook.challenge", webhook)
    return _ask_for_proof(webhook)


def confirm(by: User, webhook: Webhook, code: str) -> Webhook:
    """The code that a chat shows proves that the address is the team's. Raises NotAllowed, Invalid, RuleError."""
    _require_manager(by, webhook.team)
    with transaction.atomic():
        held = Webhook.objects.select_for_update().get(pk=webhook.pk)
        if not held.challenge or held.wrong_codes >= WRONG_CODES:
            raise RuleError("No code is waited for.", remedy="Send the challenge again.")
        if constant_time_compare(held.challenge, code.strip()):
            record(by, "webhook.confirm", held)
            return _switch_on(held)
        Webhook.objects.filter(pk=held.pk).update(wrong_codes=F("wrong_codes") + 1)
    raise Invalid("This is not the code that was sent.", field="code")


@transaction.atomic
def disable(by: User, webhook: Webhook, reason: str = "") -> Webhook:
    """Send it nothing more; what waits is given up. Its team, and those who run the marketplace."""
    require(
        can_disable_webhook(by, webhook),
        "Its team, an operator or a security reviewer switches a webhook off.",
        ask=str(webhook.team),
    )
    return _switch_off(by, webhook, reason.strip()[:300] or f"Switched off by {by}.")


@transaction.atomic
def remove(by: User, webhook: Webhook) -> Webhook:
    """Give it up for good; its secrets are destroyed."""
    _require_manager(by, webhook.team)
    _give_up_waiting(webhook)
    transition(
        webhook,
        Webhook.State.REMOVED,
        secret=b"",
        old_secret=None,
        old_secret_until=None,
        challenge="",
        challenge_at=None,
    )
    record(by, "webhook.remove", webhook)
    return webhook


@transaction.atomic
def replay(by: User, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a delivery once more, under the same webhook-id: who did it already does nothing. Raises NotAllowed, RuleError."""
    _require_manager(by, delivery.webhook.team)
    _require_active(delivery.webhook)
    if delivery.state != WebhookDelivery.State.PENDING:
        now = timezone.now()
        transition(delivery, WebhookDelivery.State.PENDING, try_at=now, tries=0)
    record(by, "webhook.replay", delivery.webhook, delivery=delivery.pk)
    enqueue("notices.deliver")
    return delivery


@transaction.atomic
def replay_failed(by: User, webhook: Webhook) -> int:
    """Send everything that was given up once more, at most MOST_REPLAYED. Returns how many."""
    _require_manager(by, webhook.team)
    _require_active(webhook)
    failed = webhook.deliveries.filter(state=WebhookDelivery.State.FAILED).order_by("-made_at")
    ids = list(failed.values_list("pk", flat=True)[:MOST_REPLAYED])
    count = WebhookDelivery.objects.filter(pk__in=ids, state=WebhookDelivery.State.FAILED).update(
        state=WebhookDelivery.State.PENDING, try_at=timezone.now(), tries=0
    )
    record(by, "webhook.replay", webhook, deliveries=count)
    enqueue("notices.deliver")
    return count


def deliver_due() -> int:
    """Send what is due. Returns how many were delivered.

    A try is claimed before it is made and given up after TRY_LASTS: whoever is killed in between lets another one send the
    same bytes under the same webhook-id. A webhook that fails waits for its next turn, so that it holds up nobody else.
    """
    until, delivered = time.monotonic() + RUN_S, 0
    failed: set[int] = set()
    due = WebhookDelivery.objects.due().select_related("webhook", "event__team")
    for delivery in list(due[:DELIVERIES_A_RUN]):
        if time.monotonic() > until:
            break
        if delivery.webhook_id in failed or not _claim(delivery):
            continue
        try:
            is_delivered = _deliver(delivery)
        except Exception:  # of one delivery; the others wait for nobody
            log.exception("delivery %s was not tried", delivery.pk)
            is_delivered = False
        if is_delivered:
            delivered += 1
        else:
            failed.add(delivery.webhook_id)
    return delivered


def send_challenges() -> int:
    """Send the challenges that are asked for. Returns how many were answered."""
    due = Webhook.objects.filter(challenge_at__lte=timezone.now()).order_by("challenge_at")
    return sum(_prove(webhook) for webhook in list(due[:MOST_OF_A_TEAM]))


def clean() -> int:
    """Forget events older than KEPT, with their deliveries. Returns how many."""
    old = WebhookEvent.objects.filter(at__lt=timezone.now() - KEPT).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:CLEANED_A_RUN])
    WebhookEvent.objects.filter(pk__in=ids).delete()
    return len(ids)


def kinds_for_teams() -> list[kinds.Kind]:
    """The kinds of which some occasion goes to webhooks."""
    slugs = {occasion.kind for occasion in kinds.OCCASIONS if occasion.teams}
    return [kind for kind in kinds.KINDS.values() if kind.slug in slugs]


# --- deliveries ----------------------------------------------------------------------------------------------------


def _claim(delivery: WebhookDelivery) -> bool:
    held = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, try_at=delivery.try_at
    )
    delivery.try_at, delivery.tries = timezone.now() + TRY_LASTS, delivery.tries + 1
    return bool(held.update(try_at=delivery.try_at, tries=F("tries") + 1))


def _deliver(delivery: WebhookDelivery) -> bool:
    webhook, now = delivery.webhook, timezone.now()
    body = payloads.body_of(delivery.event, webhook.format)
    answer = _post(webhook, body, delivery.webhook_id_header, now)
    with transaction.atomic():
        webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)  # as who switches it off
        WebhookTry.objects.create(
            delivery=delivery,
            status=answer.status,
            took_ms=answer.took_ms,
            problem=answer.problem,
            answer=answer.text,
        )
        held = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
        if held.state != WebhookDelivery.State.PENDING:
            return answer.is_good  # it was given up, or somebody else was faster
        if answer.is_good:
            transition(held, WebhookDelivery.State.DELIVERED, delivered_at=timezone.now())
            Webhook.objects.filter(pk=webhook.pk, failing_since__isnull=False).update(
                failing_since=None, problem=""
            )
        else:
            _failed(held, webhook, answer)
    return answer.is_good


def _post(webhook: Webhook, body: bytes, message_id: str, now: datetime) -> posting.Answer:
    try:
        signing = webhook.secrets_at(now)
    except sealing.Unreadable:
        return posting.Answer(None, "", "The stored secret cannot be read: rotate it.", 0)
    timestamp = int(now.timestamp())
    headers = payloads.headers_of(webhook.format, signing, message_id, timestamp, body)
    return posting.post(webhook.url, body, headers)


def _failed(delivery: WebhookDelivery, webhook: Webhook, answer: posting.Answer) -> None:
    now = timezone.now()
    webhook.failing_since, webhook.problem = webhook.failing_since or now, answer.problem
    webhook.save(update_fields=["failing_since", "problem"])
    if delivery.tries > len(WAITS):
        transition(delivery, WebhookDelivery.State.FAILED)
    else:
        wait = WAITS[delivery.tries - 1] * uniform(1 - JITTER, 1)
        WebhookDelivery.objects.filter(pk=delivery.pk).update(try_at=now + wait)
    is_over = answer.status == GONE or webhook.failing_since <= now - FAILING
    if is_over and webhook.state == Webhook.State.ACTIVE:
        system = User.objects.system("webhooks")
        _switch_off(system, webhook, f"Nothing was delivered. {answer.problem}"[:300])


def _give_up_waiting(webhook: Webhook) -> None:
    webhook.deliveries.filter(state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.FAILED
    )


# --- proof and switching -------------------------------------------------------------------------------------------


def _ask_for_proof(webhook: Webhook) -> Webhook:
    is_chat = webhook.format != WebhookFormat.STANDARD
    code = f"{secrets.randbelow(10**8):08d}" if is_chat else secrets.token_hex(16)
    asked = {"challenge": code, "challenge_at": timezone.now(), "wrong_codes": 0}
    Webhook.objects.filter(pk=webhook.pk).update(**asked)
    webhook.refresh_from_db()
    enqueue("notices.challenge")
    return webhook


def _prove(webhook: Webhook) -> bool:
    asked = Webhook.objects.filter(pk=webhook.pk, challenge_at=webhook.challenge_at)
    if not asked.update(challenge_at=None):
        return False  # another worker sends it
    webhook.challenge_at, now = None, timezone.now()
    text = f"The code that proves the webhook {webhook.name} of {webhook.team}: {webhook.challenge}"
    body = _challenge_of(webhook, text, now)
    answer = _post(webhook, body, f"msg_challenge_{webhook.pk}_{now:%s}", now)
    is_chat = webhook.format != WebhookFormat.STANDARD
    problem = answer.problem
    if answer.is_good and not is_chat and not _repeats(answer.text, webhook.challenge):
        problem = "It did not answer with the challenge."
    Webhook.objects.filter(pk=webhook.pk).update(problem=problem)
    if problem or is_chat:
        return False
    with transaction.atomic():
        held = Webhook.objects.select_for_update().get(pk=webhook.pk)
        if held.challenge != webhook.challenge:
            return False  # removed meanwhile, or asked anew
        record(User.objects.system("webhooks"), "webhook.confirm", held)
        _switch_on(held)
    return True


def _challenge_of(webhook: Webhook, text: str, now: datetime) -> bytes:
    if webhook.format == WebhookFormat.STANDARD:
        at = now.isoformat().replace("+00:00", "Z")
        return payloads.challenge_body(webhook.pk, text, webhook.challenge, at)
    event = WebhookEvent(team=webhook.team, kind="webhook.challenge", key="challenge", title=text)
    return payloads.body_of(event, webhook.format)


def _repeats(text: str, code: str) -> bool:
    """Is the answer the challenge, bare or as {"challenge": …}?"""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text.strip()
    said = said.get("challenge") if isinstance(said, dict) else said
    return isinstance(said, str) and constant_time_compare(said, code)


def _switch_on(webhook: Webhook) -> Webhook:
    return transition(
        webhook, Webhook.State.ACTIVE, challenge="", failing_since=None, problem="", wrong_codes=0
    )


def _switch_off(by: User, webhook: Webhook, reason: str) -> Webhook:
    transition(webhook, Webhook.State.DISABLED, problem=reason)
    _give_up_waiting(webhook)
    event = record(by, "webhook.disable", webhook, reason=reason)
    if not by.is_on(webhook.team):
        notify(
            User.objects.on_teams([webhook.team]),
            "security",
            f"The webhook {webhook} is switched off",
            key=f"webhook-disabled:{webhook.pk}:{event.pk}",
            body=f"{reason} Mend the receiver, then send the challenge again.",
            url=webhook.get_absolute_url(),
            application=webhook.application,
        )
    return webhook


# --- what may be -----------------------------------------------------------------------------------------------------


def _require_manager(by: User, team: Team) -> None:
    require(
        can_manage_webhooks(by, team),
        "People of a team manage its webhooks; no token does.",
        ask=str(team),
    )


def _require_active(webhook: Webhook) -> None:
    if webhook.state != Webhook.State.ACTIVE:
        raise RuleError(
            f"{webhook} is {webhook.get_state_display().lower()}.",
            remedy="Send the challenge first, so that it is active.",
        )


def _check(url: str, wanted: Sequence[str]) -> None:
    _check_kinds(wanted)
    if len(url) > Webhook.URL_MAX:
        raise Invalid(f"An address has at most {Webhook.URL_MAX} characters.", field="url")
    try:
        egress.check_destination(url)
    except egress.EgressDenied as refusal:
        raise Invalid(str(refusal), field="url") from None


def _check_kinds(wanted: Sequence[str]) -> None:
    known = {kind.slug for kind in kinds_for_teams()}
    if unknown := sorted(set(wanted) - known):
        raise Invalid(
            f"No such kind of event: {', '.join(unknown)[:100]}.",
            field="kinds",
            remedy=f"Choose among {', '.join(sorted(known))}.",
        )


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
