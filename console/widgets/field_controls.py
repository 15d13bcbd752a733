"""The control a setting is edited with: a text, a choice, a switch, a secret, a text of several lines."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select, TextArea

from console.presentation.forms import ABSENT, is_reference, meant, written
from console.widgets.marks import OnOff, Picks
from engine.settings.fields import Field, FieldType

MOST_LINES = 8


class Control(Widget):
    """One setting's control. `value` is what it says for the file; raises `ValueError` for a meaningless text."""

    class Edited(Message):
        """The control's value may have changed."""

    DEFAULT_CSS = "Control { height: auto; width: 1fr; }"

    def __init__(self, field: Field, value: Any) -> None:
        super().__init__()
        self.field = field
        self.given = value

    @property
    def value(self) -> Any:
        raise ValueError("This setting has no control.")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())

    on_select_changed = on_on_off_changed = on_picks_changed = on_input_changed


class TextControl(Control):
    """A text of one line; numbers, durations, paths, expressions and short lists too."""

    def compose(self) -> Any:
        default = written(self.field, ABSENT)
        yield Input(
            "" if self.given is ABSENT else written(self.field, self.given) or "none",
            placeholder=default or ("required" if self.field.required else ""),
            compact=True,
            select_on_focus=False,
        )

    def on_mount(self) -> None:
        self.query_one(Input).cursor_position = 0

    @property
    def value(self) -> Any:
        return meant(self.field, self.query_one(Input).value)


class LinesControl(Control):
    """A text of several lines, one `name: value` each."""

    def compose(self) -> Any:
        area = TextArea(
            "" if self.given is ABSENT else written(self.field, self.given),
            compact=True,
            tab_behavior="focus",
            placeholder="name: value",
        )
        area.styles.height = self._height(area.text)
        yield area

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.text_area.styles.height = self._height(event.text_area.text)
        event.stop()
        self.post_message(self.Edited())

    @property
    def value(self) -> Any:
        return meant(self.field, self.query_one(TextArea).text)

    def _height(self, text: str) -> int:
        return max(1, min(text.count("\n") + 1, MOST_LINES))


class FlagControl(Control):
    """A switch."""

    def compose(self) -> Any:
        yield OnOff(bool(self.field.default if self.given is ABSENT else self.given))

    @property
    def value(self) -> Any:
        on = self.query_one(OnOff).on
        return ABSENT if self.given is ABSENT and on == bool(self.field.default) else on


class Choice(Select[str]):
    """A Select whose arrows stay free for going from field to field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", "Choose", show=False)]


class ChoiceControl(Control):
    """One of a closed set of words."""

    def compose(self) -> Any:
        words = list(self.field.choices)
        chosen = self.field.default if self.given is ABSENT else self.given
        if isinstance(chosen, str) and chosen and chosen not in words:
            words.append(chosen)
        yield Choice(
            [(word, word) for word in words],
            value=chosen if chosen in words else Select.NULL,
            prompt="choose",
            allow_blank=not isinstance(chosen, str) or not chosen,
            compact=True,
        )

    @property
    def value(self) -> Any:
        chosen = self.query_one(Select).value
        if chosen is Select.NULL:
            return ABSENT
        return ABSENT if self.given is ABSENT and chosen == self.field.default else chosen


class PickControl(Control):
    """Several of a known set of words, in the order they were picked."""

    def compose(self) -> Any:
        chosen = [] if self.given is ABSENT else list(self.given or [])
        yield Picks([*self.field.choices, *(word for word in chosen if word not in self.field.choices)], chosen)

    @property
    def value(self) -> Any:
        return list(self.query_one(Picks).picked) or ABSENT


class SecretControl(Control):
    """A secret: what is typed is hidden, unless it is a reference; what is there already is only named."""

    def compose(self) -> Any:
        there = isinstance(self.given, str) and self.given
        yield Input(placeholder=f"set · {self.given}" if there else "not set", password=True, compact=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.input.password = not is_reference(event.value)
        super().on_input_changed(event)

    @property
    def typed(self) -> str:
        """A secret that was typed and has to go into the keyring; empty for none, and for references."""
        text = self.query_one(Input).value
        return "" if is_reference(text) or text.strip().casefold() == "none" else text

    @property
    def value(self) -> Any:
        text = self.query_one(Input).value.strip()
        if not text or self.typed:
            return self.given
        return ABSENT if text.casefold() == "none" else text


def control_for(field: Field, value: Any) -> Control:
    """Return the control that fits a setting."""
    match field.type:
        case FieldType.FLAG:
            return FlagControl(field, value)
        case FieldType.CHOICE:
            return ChoiceControl(field, value)
        case FieldType.SECRET:
            return SecretControl(field, value)
        case FieldType.LIST if field.choices:
            return PickControl(field, value)
        case FieldType.MAPPING if field.item is not None and field.item.type is not FieldType.NESTED:
            return LinesControl(field, value)
        case _:
            return TextControl(field, value)
