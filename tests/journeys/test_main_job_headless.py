"""Plan, approve, apply, look back: the main job as a script does it."""

from __future__ import annotations

from tests.journeys.command import TEAM, Command


def test_a_plan_shows_every_change_with_its_why_and_touches_nothing(syncdeck: Command) -> None:
    plan = syncdeck("plan", "engineering")
    assert plan.code == 2
    assert "+ cy@acme.example" in plan.out
    assert "- gone@acme.example" in plan.out
    assert "name: Robert → Bob Ray" in plan.out
    assert syncdeck.read("team.yaml") == TEAM


def test_what_a_target_spells_is_what_it_is_called_with(syncdeck: Command) -> None:
    (target,) = syncdeck("plan", "engineering", "--json").row["targets"]
    spelled = {change["action"]: change["spelling"] for change in target["changes"]}
    assert spelled == {"add": "cy@acme.example", "update": "BOB.RAY@acme.example", "remove": "gone@acme.example"}


def test_applying_brings_the_target_into_step_and_keeps_what_people_wrote(syncdeck: Command) -> None:
    applied = syncdeck("apply", "engineering", "--yes", "--json")
    assert applied.code == 2, applied.err
    assert applied.row["state"] == "done"
    assert applied.row["verified"] is True
    team = syncdeck.read("team.yaml")
    assert team.startswith("# kept by hand\nteam: engineering\n")
    assert "- email: ann@acme.example   # asks questions" in team
    assert "gone@acme.example" not in team
    assert syncdeck("plan", "engineering").code == 0
    assert syncdeck("apply", "engineering", "--yes").code == 0


def test_nothing_is_applied_without_agreement(syncdeck: Command) -> None:
    refused = syncdeck("apply", "engineering")
    assert refused.code == 1
    assert "--yes" in refused.err
    assert syncdeck.read("team.yaml") == TEAM


def test_an_emptied_source_is_refused_and_the_target_keeps_everybody(syncdeck: Command) -> None:
    syncdeck.write("people.csv", "email,name,department,active\n")
    plan = syncdeck("plan", "engineering")
    assert plan.code == 3
    assert "min_source" in plan.out
    applied = syncdeck("apply", "engineering", "--yes")
    assert applied.code == 3
    assert syncdeck.read("team.yaml") == TEAM


def test_a_missing_source_is_an_error_and_no_empty_set(syncdeck: Command) -> None:
    (syncdeck.folder / "people.csv").unlink()
    plan = syncdeck("plan", "engineering")
    assert plan.code == 1
    assert "people.csv" in plan.out + plan.err
    assert syncdeck.read("team.yaml") == TEAM


def test_yes_never_overrides_a_guard_but_an_approval_that_names_it_does(syncdeck: Command) -> None:
    syncdeck.change("syncdeck.yaml", "    attributes:", "    guards: {max_removals: 0}\n    attributes:")
    assert syncdeck("apply", "engineering", "--yes").code == 3
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    assert syncdeck("approve", digest, "--override", "max_removals").code == 3, "an override needs a comment"
    assert syncdeck("approve", digest, "--override", "max_removals", "--comment", "she left").code == 0
    assert syncdeck("apply", digest, "--yes").code == 2
    assert "gone@acme.example" not in syncdeck.read("team.yaml")


def test_a_required_approval_is_waited_for(syncdeck: Command) -> None:
    syncdeck.change(
        "syncdeck.yaml", "    attributes:", "    approval: {required: true, four_eyes: true}\n    attributes:"
    )
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    waiting = syncdeck("apply", digest, "--yes")
    assert waiting.code == 3
    assert "approv" in waiting.err
    assert syncdeck("approve", digest[:10], actor="ann@desk").code == 0
    assert syncdeck("apply", digest, "--yes").code == 3, "the author is not enough"
    assert syncdeck("approve", digest[:10], actor="bea@desk", typed="").code == 0
    assert syncdeck("apply", "engineering", "--yes").code == 2, "an approved plan of a sync is found by the sync's name"


