"""Completion for shells, made from the words of the command line itself."""

from __future__ import annotations

import argparse

from marketplace_client.cli.context import Context

BASH = """_marketplace() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}}
  case "$COMP_CWORD:$command" in
    1:*) COMPREPLY=($(compgen -W "{commands}" -- "$current")); return ;;
{cases}
  esac
  [[ $current == -* ]] || COMPREPLY+=($(compgen -f -- "$current"))
}}
complete -o filenames -F _marketplace marketplace"""


def completion(context: Context) -> int:
    """Print it; a shell reads it with `source <(marketplace completion bash)`."""
    words = words_of_commands()
    shell = context.arguments.shell
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words), file=context.world.stdout)
    return 0


def words_of_commands() -> dict[str, list[str]]:
    """{command: its options and the choices of its arguments}."""
    from marketplace_client.cli.main import parser

    (commands,) = (
        action
        for action in parser()._subparsers._group_actions  # type: ignore[union-attr]
        if isinstance(action, argparse._SubParsersAction)
    )
    return {
        name: [
            word
            for action in command._actions
            for word in (action.option_strings or list(map(str, action.choices or ())))
            if word != "-h"
        ]
        for name, command in commands.choices.items()
    }


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(
        f'    *:{name}) COMPREPLY=($(compgen -W "{" ".join(options)}" -- "$current")) ;;'
        for name, options in words.items()
    )
    return BASH.format(commands=" ".join(words), cases=cases)


def _zsh(words: dict[str, list[str]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(words)


def _fish(words: dict[str, list[str]]) -> str:
    lines = [f'complete -c marketplace -n __fish_use_subcommand -xa "{" ".join(words)}"']
    for name, options in words.items():
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        for option in options:
            what = f"-l {option[2:]}" if option.startswith("--") else f"-a {option}"
            lines.append(f"complete -c marketplace {seen} {what}")
    return "\n".join(lines)
