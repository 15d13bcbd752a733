"""CSV files: every quirk is kept or refused in words, and untouched rows stay byte for byte."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.endpoints.csv_file import CsvFile
from engine.errors import RemoteRefused
from engine.reconcile.ports import Result
from tests.adapters.endpoints.files import Tried, add, on_file, reasons, remove, rename, update

KEY = {"key": "email"}

REFUSED = {
    "an empty file": ("", "not even a header"),
    "no key column": ("mail,name\nann@x,Ann\n", "Did you mean mail"),
    "a row with too few cells": ("email,name\nann@x,Ann\nbob@x\n", "line 3: 1 cells, but the header has 2"),
    "a row with too many cells": ("email,name\nann@x,Ann,dev\n", "line 2: 3 cells"),
    "a ragged row behind a cell of two lines": ('email,name\nann@x,"A\nB"\nbob@x\n', "line 4: 1 cells"),
    "a column that stands twice": ("email,Name,name \na,b,c\n", "'name' stands twice"),
    "a quote that is never closed": ('email,name\nann@x,"Ann\n', "line 2: unexpected end of data"),
    "a NUL character": (b"email\nann@x\nb\0b@x\n", "line 3: a NUL character"),
    "another encoding": (b"email,name\nann@x,Ann\nz@x,Zo\xeb\n", "line 3: the byte 0xeb is not utf-8"),
}


def csv_file(content: str | bytes, folder: Path, **more: Any) -> Tried:
    return on_file(CsvFile, content, folder, {**KEY, **more})


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_table_is_refused_with_its_line(content: str | bytes, sentence: str, tmp_path: Path) -> None:
    tried = csv_file(content, tmp_path)
    with pytest.raises(RemoteRefused, match=str(tried.file)) as caught:
        await tried.read()
    assert sentence in str(caught.value)
    with pytest.raises(RemoteRefused):
        await tried.write(add("new@x"))
    assert tried.file.read_bytes() == (content if isinstance(content, bytes) else content.encode())


async def test_a_missing_file_names_what_there_is_instead(tmp_path: Path) -> None:
    tried = csv_file("email\n", tmp_path)
    tried.file.rename(tmp_path / "teams.file")
    with pytest.raises(RemoteRefused, match=r"team\.file does not exist\. The folder .* has teams\.file"):
        await tried.read()


async def test_everything_a_rewrite_does_not_mean_stays_byte_for_byte(tmp_path: Path) -> None:
    before = '\ufeff"EMAIL "; name;note\r\n"ann@x";"Ann; A.";  1\r\n\r\nbob@x;Bob;"said ""hi"""\r\ncarl@x;C;'
    tried = csv_file(before, tmp_path, delimiter=";")
    after = await tried.after(remove("bob@x"), add("dora@x", name="D; D"), update("carl@x", name="Carl"))
    assert after == '\ufeff"EMAIL "; name;note\r\n"ann@x";"Ann; A.";  1\r\n\r\ncarl@x;Carl;\r\ndora@x;"D; D";'


