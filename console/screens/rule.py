"""A rule that a decision suggests: its form, what it would have done with every conflict so far, and saving it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.draft import Checked, Edit, RuleDraft
from console.presentation.forms import Entry, entries
from console.presentation.rule_words import back_test_lines, strategy_lines
from console.presentation.spans import Line, Span
from console.screens.entry import EntryScreen, Opened
from engine.errors import SettingsError
from engine.settings.fields import Field, FieldType, describe
from engine.settings.replication import ConflictSettings, Rule

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.merging.queue import BackTest

TOP, BOTTOM = "first", "last"
POSITION = Entry(
    path="position",
    field=Field(
        name="position",
        type=FieldType.CHOICE,
        required=True,
        default=TOP,
        choices=(TOP, BOTTOM),
        description="Where it stands among the rules: the first that matches decides.",
    ),
)


class RuleScreen(EntryScreen):
    """Opened with the values of the rule that is proposed; on top of the workbench."""

    crumb = "New rule"

    def __init__(self, proposed: Mapping[str, Any]) -> None:
        super().__init__("", start=proposed)
        self.tried: tuple[BackTest, int] | None = None
        self.problem = ""
        self.strategies: Mapping[str, str] = {}

    @property
    def begins_in_field(self) -> bool:
        """What is proposed is looked at first."""
        return False

    async def opened_from(self, engine: Engine) -> Opened:
        self.strategies = engine.catalogue.strategies()
        words = {"use": tuple(self.strategies)}
        lines = sorted(entries(describe(Rule), words), key=lambda line: ORDER.index(line.path.partition(".")[0]))
        return Opened(lines=(*lines, POSITION), values={"position": TOP, **(self.start or {})})

    def edit(self) -> Edit:
        values: dict[str, Any] = dict(self.start or {})
        if self.form is not None:
            values, self.wrong = self.form.collected()
        position = values.pop("position", TOP)
        engine = self.deck.engine
        return RuleDraft(
            name=str(values.get("name") or "the rule"),
            values=_in_order(values),
            at_top=position != BOTTOM,
            behind=len(engine.workspace.conflicts.rules) if engine is not None else 0,
        )

    def kept_as(self, edit: Edit) -> None:
        self.edited = False

    def written(self) -> None:
        """Back to the work that the rule makes less of."""
        self.deck.back()

    def look_beside(self) -> None:
        self.draw()
        self.try_out()

    def settled(self, checked: Checked) -> None:
        self.try_out()

    def try_out(self) -> None:
        """Try the rules with this one among them on the conflicts there were and are."""
        edit = self.edit()

        async def back_test(engine: Engine) -> tuple[BackTest, int]:
            checked = await edit.check(engine)
            if not isinstance(checked.settings, ConflictSettings):
                raise SettingsError(tuple(sentence for _, sentence in checked.problems))
            rules = checked.settings.rules
            at_top = isinstance(edit, RuleDraft) and edit.at_top
            return await engine.conflicts.back_test(rules), 1 if at_top else len(rules)

        self.ask("try the rule on past conflicts", back_test, self._show_tried, failed=self._not_tried)

    def _show_tried(self, tried: tuple[BackTest, int]) -> None:
        self.tried, self.problem = tried, ""
        self.draw()

    def _not_tried(self, error: Exception) -> None:
        self.tried = None
        if isinstance(error, SettingsError):
            self.problem = error.problems[0]
            self.draw()
        else:
            self.deck.show_failure("try the rule on past conflicts", error, self.try_out)

    def beside(self, width: int) -> Sequence[Line]:
        lines: list[Line] = []
        if self.problem:
            lines.append((Span(f"Not tried: {self.problem}", "warn"),))
        elif self.tried is None:
            lines.append((Span("Trying it on every conflict of the past …", "dim"),))
        else:
            lines += back_test_lines(*self.tried, width)
        lines += [(), *strategy_lines(self.strategies, width)]
        return lines

    def command(self) -> str:
        return "syncdeck conflicts backtest syncdeck.yaml"


ORDER: Sequence[str] = ("name", "when", "use", "prefer")


def _in_order(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's values as people write them: what it is called, when, what."""
    known = {name: values[name] for name in ORDER if name in values}
    return {**known, **{name: value for name, value in values.items() if name not in known}}
