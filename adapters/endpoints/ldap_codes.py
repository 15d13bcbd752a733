"""What the result codes of OpenLDAP and Active Directory mean for one change, and in words. Pure.

RFC 4511 appendix A; Active Directory's habits as in [MS-ADTS] 3.1.1.5.3 and as seen on Samba: it says 68 where
OpenLDAP says 20 (is a member already) and 53 where OpenLDAP says 16 (is none).
"""

from __future__ import annotations

import re
from enum import Enum, auto

from engine.errors import IncompleteRead, RemoteError, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action


class Meaning(Enum):
    """What a modification's result says about the changes in it."""

    DONE = auto()
    ALREADY = auto()
    """As wanted before: of a batch, at least one was."""
    ASK = auto()
    """As wanted, or refused: whoever called has to look whether the member is there."""
    LAST_MEMBER = auto()
    """The group's class demands a member, and this would take the last."""
    NO_OBJECT = auto()
    """The group is gone, or the member's entry does not exist (Active Directory)."""
    REFUSED = auto()
    """Not this one; others may go."""
    HOPELESS = auto()
    """None of them will ever go: rights, credentials, settings."""
    AWAY = auto()
    """Try again."""


SUCCESS = 0
NO_SUCH_OBJECT = 32
COMPARE_TRUE = 6

_BY_CODE: dict[int, Meaning] = {
    SUCCESS: Meaning.DONE,
    1: Meaning.HOPELESS,
    3: Meaning.AWAY,
    8: Meaning.HOPELESS,
    10: Meaning.HOPELESS,
    13: Meaning.HOPELESS,
    17: Meaning.HOPELESS,
    NO_SUCH_OBJECT: Meaning.NO_OBJECT,
    48: Meaning.HOPELESS,
    49: Meaning.HOPELESS,
    50: Meaning.HOPELESS,
    51: Meaning.AWAY,
    52: Meaning.AWAY,
    80: Meaning.AWAY,
}

_BY_ACTION: dict[tuple[Action, int], Meaning] = {
    (Action.ADD, 20): Meaning.ALREADY,
    (Action.ADD, 68): Meaning.ALREADY,
    (Action.REMOVE, 16): Meaning.ALREADY,
    (Action.REMOVE, 53): Meaning.ASK,
    (Action.REMOVE, 65): Meaning.LAST_MEMBER,
}

_NOT_A_MEMBER = "00000561"
"""ERROR_MEMBER_NOT_IN_ALIAS at the start of Active Directory's message with code 53."""

_WORDS: dict[int, str] = {
    1: "the server wants a bind first (operationsError)",
    3: "the server's time limit was reached",
    4: "the server's size limit was reached and only a part was delivered",
    8: "the server wants TLS or a stronger way to log in; use ldaps:// or start_tls: true",
    10: "the entry is on another server (referral); Syncdeck does not take credentials there, name that server in url",
    11: "a limit of the server's administrator was reached",
    13: "the server demands TLS; use ldaps:// or start_tls: true",
    17: "the server does not know the attribute",
    19: "a rule of the server forbids the value",
    21: "the value is no name of an entry",
    NO_SUCH_OBJECT: "there is no such entry",
    34: "the name is malformed",
    48: "this way to log in is not allowed for the account",
    49: "the credentials are not accepted",
    50: "the account lacks the right",
    51: "the server is busy",
    52: "the server is unavailable",
    53: "the server is unwilling",
    65: "the group's class does not allow it",
    80: "the server failed for a reason of its own",
}

_AD_LOGIN: dict[str, str] = {
    "525": "the account does not exist",
    "52e": "the password is wrong",
    "530": "logging in is not allowed at this hour",
    "531": "logging in is not allowed from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked",
}

_INCOMPLETE = {4, 11}


def meaning(code: int, message: str, action: Action) -> Meaning:
    """Return what a modification's result says; unknown codes refuse the one change, not the group."""
    if action is Action.REMOVE and code == 53 and message.startswith(_NOT_A_MEMBER):
        return Meaning.ALREADY
    return _BY_ACTION.get((action, code)) or _BY_CODE.get(code, Meaning.REFUSED)


def words(code: int, message: str) -> str:
    """Return a result as a part of a sentence, with what Active Directory hides in its message."""
    told = _WORDS.get(code, f"result code {code}")
    reason = re.search(r"\bdata ([0-9a-f]{3})\b", message, re.IGNORECASE) if code == 49 else None
    if reason and reason[1].lower() in _AD_LOGIN:
        return f"{told}: {_AD_LOGIN[reason[1].lower()]} (49, data {reason[1].lower()})"
    said = " ".join(message.split())[:200]
    return f"{told} ({code}{': ' if said else ''}{said})"


def error(code: int, message: str, doing: str) -> RemoteError:
    """Return the error for a result that is no success; `doing` begins the sentence ("staff: reading cn=eng")."""
    if code in _INCOMPLETE:
        return IncompleteRead(
            f"{doing} was cut short: {words(code, message)}. Nothing may be concluded from it; lower "
            "page_size, or have the limit raised for this account."
        )
    if _BY_CODE.get(code) is Meaning.AWAY:
        return RemoteUnavailable(f"{doing} failed: {words(code, message)}.")
    return RemoteRefused(f"{doing} was refused: {words(code, message)}.")
