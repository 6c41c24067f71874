"""JOURNEY: the verbs that bring a version in and out: start, upload, describe, submit, publish, deprecate, retire."""

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
from publishing.actions.ends import (
    call_off_brownouts,
    postpone,
    retire,
    retire_what_is_due,
    write_about_move,
)
from publishing.actions.guides import GuideText, write_guide
from publishing.actions.publication import deprecate, publish, publish_what_is_ready
from publishing.actions.retirement_waivers import (
    ask_retirement_waiver,
    decide_retirement_waiver,
    end_retirement_waivers,
)
from publishing.actions.submission import submit, try_again, try_out, try_what_waits, withdraw
from publishing.actions.uploads import upload

__all__ = [
    "GuideText",
    "Package",
    "ask_retirement_waiver",
    "call_off_brownouts",
    "decide_retirement_waiver",
    "end_retirement_waivers",
    "postpone",
    "retire",
    "retire_what_is_due",
    "write_about_move",
    "write_guide",
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
