"""Distinguished names and filters: equal names are equal however they are written, and no text breaks out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.endpoints.ldap_names import any_of, escape_filter, fold_dn, is_below, suffix_of

EQUAL = {
    "letter case": ("CN=Ada,OU=People,DC=acme", "cn=ada,ou=people,dc=acme"),
    "blanks around separators": ("cn=ada , ou=people,dc=acme", "cn=ada,ou=people,dc=acme"),
    "blanks within": ("cn=ada  lovelace,dc=acme", "cn=Ada Lovelace,dc=acme"),
    "a comma escaped in either way": (r"cn=Lovelace\, Ada,dc=acme", r"cn=Lovelace\2C Ada,dc=acme"),
    "letters beyond ASCII, escaped as bytes": (r"cn=Ev\c3\a9,dc=acme", "cn=Evé,dc=acme"),
    "the order of a part with two attributes": ("uid=7+cn=ada,dc=acme", "cn=ada+uid=7,dc=acme"),
}


@pytest.mark.parametrize("what", EQUAL)
def test_names_are_equal_despite(what: str) -> None:
    one, other = EQUAL[what]
    assert fold_dn(one) == fold_dn(other)


def test_different_names_stay_different() -> None:
    names = ["cn=a,dc=x", "cn=a,dc=y", "cn=b,dc=x", r"cn=a\,dc=x", "uid=a,dc=x", "dc=x"]
    assert len({fold_dn(name) for name in names}) == len(names)


@given(text=st.text(max_size=40))
def test_no_name_makes_it_fail(text: str) -> None:
    assert fold_dn(text) == fold_dn(text)


@given(text=st.text())
def test_a_text_cannot_end_its_part_of_a_filter(text: str) -> None:
    escaped = escape_filter(text)
    assert not set("*()\0") & set(escaped)
    assert re.sub(r"\\([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), escaped) == text


def test_an_apostrophe_and_a_bracket_in_an_address_are_looked_up_as_they_are() -> None:
    assert any_of("mail", ["o'brien@x", "a*(b)@x"]) == r"(|(mail=o'brien@x)(mail=a\2a\28b\29@x))"


def test_where_a_name_stands() -> None:
    assert is_below("cn=eng,ou=groups,DC=acme,DC=org", "dc=acme, dc=org")
    assert not is_below("cn=eng,dc=acme2,dc=org", "dc=acme,dc=org")
    assert suffix_of(r"cn=a\,dc=b,ou=x,dc=acme,dc=org") == "dc=acme,dc=org"
