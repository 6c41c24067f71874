"""Code that calls one version, to be copied: it runs as it stands, with nothing but the language installed.

The code is in templates/publishing/snippets/; templatetags/code_samples.py writes the values.
"""

from dataclasses import dataclass, replace

from django.template import Context, engines

FOLDER = "publishing/snippets"


@dataclass(frozen=True)
class Snippet:
    """One way to call. `language` is for highlighting, `filename` for saving, `needs` for the reader."""

    id: str
    label: str
    language: str
    filename: str
    needs: str
    text: str = ""
    is_client: bool = False  # installed from the portal (publishing/clients.py)


# The ways to call, the simplest first.
KINDS = [
    Snippet("curl", "curl", "bash", "call.sh", "curl 7.76 or later"),
    Snippet("rows", "curl, plain rows", "bash", "call_rows.sh", "curl 7.76 or later"),
    Snippet("python", "Python", "python", "call.py", "Python 3.9 or later, nothing else"),
    Snippet(
        "python-client",
        "Python (client)",
        "python",
        "call_client.py",
        "Python 3.11 or later and the client",
        is_client=True,
    ),
    Snippet("pandas", "Python (pandas)", "python", "call_pandas.py", "pip install pandas"),
    Snippet(
        "tritonclient",
        "Python (tritonclient)",
        "python",
        "call_triton.py",
        "pip install tritonclient[http]",
    ),
    Snippet("javascript", "JavaScript", "javascript", "call.mjs", "Node 18 or later"),
    Snippet(
        "javascript-client",
        "JavaScript (client)",
        "javascript",
        "call_client.mjs",
        "Node 18 or later and the client",
        is_client=True,
    ),
    Snippet("java", "Java", "java", "Call.java", "Java 11 or later: java Call.java"),
]


def snippets(contract):
    """The KINDS with the code that calls this version; those of a client where it can be installed from."""
    kinds = [kind for kind in KINDS if contract.wheel_url or not kind.is_client]
    return [replace(kind, text=text(kind.filename, contract)) for kind in kinds]


def text(filename, contract):
    """The code of one file."""
    return rendered(f"{FOLDER}/{filename}.txt", contract)


def rendered(path, contract):
    """A template of code. Nothing is escaped as HTML: the file is code, and pages escape it when they show it."""
    template = engines["django"].engine.get_template(path)
    return template.render(Context({"contract": contract}, autoescape=False)).lstrip("\n")
