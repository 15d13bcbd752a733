"""The file that `syncdeck init` writes: small, commented, and valid as it stands."""

from __future__ import annotations

import json

_STARTER = """\
# A Syncdeck workspace: who should be where, and how to bring it about.
# `syncdeck` opens the console on it, `syncdeck plan SYNC` shows what a sync would change, nothing changes unasked.
# Editors check this file as you type with the schema that `syncdeck schema` prints.
syncdeck: 1
{title}
# One configured endpoint each. `syncdeck adapters` lists them and the types there are.
# Secrets never stand here: write keyring:NAME (after: syncdeck secrets NAME), env:NAME or file:PATH.
adapters:
  # people: {{type: csv_file, path: people.csv, key: email}}
  # list: {{type: yaml_file, path: lists/eng.yaml, at: members, key: email}}

# One source, its targets, and the rules between them.
syncs:
  # engineering:
  #   source: people
  #   where: "department == 'eng' && active == 'yes'"   # JMESPath over a record of the source
  #   targets: [list]
  #   mode: add-remove            # add-only | remove-only | add-remove | remove-add
  #   guards:
  #     max_removals: 10          # a plan that removes more is refused
  #     max_removal_percent: 20
  #     protect: ["*@contractor.example"]
  #   schedule: {{every: 15m, apply: ask}}   # ask | additions | within-guards
"""


def starter_workspace(title: str = "") -> str:
    """Return the text of a new workspace file."""
    # A JSON text is also a quoted YAML text, whatever the title holds.
    return _STARTER.format(title=f"title: {json.dumps(title, ensure_ascii=False)}\n" if title else "")
