"""`syncdeck init`, `schema`, `completion` and `secrets`: what is needed once."""

from __future__ import annotations

import getpass
import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from argcomplete.shell_integration import shellcode

from console.commands.arguments import Subparsers, add_verb
from console.commands.session import DONE, Session
from engine.errors import SettingsError
from engine.settings.schema import json_schema
from engine.settings.starter import starter_workspace


def add_parser(verbs: Subparsers) -> None:
    init = add_verb(
        verbs,
        "init",
        initialise,
        examples=("syncdeck init", "syncdeck init directories/"),
    )
    init.add_argument("folder", nargs="?", type=Path, default=Path(), help="where (default: here)")
    add_verb(
        verbs,
        "schema",
        print_schema,
        examples=(
            "syncdeck schema > syncdeck.schema.json",
            "and as the first line of syncdeck.yaml:",
            "# yaml-language-server: $schema=./syncdeck.schema.json",
        ),
    )
    completion = add_verb(
        verbs,
        "completion",
        print_completion,
        examples=(
            'eval "$(syncdeck completion bash)"            in ~/.bashrc (zsh: the same in ~/.zshrc)',
            "syncdeck completion fish > ~/.config/fish/completions/syncdeck.fish",
        ),
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    secret = add_verb(
        verbs,
        "secrets",
        keep_secret,
        examples=("syncdeck secrets staff            asks without echo", "pass show ldap | syncdeck secrets staff"),
    )
    secret.add_argument("name")
    secret.add_argument("--forget", action="store_true", help="remove it from the keyring instead")


async def initialise(arguments: Namespace, session: Session) -> int:
    file = arguments.folder / "syncdeck.yaml"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(starter_workspace())
    except FileExistsError as error:
        raise SettingsError(
            f"{file} exists already; nothing was changed. Open it in the console: syncdeck -w {arguments.folder}"
        ) from error
    session.emit({"file": str(file)})
    session.say(f"Made {file}. Next: syncdeck -w {arguments.folder}   (or see it at work first: syncdeck demo)")
    return DONE


async def print_schema(arguments: Namespace, session: Session) -> int:
    print(json.dumps(json_schema(session.outside.catalogue()), indent=2))
    return DONE


async def print_completion(arguments: Namespace, session: Session) -> int:
    print(shellcode(["syncdeck"], shell=arguments.shell))
    return DONE


async def keep_secret(arguments: Namespace, session: Session) -> int:
    if arguments.forget:
        session.outside.forget_secret(arguments.name)
        session.emit({"forgotten": arguments.name})
        session.say(f"keyring:{arguments.name} is not kept any more.")
        return DONE
    value = (
        getpass.getpass(f"Value of {arguments.name}: ")
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip(os.linesep)
    )
    if not value:
        raise SettingsError(f"No value was given for {arguments.name}; nothing was kept.")
    session.outside.keep_secret(arguments.name, value)
    session.emit({"reference": f"keyring:{arguments.name}"})
    session.say(f"Kept. Write it as keyring:{arguments.name} in syncdeck.yaml.")
    return DONE
