"""What the engine keeps on disk: one SQLite file per workspace, and the engine's only SQL."""
