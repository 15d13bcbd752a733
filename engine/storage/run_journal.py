"""The journal in the state file: each change of rows and the event that tells of it, in one transaction."""

from __future__ import annotations

from engine.reconcile.journal import Journal
from engine.storage.leases import Leases
from engine.storage.plan_shelf import PlanShelf
from engine.storage.run_reading import RunReading
from engine.storage.run_writing import RunWriting
from engine.storage.target_ledger import TargetLedger


class RunJournal(PlanShelf, RunWriting, RunReading, Leases, TargetLedger, Journal):
    """All parts together. Texts from people and services are redacted before they are kept."""