async def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    tried = csv_file("email,name\nann@x,Ann\n", tmp_path)
    before = tried.file.stat()
    outcomes = await tried.write(add("ann@x"), remove("bob@x"), update("ann@x", name="Ann"))
    assert [outcome.result for outcome in outcomes] == [Result.ALREADY] * 3
    assert (tried.file.stat().st_ino, tried.file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_new_row_is_quoted_as_the_last_one(tmp_path: Path) -> None:
    tried = csv_file('"email","name"\n"ann@x","Ann"\n', tmp_path)
    assert await tried.after(add("bob@x", name="Bob")) == '"email","name"\n"ann@x","Ann"\n"bob@x","Bob"\n'


async def test_a_cell_that_a_spreadsheet_would_run_is_escaped_and_read_back_as_it_was(tmp_path: Path) -> None:
    tried = csv_file("email,name\nann@x,Ann\n", tmp_path)
    after = await tried.after(add("bob@x", name="=cmd|' /C calc'!A0"), add("carl@x", name="-5"), add("@dora", name="-"))
    assert after.splitlines()[2:] == ["bob@x,'=cmd|' /C calc'!A0", "carl@x,-5", "'@dora,'-"]
    members = (await tried.read()).members
    assert [values["name"] for values in members.values()] == ["Ann", "=cmd|' /C calc'!A0", "-5", "-"]
    assert "@dora" in members


async def test_formulas_are_kept_on_request(tmp_path: Path) -> None:
    tried = csv_file("email,name\n", tmp_path, formulas="keep")
    assert await tried.after(add("bob@x", name="=1+1")) == "email,name\nbob@x,=1+1\n"


async def test_rows_without_a_key_are_listed_and_stay(tmp_path: Path) -> None:
    tried = csv_file("email,name\n,Printer\nann@x,Ann\n  ,Door\n", tmp_path)
    assert [carried.label for carried in (await tried.read()).carried] == [
        "row 1: name=Printer",
        "row 3: email=  , name=Door",
    ]
    assert await tried.after(remove("ann@x")) == "email,name\n,Printer\n  ,Door\n"


async def test_an_attribute_without_a_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    tried = csv_file("email,title\nann@x,dev\n", tmp_path)
    (outcome,) = await tried.write(add("bob@x", titel="dev"))
    assert outcome.result is Result.REFUSED
    assert "no column 'titel'. Did you mean title?" in outcome.reason


async def test_what_stands_twice_is_removed_twice_and_never_guessed_at(tmp_path: Path) -> None:
    tried = csv_file("email,name\nann@x,1\nann@x,2\nANN@x,3\n", tmp_path)
    assert "stands 2 times" in reasons(await tried.write(update("ann@x", name="new")))[0]
    assert await tried.after(remove("ann@x")) == "email,name\nANN@x,3\n"


async def test_a_rename_onto_somebody_else_is_refused(tmp_path: Path) -> None:
    tried = csv_file("email,name\nann@x,1\nbob@x,2\n", tmp_path)
    assert "is a member already" in reasons(await tried.write(rename("ann@x", "bob@x")))[0]
    assert await tried.after(rename("ann@x", "anna@x")) == "email,name\nanna@x,1\nbob@x,2\n"


async def test_a_letter_that_the_encoding_lacks_is_refused_alone(tmp_path: Path) -> None:
    tried = csv_file("email,name\n", tmp_path, encoding="cp1252")
    outcomes = await tried.write(add("łukasz@x"), add("zoë@x"))
    assert [outcome.result for outcome in outcomes] == [Result.REFUSED, Result.DONE]
    assert tried.file.read_bytes() == "email,name\nzoë@x,\n".encode("cp1252")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
async def test_a_byte_order_mark_counts_for_more_than_the_settings(encoding: str, tmp_path: Path) -> None:
    tried = csv_file("\ufeffemail\tname\r\nann@x\tZoë\r\n".encode(encoding), tmp_path, delimiter="\t")
    assert (await tried.read()).members["ann@x"]["name"] == "Zoë"
    await tried.write(add("bob@x", name="Bob"))
    assert tried.file.read_bytes() == "\ufeffemail\tname\r\nann@x\tZoë\r\nbob@x\tBob\r\n".encode(encoding)


async def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    tried = csv_file("a,Email,b,c\n1,ann@x,2,3\n", tmp_path, attributes=["C"])
    assert (await tried.read()).members == {"ann@x": {"Email": "ann@x", "c": "3"}}


@pytest.mark.parametrize("name", ["two\nlines", "old\rmac", 'a "quote"', "a,b", " blanks ", ""])
async def test_a_cell_of_any_text_is_read_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    tried = csv_file("email,name\nann@x,Ann\n", tmp_path)
    await tried.write(add("bob@x", name=name), update("ann@x", name=name))
    assert [values["name"] for values in (await tried.read()).members.values()] == [name, name]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), cells), max_size=8),
    drop=st.integers(0, 9),
    end=st.sampled_from(["\n", "\r\n"]),
)
async def test_whatever_the_cells_hold_a_removal_leaves_all_other_rows_as_they_were(
    rows: list[tuple[int, str]], drop: int, end: str
) -> None:
    def table(kept: list[tuple[int, str]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
            [("email", "name"), *((f"p{key}@x", cell) for key, cell in kept)]
        )
        return text.getvalue().encode()

    with tempfile.TemporaryDirectory() as folder:
        tried = csv_file(table(rows), Path(folder))
        await tried.write(remove(f"p{drop}@x"))
        assert tried.file.read_bytes() == table([row for row in rows if row[0] != drop])
