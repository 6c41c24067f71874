"""JOURNEY: the verbs that bring a version in and out: start, upload, describe, submit, publish, deprecate."""

from publishing.actions.at_once import Package, hand_in
from publishing.actions.cards import confirm_card_facts, edit_card, merge_card
from publishing.actions.drafts import (
    confirm_names,
    describe_interface,
    divide_input,
    edit_changelog,
    edit_entry,
    name_endpoint,
    promise_sla,
    put_version,
    renumber,
    start_version,
)
from publishing.actions.publication import deprecate, publish, publish_what_is_ready
from publishing.actions.submission import submit, try_again, try_out, try_what_waits, withdraw
from publishing.actions.uploads import upload

__all__ = [
    "Package",
    "confirm_card_facts",
    "confirm_names",
    "deprecate",
    "describe_interface",
    "divide_input",
    "edit_card",
    "merge_card",
    "edit_changelog",
    "edit_entry",
    "hand_in",
    "name_endpoint",
    "promise_sla",
    "publish",
    "publish_what_is_ready",
    "put_version",
    "renumber",
    "start_version",
    "submit",
    "try_again",
    "try_out",
    "try_what_waits",
    "upload",
    "withdraw",
]
