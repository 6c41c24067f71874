"""A POST with an Idempotency-Key is done once: the same key brings the same answer for a day.

The answer is kept in the transaction of the act, so that there is never one without the other. A refusal is not kept:
nothing was done, and the same key may try again. What is shown once (a key's text) is not kept either.
"""

import hashlib
import json
from datetime import timedelta

from django.db import IntegrityError, transaction
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
    claim, is_new = _claim(request.user, key, fingerprint(request))
    if not is_new:
        if claim.status is None:
            raise InFlight(
                "The first request with this key is still at work.",
                remedy="Wait a moment and ask again.",
            )
        return Response(
            claim.body,
            status=claim.status,
            headers={"Idempotent-Replayed": "true", "Cache-Control": "no-store"},
        )
    try:
        return _do(handler, claim, request, *args, **kwargs)
    except BaseException:
        claim.delete()
        raise


def _do(handler, claim, request, *args, **kwargs):
    """The act and its answer in one transaction; what a refused verb recorded about the refusal stays."""
    with transaction.atomic():
        try:
            response = handler(request, *args, **kwargs)
        except BusinessAnswer as error:
            refusal = error
        else:
            claim.status, claim.body = (
                response.status_code,
                getattr(response, "kept_data", response.data),
            )
            claim.save(update_fields=["status", "body"])
            return response
    raise refusal


def _claim(user, key, sent):
    """(row, is it new?). Rows older than a day are forgotten first."""
    IdempotentAnswer.objects.filter(user=user, at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            return IdempotentAnswer.objects.create(user=user, key=key, request_sha256=sent), True
    except IntegrityError:
        claim = IdempotentAnswer.objects.get(user=user, key=key)
    if claim.request_sha256 != sent:
        raise Invalid(
            f"This {HEADER} was used for another request.",
            field=HEADER,
            remedy="Make a new key for each act.",
        )
    return claim, False


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
