"""How facts are written for people: numbers with units, dates with zones, states with tones.

    {% load formatting %}
    {{ calls|number }}  12,480        {{ calls|compact }}  12.5k      {{ size|filesize }}  1.5 MB
    {{ ms|ms }}  240 ms               {{ us|us }}  1.2 s              {{ share|percent }}  99.95 %   {{ percentage|points }}
    {{ amount|money:"EUR" }}  1.25 EUR (Decimal)                      {{ at|when }}  23 Nov 2026, 12:31 UTC
    {{ micros|price:"EUR" }}  0.000125 EUR                            {{ costs|amounts }}  1.25 EUR + 3.00 USD
    {{ at|lasting }}  38 min
    {{ value|figure }}  0.749, 21,800, 1.25e-05
    {{ count|quantity:"call,calls" }}  1 call
    {{ state|tone }}  good            {{ state|state_label }}  In review      {{ state|state_icon }}  clock

None and "" are written as an en dash, so a page never says "None".
"""

from datetime import datetime
from decimal import Decimal
from math import ceil

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst

from marketplace.core.money import from_micros, show_amount, show_price

register = template.Library()

NOTHING = "–"
TONES = {
    "good": "approved published active ready passed pass healthy done completed succeeded resolved low running automatic in_force granted reached shown",
    "warn": "deprecated degraded paused rotating changes_requested warn warning restarting expiring medium "
    "inconclusive unhealthy attention awaiting_approval missing",
    "bad": "rejected failed fail denied revoked suspended high prohibited error expired critical blocked broken rolled_back",
    "info": "announced canary submitted checking in_review pending starting queued preview stopping open proposed scheduled waiting previewed",
    "accent": "stable latest live recommended",
}
ICONS = {
    "good": "check-badge",
    "warn": "exclamation-triangle",
    "bad": "x-circle",
    "info": "clock",
    "accent": "star",
    "neutral": "minus-circle",
}
ALERT_TONES = {"success": "good", "warning": "warn", "error": "bad"}  # Django's message levels
ALERT_ICONS = {
    "good": "check-circle",
    "warn": "exclamation-triangle",
    "bad": "x-circle",
    "info": "information-circle",
}
LABELS = {
    "checking": "Being checked",
    "scaled_to_zero": "Scaled to zero",
    "in_review": "In review",
    "ok": "Answered",
    "na": "Not applicable",
}
TILE_TONES = ("accent", "good", "info")
_TONE_OF = {state: tone for tone, states in TONES.items() for state in states.split()}


@register.filter
def number(value):
    """Thousands separated; at most two decimals, none for whole numbers."""
    if value in (None, ""):
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}".rstrip("0").rstrip(".")


@register.filter
def compact(value):
    """Three figures and a letter: 12.5k, 1.2M."""
    if value in (None, ""):
        return NOTHING
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


@register.filter
def filesize(value):
    """Bytes in decimal units, as operating systems and networks count them."""
    if value in (None, ""):
        return NOTHING
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


@register.filter
def ms(value):
    """A duration given in milliseconds; seconds from 1,000 ms up."""
    if value in (None, ""):
        return NOTHING
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


@register.filter
def whole_seconds(value):
    """2.9 → "3 seconds": a time that somebody waits, never told too short."""
    seconds = ceil(value)
    return "1 second" if seconds == 1 else f"{seconds} seconds"


@register.filter
def us(value):
    """A duration given in microseconds."""
    return NOTHING if value in (None, "") else ms(value / 1000)


@register.filter
def percent(value, decimals=2):
    """A ratio 0..1 as a percentage with at most `decimals`: 0.9995 → 99.95 %."""
    return NOTHING if value in (None, "") else points(100 * float(value), decimals)


@register.filter
def points(value, decimals=2):
    """A percentage already out of 100, with at most `decimals`: 99.95 → 99.95 %."""
    if value in (None, ""):
        return NOTHING
    shown = f"{float(value):.{decimals}f}"
    return (shown.rstrip("0").rstrip(".") if decimals else shown) + "\u00a0%"


