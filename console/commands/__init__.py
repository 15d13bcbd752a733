"""The headless verbs, one file each. Each has `add_parser(subparsers)` and an async `run(...) -> int`."""
