"""The steps of a version's way to submission, and which of them are done."""

from django.urls import reverse

from publishing.actions import what_is_missing

STEPS = [
    ("package", "Package"),
    ("interface", "Signature"),
    ("card", "Model card"),
    ("risk", "Risk"),
    ("plans", "Plans"),
    ("changelog", "Changelog"),
    ("submit", "Submit"),
]


def of(version, current):
    """[{"slug", "label", "url", "done", "current", "problem"}] for components/stepper.html."""
    problems = {item["step"]: item["sentence"] for item in reversed(what_is_missing(version))}
    return [
        {
            "slug": slug,
            "label": label,
            "url": reverse("publishing:step", args=[version.model.slug, version.number, slug]),
            "done": slug != "submit" and slug not in problems,
            "current": slug == current,
            "problem": problems.get(slug, ""),
        }
        for slug, label in STEPS
    ]
