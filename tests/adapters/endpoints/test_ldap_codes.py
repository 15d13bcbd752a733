"""Result codes of OpenLDAP and Active Directory, as both were seen to answer."""

from __future__ import annotations

import pytest

from adapters.endpoints.ldap_codes import Meaning, error, meaning, words
from engine.errors import IncompleteRead, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action

AD_MEMBER = "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0"
AD_NO_MEMBER = "00000561: SvcErr: DSID-031A120C, problem 5003 (WILL_NOT_PERFORM), data 0"

ANSWERS = {
    "done": (Action.ADD, 0, "", Meaning.DONE),
    "OpenLDAP: is a member already": (Action.ADD, 20, "modify/add: member: value #0 already exists", Meaning.ALREADY),
    "Active Directory: is a member already": (Action.ADD, 68, AD_MEMBER, Meaning.ALREADY),
    "OpenLDAP: is no member": (Action.REMOVE, 16, "modify/delete: member: no such value", Meaning.ALREADY),
    "Active Directory: is no member": (Action.REMOVE, 53, AD_NO_MEMBER, Meaning.ALREADY),
    "unwilling to remove, for whatever reason": (Action.REMOVE, 53, "shadow context; no update referral", Meaning.ASK),
    "unwilling to add": (Action.ADD, 53, "", Meaning.REFUSED),
    "a duplicate is no success for a removal": (Action.REMOVE, 20, "", Meaning.REFUSED),
    "an absent value is no success for an addition": (Action.ADD, 16, "", Meaning.REFUSED),
    "the last member of a groupOfNames": (
        Action.REMOVE,
        65,
        "object class 'groupOfNames' requires attribute",
        Meaning.LAST_MEMBER,
    ),
    "Active Directory: no entry of that name": (Action.ADD, 32, "", Meaning.NO_OBJECT),
    "no rights": (Action.ADD, 50, "", Meaning.HOPELESS),
    "TLS is demanded": (Action.ADD, 8, "", Meaning.HOPELESS),
    "another server": (Action.ADD, 10, "", Meaning.HOPELESS),
    "busy": (Action.ADD, 51, "", Meaning.AWAY),
    "unavailable": (Action.REMOVE, 52, "", Meaning.AWAY),
    "other": (Action.REMOVE, 80, "", Meaning.AWAY),
    "an unknown code refuses one change": (Action.ADD, 4_096, "", Meaning.REFUSED),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_means(what: str) -> None:
    action, code, message, wanted = ANSWERS[what]
    assert meaning(code, message, action) is wanted


LOGINS = {
    "52e": "password is wrong",
    "525": "does not exist",
    "532": "password has expired",
    "533": "account is disabled",
    "701": "account has expired",
    "773": "password must be changed",
    "775": "account is locked",
}


@pytest.mark.parametrize("data", LOGINS)
def test_active_directory_says_in_its_message_why_nobody_may_log_in(data: str) -> None:
    message = f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563"
    assert LOGINS[data] in words(49, message)


KINDS = {
    "a size limit delivers a part, which is no small set": (4, IncompleteRead),
    "so does an administrator's limit": (11, IncompleteRead),
    "a busy server is worth another try": (51, RemoteUnavailable),
    "wrong credentials are not": (49, RemoteRefused),
    "nor are missing rights": (50, RemoteRefused),
    "a referral is not followed": (10, RemoteRefused),
}


@pytest.mark.parametrize("what", KINDS)
def test_of_errors(what: str) -> None:
    code, kind = KINDS[what]
    assert type(error(code, "", "staff: reading cn=eng")) is kind
