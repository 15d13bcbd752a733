"""A workspace file becomes typed values, or one error that names every problem with its place."""

from __future__ import annotations

import platform
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.settings.model import AutomaticApply, Mode, Workspace
from engine.settings.reading import find_workspace, load_workspace, read_workspace
from tests.doubles.catalogue import FileSettings, GroupSettings, SampleCatalogue
from tests.engine.settings.samples import BLOCK, EXAMPLE

FILE = Path("/srv/acme/syncdeck.yaml")


def read(text: str | bytes) -> Workspace:
    return read_workspace(text if isinstance(text, bytes) else text.encode(), FILE, SampleCatalogue())


def problems_of(text: str | bytes) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(text)
    return list(caught.value.problems)


def adapters(line: str) -> str:
    return f"syncdeck: 1\nadapters:\n  people: {line}\n"


def sync(lines: str) -> str:
    return (
        "syncdeck: 1\nadapters:\n"
        "  a: {type: csv_file, path: a.csv, key: k}\n  b: {type: csv_file, path: b.csv, key: k}\n"
        "  seen: {type: report, path: c, key: k}\nsyncs:\n  s:\n    source: a\n    targets: [b]\n" + lines
    )


def test_the_example_of_the_contract_is_read_whole() -> None:
    workspace = read(EXAMPLE)
    assert (workspace.node, workspace.state) == ("berlin-1", Path("/srv/acme/.syncdeck/state.db"))
    assert list(workspace.adapters) == ["people", "list", "wiki", "staff"]
    assert workspace.adapters["people"].settings == FileSettings(path="people.csv", key="email")
    staff = workspace.adapters["staff"].settings
    assert isinstance(staff, GroupSettings)
    assert staff.password == "keyring:staff"
    engineering = workspace.syncs["engineering"]
    assert (engineering.name, engineering.source, engineering.targets) == ("engineering", "people", ("list", "wiki"))
    assert engineering.mode is Mode.ADD_REMOVE
    assert engineering.attributes == {"name": "name", "role": "title"}
    assert engineering.guards.protect == ("*@contractor.example",)
    assert engineering.approval.expires == timedelta(hours=24)
    assert engineering.schedule is not None
    assert (engineering.schedule.every, engineering.schedule.apply) == (
        timedelta(minutes=15),
        AutomaticApply.WITHIN_GUARDS,
    )


def test_block_style_comments_and_other_letters_are_read() -> None:
    workspace = read(BLOCK)
    assert workspace.adapters["hr"].settings == FileSettings(path="personal ü.csv", key="e-mail")
    assert workspace.syncs["ops"].guards.freeze[0].duration == timedelta(hours=62)
    assert workspace.syncs["ops"].where == "active == 'yes'\n  && department == 'ops'\n"


def test_what_is_not_written_has_protecting_defaults() -> None:
    settings = read(sync("")).syncs["s"]
    assert (settings.guards.max_removals, settings.guards.max_removal_percent) == (10, 20.0)
    assert settings.approval.removals
    assert settings.mode is Mode.ADD_REMOVE
    assert settings.schedule is None


def test_a_limit_is_switched_off_by_null_alone() -> None:
    assert read(sync("    guards: {max_removals: null}\n")).syncs["s"].guards.max_removals is None


def test_a_node_without_a_name_is_called_like_its_host() -> None:
    assert read("syncdeck: 1\n").node.startswith(platform.node()[:5])


def test_the_words_of_yaml_1_1_are_texts() -> None:
    text = "syncdeck: 1\nadapters:\n  a: {type: csv_file, path: no, key: 12:30, at: 2024-01-01}\n"
    assert read(text).adapters["a"].settings == FileSettings(path="no", key="12:30", at="2024-01-01")


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert read(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode()).node == "berlin-1"


def test_an_alias_stands_for_its_value() -> None:
    text = sync(
        "    guards: &strict {max_removals: 1}\n  t: {source: a, targets: [b], mode: remove-only, guards: *strict}\n"
    )
    assert read(text).syncs["t"].guards.max_removals == 1


def test_one_sync_may_remove_what_another_adds() -> None:
    text = sync("    mode: remove-only\n  t: {source: a, targets: [b], mode: add-only}\n")
    assert read(text).syncs["t"].mode == "add-only"