def test_a_rejected_plan_is_never_applied(syncdeck: Command) -> None:
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    assert syncdeck("reject", digest, "--comment", "not today").code == 0
    assert syncdeck("apply", digest, "--yes").code in {1, 3}
    assert syncdeck.read("team.yaml") == TEAM


def test_a_plan_file_is_applied_as_it_was_shown(syncdeck: Command) -> None:
    assert syncdeck("plan", "engineering", "-o", "eng.plan").code == 2
    assert syncdeck("apply", "eng.plan", "--yes").code == 2
    assert syncdeck("plan", "engineering").code == 0


def test_a_changed_plan_file_is_refused_in_words(syncdeck: Command) -> None:
    syncdeck("plan", "engineering", "-o", "eng.plan")
    body = (syncdeck.folder / "eng.plan").read_bytes()
    (syncdeck.folder / "eng.plan").write_bytes(body.replace(b"gone@acme", b"ann@acme."))
    refused = syncdeck("apply", "eng.plan", "--yes")
    assert refused.code == 1
    assert "eng.plan" in refused.err or "changed" in refused.err
    assert syncdeck.read("team.yaml") == TEAM


def test_a_plan_goes_stale_when_its_configuration_changes(syncdeck: Command) -> None:
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    syncdeck.change("syncdeck.yaml", "active == 'yes'", "active != 'never'")
    assert syncdeck("apply", digest, "--yes").code == 4
    assert syncdeck.read("team.yaml") == TEAM


def test_a_removal_whose_member_changed_meanwhile_is_refused(syncdeck: Command) -> None:
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    syncdeck.change("team.yaml", "name: Gone", "name: Gone, but back on Monday")
    drifted = syncdeck("apply", digest, "--yes")
    assert drifted.code == 5
    assert "gone@acme.example" in drifted.err
    assert "back on Monday" in syncdeck.read("team.yaml")


def test_chosen_items_become_a_plan_of_their_own(syncdeck: Command) -> None:
    digest = syncdeck("plan", "engineering", "--json").row["digest"]
    assert syncdeck("apply", digest, "--only", "team/add/*", "--yes").code == 2
    team = syncdeck.read("team.yaml")
    assert "cy@acme.example" in team
    assert "gone@acme.example" in team
    assert syncdeck("apply", digest, "--only", "nobody@acme.example", "--yes").code == 1


def test_a_run_can_be_looked_at_and_undone(syncdeck: Command) -> None:
    run = syncdeck("apply", "engineering", "--yes", "--json").row["run"]
    shown = syncdeck("runs", "show", str(run), "--json").row
    assert {item["state"] for item in shown["items"]} == {"done"}
    undo = syncdeck("runs", "undo", str(run), "--json")
    assert undo.code == 2
    assert syncdeck("apply", undo.row["digest"], "--yes").code == 2
    team = syncdeck.read("team.yaml")
    assert "gone@acme.example" in team
    assert "cy@acme.example" not in team
    assert "Robert" in team


def test_only_what_syncdeck_added_or_adopted_is_removed_under_managed_only(syncdeck: Command) -> None:
    syncdeck.change("syncdeck.yaml", "    attributes:", "    guards: {managed_only: true}\n    attributes:")
    assert syncdeck("apply", "engineering", "--yes").code == 2
    assert "gone@acme.example" in syncdeck.read("team.yaml"), "nobody asked Syncdeck to look after her"
    assert syncdeck("adopt", "team", "Gone@acme.example").code == 0
    assert syncdeck("apply", "engineering", "--yes").code == 2
    assert "gone@acme.example" not in syncdeck.read("team.yaml")
    assert syncdeck("adopt", "teem", "x").code == 1


def test_the_log_tells_what_happened_in_order(syncdeck: Command) -> None:
    syncdeck("apply", "engineering", "--yes")
    types = [event["type"] for event in syncdeck("events", "--json", "--limit", "0").rows]
    assert types.index("plan.kept") < types.index("run.started") < types.index("run.ended")
    run_events = syncdeck("events", "--type", "run.*", "--json").rows
    assert {event["metadata"]["actor"] for event in run_events} == {"ann@desk"}
    assert syncdeck("events", "--search", "no such thing", "--json").rows == []
