"""A plan as a tree: every line is somewhere, folding and filtering lose nothing, ticks are exact."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from console.presentation import change_filter
from console.presentation.change_lines import tree_line
from console.presentation.change_tree import ChangeTree
from console.presentation.changes import Kind, Level, Place
from console.presentation.spans import plain
from engine.reconcile.plan import Change
from tests.doubles.plans import large_plan, refused_plan, sample_plan


def text_of(tree: ChangeTree, width: int = 100) -> str:
    return "\n".join(plain(tree_line(tree, tree.at(line), width)).rstrip() for line in range(len(tree)))


def narrow(tree: ChangeTree, text: str, *, by_name: bool = False) -> None:
    wanted = change_filter.parse(text)
    assert not wanted.problem
    tree.arrange(tree.arranged(wanted, by_name=by_name), wanted, by_name=by_name)


def test_removals_stand_first_and_every_line_has_its_reason() -> None:
    assert text_of(ChangeTree(sample_plan())).splitlines()[1:8] == [
        "▾ [x] wiki                     -2  >1  +2  ~1   112 in step   2 % removed",
        "  ▾ [x] Removals 2",
        "      [x] - cy.wu@acme.example                   no longer in people",
        "      [x] - Eva.K@acme.example                   no longer in people",
        "  ▾ [x] Renames 1",
        "      [x] > bob.ray@acme.example                 → robert.ray@acme.example   same employee number",
        "  ▾ [x] Additions 2",
    ]


def test_parked_and_carried_records_are_listed_with_their_reasons() -> None:
    text = text_of(ChangeTree(sample_plan()))
    assert "ghost@acme.example" in text
    assert "There is no account of that address at wiki." in text
    assert "· ci-bot" in text


def test_guards_are_open_when_one_refuses() -> None:
    text = text_of(ChangeTree(refused_plan()))
    assert "1 refuses 2 content" in text
    assert "max_removal_percent" in text
    assert "76.9 / 20 %" in text


def test_an_update_shows_the_words_that_change() -> None:
    tree = ChangeTree(sample_plan())
    narrow(tree, "ann.lee")
    line = next(tree_line(tree, tree.at(line), 120) for line in range(len(tree)) if tree.at(line).level is Level.ITEM)
    roles = {span.text: span.role for span in line}
    assert (roles["Junior"], roles["Senior"]) == ("old", "new")


def test_unfolding_an_item_shows_its_fields_and_why() -> None:
    tree = ChangeTree(sample_plan())
    place = next(tree.at(line) for line in range(len(tree)) if "ann.lee" in plain(tree_line(tree, tree.at(line), 100)))
    before = len(tree)
    assert tree.fold(place)
    assert len(tree) == before + 2
    line = tree.line_of(place)
    assert line is not None
    assert plain(tree_line(tree, tree.at(line + 1), 100)).split() == "role Junior Engineer → Senior Engineer".split()
    assert plain(tree_line(tree, tree.at(line + 2), 100)).split() == "why people says otherwise".split()


@settings(max_examples=30)
@given(st.data())
def test_every_line_is_found_again_however_things_are_folded(data: st.DataObject) -> None:
    tree = ChangeTree(sample_plan())
    for _ in range(data.draw(st.integers(0, 8))):
        tree.fold(tree.at(data.draw(st.integers(0, len(tree) - 1))))
    for line in range(len(tree)):
        assert tree.line_of(tree.at(line)) == line


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["tick", "invert"]), max_size=6), st.data())
def test_what_is_chosen_is_what_is_ticked(deeds: list[str], data: st.DataObject) -> None:
    tree = ChangeTree(sample_plan())
    for deed in deeds:
        items = tree.items_under(tree.at(data.draw(st.integers(0, len(tree) - 1))))
        (tree.ticks.tick if deed == "tick" else tree.ticks.invert)(items)
    assert len(tree.ticks.chosen(tree.plan)) == tree.ticks.taken == tree.ticks.total - tree.ticks.left_out


def test_parked_records_can_never_be_taken() -> None:
    tree = ChangeTree(sample_plan())
    parked = next(group for group in tree.groups if group.kind is Kind.PARKED)
    tree.ticks.tick(parked.order, wanted=True)
    assert tree.ticks.taken == tree.ticks.total == tree.plan.change_count


def test_a_target_s_box_takes_all_its_shown_items_out_and_in_again() -> None:
    tree = ChangeTree(sample_plan())
    wiki = Place(Level.TARGET, 0)
    tree.ticks.tick(tree.items_under(wiki))
    assert tree.ticks.taken == 2
    assert "▾ [ ] wiki" in text_of(tree)
    tree.ticks.tick(tree.items_under(wiki))
    assert tree.ticks.left_out == 0


def test_a_filter_shows_only_what_matches_and_acts_only_on_that() -> None:
    tree = ChangeTree(sample_plan())
    narrow(tree, "op:- target:wiki")
    items = [tree.contents.entries[one] for one in tree.shown_changes()]
    assert [one.spelling for one in items if isinstance(one, Change)] == ["cy.wu@acme.example", "Eva.K@acme.example"]
    tree.ticks.tick(tree.shown_changes())
    narrow(tree, "")
    assert tree.ticks.left_out == 2


def test_by_name_all_actions_of_a_target_stand_in_one_order() -> None:
    tree = ChangeTree(sample_plan())
    narrow(tree, "target:wiki", by_name=True)
    names = [entry.spelling for one in tree.shown_changes() if isinstance(entry := tree.contents.entries[one], Change)]
    assert names == sorted(names, key=str.casefold)
    assert len(names) == 6


def test_a_filter_that_is_not_understood_says_what_is() -> None:
    assert change_filter.parse("op:x").problem.startswith("op:x is not known; there are op:-")
    assert change_filter.parse("targt:wiki").problem == "targt: is not known here; did you mean target:?"


def test_a_hundred_thousand_changes_unfold_to_as_many_lines() -> None:
    tree = ChangeTree(large_plan(100_000))
    tree.fold_all()
    assert len(tree) == 100_000 + 4 * (1 + 3) + 1
    last = tree.at(len(tree) - 1)
    assert last.level is Level.ITEM
    assert tree.line_of(last) == len(tree) - 1
