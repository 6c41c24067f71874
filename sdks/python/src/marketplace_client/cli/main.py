"""Words of the command line, and the one place where a failure becomes an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import marketplace_client.cli as about
from marketplace_client.cli import completion, finding, publishing, reuse, using
from marketplace_client.cli.context import Context, World
from marketplace_client.cli.failures import INTERRUPTED, NOT_NOW, Failure, code_of, message_of
from marketplace_client.errors import MarketplaceError

HOUR = 3600


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="marketplace",
        description="The model marketplace from a terminal or a pipeline.",
        epilog=(about.__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_finding(commands)
    _add_using(commands)
    _add_publishing(commands)
    shell = _add(commands, "completion", completion.completion, "print the completion of a shell")
    shell.add_argument("shell", choices=["bash", "zsh", "fish"])
    return root


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[Context], int],
    says: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument(
        "--json", action="store_true", help="one JSON document on the standard output"
    )
    return command


def _add_finding(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    login = _add(commands, "login", finding.login, "keep the portal's address and a token of yours")
    login.add_argument("url", nargs="?", default="", help="https://marketplace.example.com")
    login.add_argument(
        "--token-stdin", action="store_true", help="read the token from the standard input"
    )
    login.add_argument("--gateway", default="", help="address of the gateway, for `call`")
    _add(commands, "logout", finding.logout, "forget the token here")
    search = _add(commands, "search", finding.search, "find models; best fit first")
    search.add_argument("words", nargs="*")
    search.add_argument("--domain", action="append")
    search.add_argument("--capability", action="append")
    search.add_argument("--tier", action="append", choices=["low", "medium", "high"])
    search.add_argument("--limit", type=int, default=20)
    show = _add(commands, "show", finding.show, "a model, its versions, plans and what it takes")
    show.add_argument("model")
    show.add_argument("--version")
    attempt = _add(
        commands, "try", finding.try_model, "send rows to a model in the sandbox, without a key"
    )
    attempt.add_argument("model")
    attempt.add_argument("--version")
    attempt.add_argument(
        "--row", action="append", default=[], help="a row as JSON; may be given several times"
    )
    attempt.add_argument("--input", help="a file of rows")
    attempt.add_argument("--format", choices=["csv", "jsonl", "json"])


def _add_using(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    subscribe = _add(
        commands, "subscribe", using.subscribe, "subscribe an application of your team to a model"
    )
    subscribe.add_argument("model")
    subscribe.add_argument("--application", required=True, help="its slug")
    subscribe.add_argument("--plan", help="its slug; not needed when there is one")
    subscribe.add_argument("--purpose", required=True, help="at least ten characters")
    subscribe.add_argument("--policy", choices=["pin_exact", "auto_patch", "auto_minor"])
    subscribe.add_argument("--expected-calls", type=int, help="a month")
    subscribe.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another member of the request",
    )
    keys = _add(commands, "keys", using.keys, "list, create, rotate and revoke API keys")
    keys.add_argument("act", choices=["list", "create", "rotate", "revoke"])
    keys.add_argument("kid", nargs="?", help="the key, for rotate and revoke")
    keys.add_argument("--subscription", type=int)
    keys.add_argument("--name", default="Key")
    keys.add_argument("--days", type=int, default=90)
    keys.add_argument("--overlap-hours", type=int, default=24)
    keys.add_argument("--reason", default="Revoked from the command line.")
    call = _add(
        commands,
        "call",
        using.call,
        "send the rows of a file to a model; the key is in MARKETPLACE_API_KEY",
    )
    call.add_argument("model")
    call.add_argument(
        "--input", required=True, help="CSV, JSON lines or JSON; - for the standard input"
    )
    call.add_argument("--format", choices=["csv", "jsonl", "json"], help="of the input")
    call.add_argument(
        "--output",
        default="-",
        help="CSV or JSON lines by its name; - for JSON lines on the standard output",
    )
    call.add_argument(
        "--resume", action="store_true", help="go on after the rows that the output has"
    )
    call.add_argument("--batch", type=int, default=1000, help="rows of a call")
    call.add_argument("--binary", action="store_true", help="binary tensors")
    call.add_argument(
        "--version", help="only to call another one than the subscription's policy chooses"
    )
    call.add_argument("--gateway")
    call.add_argument(
        "--timeout", type=float, default=60.0, help="seconds of a call with its repetitions"
    )
    usage = _add(
        commands, "usage", using.usage, "what your teams called in a month, and what it cost"
    )
    usage.add_argument("--month", help="2026-11; this month without")
    usage.add_argument("--model")
    usage.add_argument("--application")


def _add_publishing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    publish = _add(
        commands,
        "publish",
        publishing.publish,
        "publish a version up to its submission; the same again changes nothing",
    )
    publish.add_argument("model", help="its slug")
    publish.add_argument("number", help="1.2.0")
    publish.add_argument(
        "package",
        nargs="?",
        help="an MLflow directory, an archive of one, an .onnx file, or models:/name/version of a registry",
    )
    publish.add_argument(
        "--card", help="a model card as text: a Hugging Face README, an MLmodel or CycloneDX file"
    )
    publish.add_argument("--entry", help="JSON: what the catalog says of the model")
    publish.add_argument(
        "--publication", help="JSON: card, risk answers, service level, plans, evaluations …"
    )
    publish.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="for the decision"
    )
    status = _add(commands, "status", publishing.status, "how far a version got")
    status.add_argument("model")
    status.add_argument("number")
    status.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="until it is live (0) or is not going to be (5)",
    )
    evaluate = _add(
        commands,
        "evaluate",
        publishing.evaluate,
        "evaluate up to five versions on a file of your rows",
    )
    evaluate.add_argument("file", help="CSV, Excel or Parquet")
    evaluate.add_argument("--team", required=True)
    evaluate.add_argument(
        "--version",
        action="append",
        required=True,
        help="slug or slug/number; may be given several times",
    )
    evaluate.add_argument("--name")
    evaluate.add_argument(
        "--data-class",
        default="internal",
        choices=["public", "internal", "confidential", "personal", "special"],
    )
    evaluate.add_argument("--keep-days", type=int, default=7)
    evaluate.add_argument("--map", action="append", default=[], metavar="INPUT=COLUMN")
    evaluate.add_argument("--label")
    evaluate.add_argument("--task")
    evaluate.add_argument("--positive")
    evaluate.add_argument("--group", action="append", default=[])
    evaluate.add_argument(
        "--confirm-personal",
        action="store_true",
        help="the team may use the personal data in the file",
    )
    evaluate.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="METRIC<=VALUE",
        help="of the first version; exit code 5 when not met",
    )
    evaluate.add_argument("--answers", help="write the answers as CSV here")
    evaluate.add_argument("--wait", type=float, default=HOUR, metavar="SECONDS")
    check = _add(
        commands,
        "check-reuse",
        reuse.check_reuse,
        "may this be built? does the record of a search before build hold?",
    )
    check.add_argument("record", help="its number, such as SBR-12")
    check.add_argument("--model", help="and is it about this model?")
    check.add_argument(
        "--expect",
        action="append",
        choices=reuse.DECISIONS,
        help="what the record has to say; build or extend without it",
    )
    check.add_argument(
        "--comment",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write Markdown for a pull request: what was found, and why it does not do",
    )


def main(words: Sequence[str] | None = None, world: World | None = None) -> int:
    """Run a command; its exit code. Wrong words end with SystemExit(2), as argparse does."""
    world = world or World()
    arguments = parser().parse_args(words)
    try:
        code: int = arguments.run(Context(arguments, world))
        return code
    except Failure as failure:
        print(failure, file=world.stderr)
        return failure.code
    except MarketplaceError as error:
        print(message_of(error), file=world.stderr)
        return code_of(error)
    except BrokenPipeError:
        sys.stderr.close()
        return NOT_NOW
    except OSError as error:
        print(error, file=world.stderr)
        return NOT_NOW
    except KeyboardInterrupt:
        print("Interrupted.", file=world.stderr)
        return INTERRUPTED