def test_the_nearest_file_upward_counts(tmp_path: Path) -> None:
    (tmp_path / "syncdeck.yaml").write_text("syncdeck: 1\nnode: far\n")
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    assert load_workspace(inner, SampleCatalogue()).node == "far"
    (tmp_path / "one" / "syncdeck.yaml").write_text("syncdeck: 1\nnode: near\n")
    workspace = load_workspace(inner, SampleCatalogue())
    assert (workspace.node, workspace.folder) == ("near", tmp_path / "one")


def test_no_workspace_anywhere_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no syncdeck\.yaml in .* `syncdeck init`"):
        find_workspace(tmp_path)


def test_a_named_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.yaml: cannot be read: No such file"):
        load_workspace(tmp_path / "gone.yaml", SampleCatalogue())


PROBLEMS = {
    "a misspelt setting of a sync names its place, the nearest and all that are allowed": (
        sync("    guards:\n      max_removal: 5\n"),
        "syncdeck.yaml:11:7: syncs.s.guards.max_removal: unknown setting. Did you mean max_removals? Allowed: max_",
    ),
    "a misspelt section": (
        "syncdeck: 1\nadaptors: {}\n",
        "syncdeck.yaml:2:1: adaptors: unknown setting. Did you mean adapters?",
    ),
    "a format of the future": (
        "syncdeck: 2\n",
        "syncdeck.yaml:1:11: syncdeck: found format 2; this version reads format 1.",
    ),
    "no format": ("adapters: {}\n", "syncdeck.yaml:1:1: syncdeck: is missing."),
    "a misspelt type": (
        adapters("{type: csv-fil, path: x, key: k}"),
        "syncdeck.yaml:3:18: adapters.people.type: found the text 'csv-fil', an unknown type of endpoint. Did you",
    ),
    "no type": (adapters("{path: x}"), "adapters.people.type: is missing. Allowed: csv_file, "),
    "a type whose package is missing": (
        adapters("{type: exotic}"),
        "adapters.people.type: exotic needs the package exo: pip install 'syncdeck[exotic]'",
    ),
    "a required setting is missing, and what it is for": (
        adapters("{type: csv_file, path: x}"),
        "syncdeck.yaml:3:11: adapters.people.key: is missing. What identifies a record. Example: email.",
    ),
    "an adapter without anything": (adapters(""), "adapters.people: found nothing; expected a mapping"),
    "a number where text is expected": (
        adapters("{type: csv_file, path: 7, key: k}"),
        'adapters.people.path: found the number 7; expected text. Put it in quotes: "7".',
    ),
    "a secret in clear, without repeating it": (
        adapters("{type: ldap_group, url: 'ldap://h', group: g, password: hunter2}"),
        (
            "adapters.people.password: a secret must not stand in this file. Keep it in the keyring (in the console, or"
            ": syncdeck secrets people) and write keyring:people here; or write env:NAME or file:PATH."
        ),
    ),
    "a password inside a URL": (
        adapters("{type: sql_table, url: 'postgresql://bob:hunter2@db/wiki', table: t, key: k}"),
        "adapters.people.url: this URL holds a password, and passwords must not stand in this file.",
    ),
    "a secret header": (
        adapters("{type: service, url: 'http://h', headers: {X-Api-Key: hunter2}}"),
        "adapters.people.headers.X-Api-Key: X-Api-Key holds a secret. It must not stand here",
    ),
    "a rule over several settings": (
        adapters("{type: service, url: 'http://h', fewest: 20}"),
        "syncdeck.yaml:3:11: adapters.people: fewest is 20, more than most (10).",
    ),
    "a nested setting out of bounds": (
        adapters("{type: service, url: 'http://h', paging: {size: 0}}"),
        "adapters.people.paging.size: found the number 0; expected a whole number, 1 or more.",
    ),
    "an expression inside an adapter": (
        adapters("{type: service, url: 'http://h', paging: {next: 'a b'}}"),
        "adapters.people.paging.next: 'a b' is no JMESPath expression",
    ),
    "a word that is no choice": (
        adapters("{type: ldap_group, url: 'ldap://h', group: g, security: startls}"),
        "adapters.people.security: found the text 'startls'. Did you mean starttls? Allowed: ldaps, starttls.",
    ),
    "an unknown mode": (
        sync("    mode: addremove\n"),
        "syncdeck.yaml:10:11: syncs.s.mode: found the text 'addremove'. Did you mean add-remove? Allowed: add-remove, ",
    ),
    "yes for true": (sync("    paused: yes\n"), "syncs.s.paused: found the text 'yes'; expected true or false."),
    "a percentage above a hundred": (
        sync("    guards: {max_removal_percent: 120}\n"),
        "found the number 120; expected a number, 0 or more, at most 100, or null to switch it off.",
    ),
    "a flag for a number": (
        sync("    guards: {max_removals: true}\n"),
        "syncs.s.guards.max_removals: found true; expected a whole number, 0 or more, or null to switch it off.",
    ),
    "a percentage that is no number": (
        sync("    guards: {max_removal_percent: .nan}\n"),
        "found the number .nan; expected a number, 0 or more, at most 100",
    ),
    "a number of five thousand digits": (
        sync(f"    guards: {{max_removals: {'9' * 5_000}}}\n"),
        "syncs.s.guards.max_removals: found the text '99999",
    ),
    "one pattern instead of a list": (
        sync("    guards: {protect: '*@x'}\n"),
        "syncs.s.guards.protect: found the text '*@x'; expected a list. Write [\"*@x\"].",
    ),
    "a regular expression for a pattern": (
        sync("    guards: {protect: ['.*@x']}\n"),
        "syncs.s.guards.protect[0]: '.*@x' looks like a regular expression. Only * and ? are special",
    ),
    "a duration without unit": (
        sync("    approval: {expires: 24}\n"),
        "syncs.s.approval.expires: found the number 24; expected a duration with its unit",
    ),
    "a duration nobody knows": (
        sync("    approval: {expires: soon}\n"),
        "'soon' is no duration. Write a number with a unit",
    ),
    "an assignment for a comparison": (
        sync("    where: department = 'eng'\n"),
        (
            "syncdeck.yaml:10:12: syncs.s.where: \"department = 'eng'\" is no JMESPath expression: Bad jmespath "
            "expression: Unknown token '='. Compare with =="
        ),
    ),
    "a broken attribute expression": (
        sync("    attributes: {name: 'a b'}\n"),
        "syncdeck.yaml:10:24: syncs.s.attributes.name: 'a b' is no JMESPath expression",
    ),
    "a rename by an attribute that is not mapped": (
        sync("    rename_by: number\n    attributes: {name: name}\n"),
        "syncdeck.yaml:10:16: syncs.s.rename_by: number is not among this sync's attributes. Map it there too.",
    ),
    "a schedule with both": (
        sync("    schedule: {every: 15m, cron: '* * * * *'}\n"),
        "a schedule has exactly one of the two",
    ),
    "a schedule with neither": (sync("    schedule: {apply: ask}\n"), "a schedule has exactly one of the two"),
    "a schedule without a pause": (sync("    schedule: {every: 0s}\n"), "every is shorter than ten seconds"),
    "a cron expression of six fields": (
        sync("    schedule: {cron: '0 0 * * * *'}\n"),
        "syncs.s.schedule.cron: '0 0 * * * *' has 6 fields; cron has five",
    ),
    "a cron expression out of range": (
        sync("    schedule: {cron: '99 * * * *'}\n"),
        "'99 * * * *' is no cron expression",
    ),
    "a misspelt time zone": (
        sync("    schedule: {cron: '0 1 * * *', timezone: Europe/Belin}\n"),
        "'Europe/Belin' is no time zone. Did you mean Europe/Berlin?",
    ),
    "a freeze window without length": (
        sync("    guards: {freeze: [{cron: '0 1 * * *', duration: 0s}]}\n"),
        "syncs.s.guards.freeze[0]: a freeze window needs a cron expression and a duration longer than nothing.",
    ),
    "a source that is no adapter": (
        (
            "syncdeck: 1\nadapters:\n  people: {type: csv_file, path: x, key: k}\n"
            "  b: {type: csv_file, path: x, key: k}\nsyncs:\n  s: {source: peple, targets: [b]}\n"
        ),
        "syncdeck.yaml:6:15: syncs.s.source: there is no adapter 'peple'. Did you mean people? Allowed: people, b.",
    ),
    "a target that can only be read": (
        sync("    paused: true\n").replace("[b]", "[seen]"),
        "syncs.s.targets[0]: seen is a report, which can only be read. Use it as a source.",
    ),
    "a target that is the source": (
        sync("").replace("[b]", "[b, a]"),
        "syncdeck.yaml:9:18: syncs.s.targets[1]: a is already the source of this sync.",
    ),
    "a target named twice": (
        sync("").replace("[b]", "[b, b]"),
        "syncs.s.targets[1]: b is already a target of this sync.",
    ),
    "no targets": (sync("").replace("[b]", "[]"), "syncs.s.targets: the list needs at least 1."),
    "a name with a space": (
        "syncdeck: 1\nadapters:\n  my list: {type: csv_file, path: x, key: k}\n",
        "'my list' is no name.",
    ),
    "a peer without a scheme": (
        "syncdeck: 1\npeers: {hamburg: {url: hamburg.example}}\n",
        "syncdeck.yaml:2:24: peers.hamburg.url: found the text 'hamburg.example'",
    ),
    "a token in clear": (
        "syncdeck: 1\npeers: {hamburg: {url: https://hamburg.example, token: hunter2}}\n",
        "peers.hamburg.token: a secret must not stand in this file.",
    ),
    "a server open to everybody": (
        "syncdeck: 1\nserver: {host: 0.0.0.0}\n",
        "server: host 0.0.0.0 is reached from other machines, and there are no tokens.",
    ),
    "half a certificate": (
        "syncdeck: 1\nserver: {tls_certificate: node.pem}\n",
        "server: tls_certificate and tls_key belong together",
    ),
    "an unknown strategy": (
        "syncdeck: 1\nconflicts:\n  rules:\n    - {use: last_write_win}\n",
        (
            "syncdeck.yaml:4:13: conflicts.rules[0].use: found the text 'last_write_win', an unknown strategy. "
            "Did you mean last_write_wins?"
        ),
    ),
    "a preference for nobody": (
        "syncdeck: 1\nconflicts: {rules: [{use: prefer_origin}]}\n",
        "conflicts.rules[0]: prefer names the nodes that win",
    ),
    "projections, which come later": (
        "syncdeck: 1\nprojections: {users: {models: x}}\n",
        "syncdeck.yaml:2:14: projections: not available yet in this version.",
    ),
    "an unknown backend": (
        "syncdeck: 1\ncoordination: {type: redi, url: x}\n",
        "syncdeck.yaml:2:22: coordination.type: found the text 'redi', an unknown backend. Did you mean redis?",
    ),
    "a backend without its address": (
        "syncdeck: 1\ncoordination: {type: redis}\n",
        "coordination.url: is missing. Address of the server.",
    ),
    "a session shorter than anything": (
        "syncdeck: 1\ncoordination: {type: sqlite, ttl: 0s}\n",
        "syncdeck.yaml:2:15: coordination: ttl is shorter than a second.",
    ),
    "a schedule of a task that does not exist": (
        "syncdeck: 1\ntasks: {export: {run: [x]}}\ncron: {nightly: {task: exprt, every: 1h}}\n",
        "cron.nightly.task: there is no task 'exprt'. Did you mean export?",
    ),
    "a schedule with two times": (
        "syncdeck: 1\ntasks: {export: {run: [x]}}\ncron: {nightly: {task: export, every: 1h, cron: '0 2 * * *'}}\n",
        "cron.nightly: a schedule has exactly one of the three",
    ),
    "a moment that is none": (
        "syncdeck: 1\ntasks: {export: {run: [x]}}\ncron: {once: {task: export, at: tomorrow}}\n",
        "cron.once: 'tomorrow' is no moment.",
    ),
    "a task without a command": (
        "syncdeck: 1\ntasks: {export: {run: []}}\n",
        "tasks.export.run: the list needs at least 1.",
    ),
    "a secret in a task's environment": (
        "syncdeck: 1\ntasks: {export: {run: [x], environment: {API_TOKEN: abc}}}\n",
        "tasks.export.environment.API_TOKEN: API_TOKEN holds a secret.",
    ),
    "servers asked too often": (
        "syncdeck: 1\nclock: {servers: [a], every: 1s}\n",
        "clock: every is shorter than 16s",
    ),
    "a key given twice": (
        sync("    mode: add-only\n    mode: add-remove\n"),
        "syncdeck.yaml:11:5: syncs.s.mode: stands here for the second time, first in line 10.",
    ),
    "two syncs that would undo each other": (
        sync("    mode: add-remove\n  t: {source: a, targets: [b], mode: add-only}\n"),
        "syncs.t.targets: b is a target of sync s too, and s removes whoever its own source does not hold: one would",
    ),
    "a merge": (sync("    <<: {paused: true}\n"), "merging is not read here"),
    "a tag that would run code": ("syncdeck: 1\ntitle: !!python/name:os.system x\n", "is not read here. Remove it."),
    "a list for a section": (
        "syncdeck: 1\nsyncs: [a]\n",
        "syncs: found a list; expected a mapping of names to settings.",
    ),
}


