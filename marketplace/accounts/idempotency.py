"""A POST with an Idempotency-Key is done once: the same key brings the same answer for a day.

The answer is kept in the transaction of the act, so that there is never one without the other. A refusal is not kept:
nothing was done, and the same key may try again. What is shown once (a key's text) is not kept either.
"""

import hashlib
import json
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from rest_framework.response import Response

from marketplace.accounts.models import IdempotentAnswer
from marketplace.core.errors import BusinessAnswer, Invalid, RuleError

HEADER = "Idempotency-Key"
LONGEST = 255
KEPT = timedelta(hours=24)
CHUNK = 1 << 20


class InFlight(RuleError):
    """The first request with this key is still at work (409)."""

    slug = "in-flight"
    title = "This is being done already"


def once(handler):
    """`handler`, but a request that carries a key and was answered before gets that answer again."""

    def answer(request, *args, **kwargs):
        key = request.headers.get(HEADER)
        if not key:
            return handler(request, *args, **kwargs)
        if not (key.isascii() and key.isprintable()):
            raise Invalid(
                f"The {HEADER} has characters that are not printable ASCII.", field=HEADER
            )
        if len(key) > LONGEST:
            raise Invalid(f"The {HEADER} is longer than {LONGEST} characters.", field=HEADER)
        return _once(handler, request, key, *args, **kwargs)

    return answer


def _once(handler, request, key, *args, **kwargs):
    claim = _claim(request.user, key, fingerprint(request))
    try:
        return _do(handler, claim, request, *args, **kwargs)
    except InFlight:
        raise
    except BaseException:
        IdempotentAnswer.objects.filter(pk=claim.pk, status=None).delete()
        raise


def _do(handler, claim, request, *args, **kwargs):
    """The act and its answer in one transaction; what a refused verb recorded about the refusal stays.

    Whoever is at work holds the claim's row, and lets go of it also by dying: then the next one takes over.
    """
    with transaction.atomic():
        claim = (
            IdempotentAnswer.objects.select_for_update(skip_locked=True).filter(pk=claim.pk).first()
        )
        if claim is None:
            raise InFlight(
                "The first request with this key is still at work.",
                remedy="Wait a moment and ask again.",
            )
        if claim.status is not None:
            return _replayed(claim)
        try:
            response = handler(request, *args, **kwargs)
        except BusinessAnswer as error:
            refusal = error
            claim.delete()
        else:
            claim.status, claim.body = (
                response.status_code,
                getattr(response, "kept_data", response.data),
            )
            claim.save(update_fields=["status", "body"])
            return response
    raise refusal


def _replayed(claim):
    return Response(
        claim.body,
        status=claim.status,
        headers={"Idempotent-Replayed": "true", "Cache-Control": "no-store"},
    )


def forget_old(user):
    """Answers are kept for a day."""
    IdempotentAnswer.objects.filter(user=user, at__lt=timezone.now() - KEPT).delete()


def _claim(user, key, sent):
    """The key's row, a new one if there is none."""
    forget_old(user)
    claim, _ = IdempotentAnswer.objects.get_or_create(
        user=user, key=key, defaults={"request_sha256": sent}
    )
    if claim.request_sha256 != sent:
        raise Invalid(
            f"This {HEADER} was used for another request.",
            field=HEADER,
            remedy="Make a new key for each act.",
        )
    return claim


def fingerprint(request):
    """Hex SHA-256 over method, address and everything sent, files by content."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    files = request.FILES
    plain = (
        {name: value for name, value in request.data.items() if name not in files}
        if hasattr(request.data, "items")
        else request.data
    )
    digest.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for name in sorted(files):
        digest.update(f"\n{name} {files[name].name}\n".encode())
        for chunk in files[name].chunks(CHUNK):
            digest.update(chunk)
        files[name].seek(0)
    return digest.hexdigest()