@register.filter
def money(amount, currency):
    """An amount (Decimal, or exact as text) with its currency's digits: 10.90 USD, 1,234 JPY; "< 0.01 USD" for less than a coin."""
    return NOTHING if amount in (None, "") else show_amount(Decimal(amount), currency)


@register.filter
def price(micros, currency):
    """A unit price in micro-units (1,000,000 = 1.00) with all its digits: 0.50 USD, 0.000125 USD."""
    return NOTHING if micros in (None, "") else show_price(from_micros(micros), currency)


@register.filter
def amounts(costs):
    """{currency: Decimal} as amounts: 10.90 USD + 4.00 EUR; "none" when there are none: nothing has no currency."""
    shown = " + ".join(show_amount(amount, currency) for currency, amount in costs.items())
    return shown or "none"


@register.filter
def when(value):
    """Date and time with its zone, as a <time> element."""
    if not value:
        return NOTHING
    local = (
        timezone.localtime(value)
        if isinstance(value, datetime) and timezone.is_aware(value)
        else value
    )
    shown = (
        local.strftime("%-d %b %Y, %H:%M %Z")
        if isinstance(value, datetime)
        else local.strftime("%-d %b %Y")
    )
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), shown.strip())


@register.filter
def day(value):
    """The date alone, as a <time> element."""
    if not value:
        return NOTHING
    local = (
        timezone.localtime(value)
        if isinstance(value, datetime) and timezone.is_aware(value)
        else value
    )
    return format_html(
        '<time datetime="{}">{}</time>', value.isoformat(), local.strftime("%-d %b %Y")
    )


@register.filter
def lasting(value):
    """How long something has lasted that began at `value`, in its largest unit: 12 s, 38 min, 5 h, 3 days."""
    if not value:
        return NOTHING
    seconds = max(0, int((timezone.now() - value).total_seconds()))
    for size, unit in ((2 * 86400, "days"), (2 * 3600, "h"), (2 * 60, "min")):
        if seconds >= size:
            return f"{seconds // (size // 2)} {unit}"
    return f"{seconds} s"


@register.filter
def figure(value):
    """A measured figure with at most four significant digits, thousands in groups."""
    if value is None or value == "":
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@register.filter
def as_words(value):
    """A plain JSON value as people read it: the items of a list one after the other, `name: value` of a mapping."""
    if isinstance(value, list):
        return "; ".join(str(as_words(item)) for item in value)
    if isinstance(value, dict):
        return "; ".join(
            f"{name.replace('_', ' ')}: {as_words(item)}" for name, item in value.items()
        )
    return value


@register.filter
def quantity(value, nouns):
    """A count and its noun; `nouns` is "call,calls"."""
    singular, plural = nouns.split(",")
    return f"{number(value)} {singular if value == 1 else plural}"


def listed(names):
    """Names (a sequence of texts) in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@register.filter
def tone(state):
    """The badge tone of a state, tier or verdict."""
    return _TONE_OF.get(str(state).lower(), "neutral")


@register.filter
def state_label(state):
    """A state value in words: changes_requested → Changes requested."""
    text = str(state)
    return LABELS.get(text, capfirst(text.replace("_", " ")))


@register.filter
def state_icon(state):
    """The heroicon that goes with the state's tone."""
    return ICONS[tone(state)]


@register.filter
def tone_icon(name):
    """The heroicon of a tone itself."""
    return ICONS.get(name, ICONS["neutral"])


@register.filter
def alert_tone(level):
    """The tone of an alert: itself, or that of a Django message level; "info" for any other."""
    tone_of_level = ALERT_TONES.get(level, level)
    return tone_of_level if tone_of_level in ALERT_ICONS else "info"


@register.filter
def alert_icon(level):
    """The heroicon of an alert."""
    return ALERT_ICONS[alert_tone(level)]


@register.filter
def tile_tone(text):
    """A steady tone for a name's letter tile."""
    return TILE_TONES[sum(map(ord, str(text))) % len(TILE_TONES)]


@register.filter
def initials(name):
    """First letters of the first and last word: Maya Lindqvist → ML."""
    words = str(name).split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


@register.filter
def form_of(value):
    """How a model card's value is laid out: "list", "mapping", "text" or "nothing"."""
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list | tuple) else "text"
