"""For tests whose subject is something else: what bytes are, that they run, and what they answer is asked once for the same bytes.

Each inspection, each run of the checks and each prediction starts a process that loads ONNX Runtime.
"""

import copy
import json

from publishing.packages import inspection, running

INSPECTED = {}  # {(bytes, name of the file): what was found}
REPLIED = {}  # {all that a child was asked: its reply}


def remember(monkeypatch, *children):
    """The first answer of the real child is the answer from then on: of the inspection, and of these children, by default all."""

    def ask(path, *rest, ask=inspection._ask_child):
        sent = path.read_bytes(), rest[0]
        if sent not in INSPECTED:
            INSPECTED[sent] = ask(path, *rest)
        files = [file | {"path": str(path)} for file in INSPECTED[sent]["files"]]
        return copy.deepcopy(INSPECTED[sent]) | {"files": files}

    def reply(module, task, graph, quarantine, seconds, reply=running._reply_of):
        asked = {name: value for name, value in task.items() if name != "started"}
        if children and module not in children:
            return reply(module, task, graph, quarantine, seconds)
        limit = None if module == "answers_child" else seconds  # what is left of a run's time
        question = json.dumps([module, asked, limit])
        if question not in REPLIED:
            REPLIED[question] = reply(module, task, graph, quarantine, seconds)
        return REPLIED[question]

    monkeypatch.setattr(inspection, "_ask_child", ask)
    monkeypatch.setattr(running, "_reply_of", reply)