@pytest.mark.parametrize("fault", PROBLEMS)
def test_a_problem_is_named_with_its_place(fault: str) -> None:
    text, sentence = PROBLEMS[fault]
    found = problems_of(text)
    assert any(sentence in problem for problem in found), found
    assert all(problem.startswith("syncdeck.yaml:") for problem in found)
    assert "hunter2" not in "".join(found)


UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "a tab": ("syncdeck: 1\nadapters:\n\tpeople: {}\n", "syncdeck.yaml:3:1: a tab indents this line."),
    "an open bracket": ("syncdeck: 1\nadapters: {a: [\n", "this is no valid YAML: "),
    "a missing quote": (
        "syncdeck: 1\ntitle: a: b\n",
        "syncdeck.yaml:2:9: this is no valid YAML: mapping values are not allowed",
    ),
    "a star without quotes": ("syncdeck: 1\ntitle: *x\n", "put a text that starts with * into quotes"),
    "two documents": ("syncdeck: 1\n---\nsyncdeck: 1\n", "one is allowed"),
    "nothing": ("", "syncdeck.yaml: the file is empty."),
    "a comment alone": ("# nothing yet\n", "syncdeck.yaml: the file is empty."),
    "a list": ("- a\n", "syncdeck.yaml:1:1: found a list; expected a mapping"),
    "another encoding": ("syncdeck: 1\ntitle: Köln\n".encode("latin-1"), "syncdeck.yaml:2: the file is not in UTF-8."),
    "a control character": (
        "syncdeck: 1\ntitle: a\x1bb\n",
        "syncdeck.yaml:2: the control character U+001B stands here.",
    ),
    "a file of two megabytes": ("#" * 2_000_000, "syncdeck.yaml: the file has 2,000,000 bytes"),
    "brackets without end": ("syncdeck: 1\nx: " + "[" * 50_000, "brackets are nested more than 40 deep"),
    "aliases that explode": (
        "syncdeck: 1\na: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "blow this file up",
    ),
    "an alias inside itself": ("syncdeck: 1\na: &a [*a]\n", "blow this file up"),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_file_that_cannot_be_trusted_is_refused_in_words(fault: str) -> None:
    text, sentence = UNREADABLE[fault]
    (problem,) = problems_of(text)
    assert sentence in problem


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = (
        "syncdeck: 1\nnod: x\nadapters:\n  a: {type: csv_file, pth: x, key: 7}\n"
        "syncs:\n  s: {source: b, targets: [a], mode: add, guards: {max_removals: -1}}\n"
    )
    places = [problem.split(": ")[1] for problem in problems_of(text)]
    assert places == [
        "nod",
        "adapters.a.path",
        "adapters.a.pth",
        "adapters.a.key",
        "syncs.s.source",
        "syncs.s.mode",
        "syncs.s.guards.max_removals",
    ]


fragments = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "\n",
        "\n  ",
        "- ",
        "&a ",
        "*a",
        "!!x ",
        "? ",
        "|\n",
        '"',
        "'",
        "#",
        "<<",
        "null",
        "9e9",
        "\t",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    cut=st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 40)),
    put=st.lists(fragments | st.text(max_size=3), max_size=3),
)
def test_whatever_stands_in_a_file_is_settings_or_a_sentence(cut: tuple[int, int], put: list[str]) -> None:
    start, length = cut
    text = EXAMPLE[:start] + "".join(put) + EXAMPLE[start + length :]
    problems: tuple[str, ...] = ()
    try:
        read(text.encode("utf-8", "surrogatepass"))
    except SettingsError as error:
        problems = error.problems
    assert all(problem.startswith("syncdeck.yaml:") for problem in problems)
