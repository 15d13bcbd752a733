"""Every error an operator can meet, sorted by what he can do next. Imports nothing.

    SyncdeckError                  exit code
    ├── SettingsError          1   mend the file that the message names
    ├── SecretUnavailable      1   give the secret to the keyring or the environment
    ├── MissingExtra           1   install the extra that the message names
    ├── StorageError           1   mend or upgrade: the state file cannot be used as it is
    ├── RemoteError            1   the other side
    │   ├── RemoteUnavailable      try again (the engine already did, with patience)
    │   ├── RemoteRefused          change rights, address or data first
    │   └── IncompleteRead         the read stopped early: nothing may be concluded from it
    ├── PlanError              1   make another plan
    │   ├── PlanUnreadable         the file is damaged, foreign or from another version
    │   ├── GuardRefused       3   a guard refuses the whole plan
    │   ├── NotApproved        3   somebody has to approve first
    │   ├── PlanStale          4   the plan expired or its configuration changed
    │   └── TargetDrifted      5   somebody changed what the plan wants to remove
    ├── EventError             1
    │   ├── EventRefused           the log takes no such event; the message says what is wrong with it
    │   ├── VersionConflict    4   the aggregate has another version than was expected: read it again
    │   └── ReplicationRefused     a peer sent or asked what cannot be; `kind` names it
    ├── CoordinationError      1
    │   ├── CoordinationUnavailable  try again: the backend cannot be reached, or did not answer
    │   ├── NotSupported           the backend cannot do this, and says why; another one can
    │   ├── SessionLost        7   the backend let this process's session lapse: all it held is gone
    │   ├── LeaseLost          7   a lock or leadership was lost while it was held
    │   └── KeyChanged         4   a key has another revision than was expected: read it again
    ├── NothingFound           1   a run, plan, sync or adapter of that name does not exist
    ├── Locked                 7   somebody else holds the target or the lock
    │   └── HolderSilent           and gives no sign of life: wait for as long as it says, and it is passed over if dead
    ├── Frozen                 8   a freeze window is open
    └── ReadOnly               1   this console or command may only look

A message names the thing, the fault and the next step. `exit_code` is what the command line returns
(README, "In scripts").
"""

from __future__ import annotations

from datetime import timedelta


class SyncdeckError(Exception):
    """Root of the tree: everything below is meant to be read by an operator."""

    exit_code = 1


class SettingsError(SyncdeckError):
    """The settings cannot be used; `problems` holds one finished sentence for each fault."""

    def __init__(self, problems: tuple[str, ...] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else problems
        super().__init__("\n".join(self.problems))


class SecretUnavailable(SyncdeckError):
    """A secret reference points to nothing that can be read here."""


class MissingExtra(SyncdeckError):
    """An adapter needs a package that is not installed; the message names the extra."""


class StorageError(SyncdeckError):
    """The state file is damaged, newer than this program, or cannot be written."""


class RemoteError(SyncdeckError):
    """Something outside this machine's engine failed."""


class RemoteUnavailable(RemoteError):
    """Try again: the service is busy, slow or away.

    `retry_after` is the pause the service asked for, if it did (RFC 9110 §10.2.3).
    `maybe_done` is true when the request may have taken effect although no answer arrived; whoever called must read
    back before it tries again.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.maybe_done = maybe_done


class RemoteRefused(RemoteError):
    """The service understood and said no: trying the same again is pointless.

    `about` is one word for what it is about, where that is known: `address`, `TLS`, `token`.
    """

    def __init__(self, message: str, *, about: str = "") -> None:
        super().__init__(message)
        self.about = about


class IncompleteRead(RemoteError):
    """A read ended without proof that nothing was left out. Never treated as a small set."""


class PlanError(SyncdeckError):
    """This plan cannot be used; another one may."""


class PlanUnreadable(PlanError):
    """The plan file is damaged, changed after it was made, or of a format this version does not know."""


class GuardRefused(PlanError):
    """One or more guards refuse the whole plan; nothing was called."""

    exit_code = 3


class NotApproved(PlanError):
    """The plan waits for an approval that it does not have."""

    exit_code = 3


class PlanStale(PlanError):
    """The plan expired, or the configuration it was made with has changed."""

    exit_code = 4


class TargetDrifted(PlanError):
    """Between plan and apply somebody changed a member that the plan would remove. Nothing was called."""

    exit_code = 5


class EventError(SyncdeckError):
    """Something is wrong with an event or with what is asked of the log."""


class EventRefused(EventError):
    """The log takes no such event; nothing was appended."""


class VersionConflict(EventError):
    """An aggregate has another version than the writer expected; nothing was appended."""

    exit_code = 4


class ReplicationRefused(EventError):
    """A peer sent, or asked for, what no honest peer does, or may not. Nothing of it was stored.

    `kind` is one word: `malformed`, `too_large`, `unauthorised`, `protocol`, `fork`, `clone`, `unknown_kind`, `busy`.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class CoordinationError(SyncdeckError):
    """Something is wrong with locks, leaders, keys, tasks or schedules, or with the backend that keeps them."""


class CoordinationUnavailable(CoordinationError):
    """The backend cannot be reached or did not answer in time.

    `maybe_done` is true when the request may have taken effect although no answer arrived.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class NotSupported(CoordinationError):
    """The configured backend cannot do this; nothing was sent. The message says why, and what can."""


class SessionLost(CoordinationError):
    """The backend let this process's session lapse, or somebody ended it: whatever it held is gone."""

    exit_code = 7


class LeaseLost(CoordinationError):
    """A lock or a leadership was lost while it was held; what it protected was stopped.

    `reason` is one word: `expired`, `revoked`, `session`, `unreachable`.
    """

    exit_code = 7

    def __init__(self, message: str, *, name: str, token: int, reason: str) -> None:
        super().__init__(message)
        self.name = name
        self.token = token
        self.reason = reason


class KeyChanged(CoordinationError):
    """A key has another revision than the writer expected; nothing was written. `revision` is the one it has, 0 if
    there is none."""

    exit_code = 4

    def __init__(self, message: str, *, key: str, revision: int) -> None:
        super().__init__(message)
        self.key = key
        self.revision = revision


class NothingFound(SyncdeckError):
    """The name or number given does not exist; the message lists the nearest that do."""


class Locked(SyncdeckError):
    """Somebody else holds it; the message says who and since when."""

    exit_code = 7


class HolderSilent(Locked):
    """Whoever holds it gives no sign of life. If it is dead, whoever stands in line for `patience` gets it."""

    def __init__(self, message: str, *, patience: timedelta) -> None:
        super().__init__(message)
        self.patience = patience


class Frozen(SyncdeckError):
    """A freeze window forbids changes now; the message says until when."""

    exit_code = 8


class ReadOnly(SyncdeckError):
    """The engine was opened to look only; nothing that changes anything is possible."""

    def __init__(
        self, message: str = "This engine was opened to look only. Open it without --read-only to change anything."
    ) -> None:
        super().__init__(message)
