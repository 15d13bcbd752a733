"""The append-only log: what an operator did and what the engine decided, in one order per workspace."""
