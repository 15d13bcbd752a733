"""A workspace file as people write them, with all the layout that must survive an edit."""

from __future__ import annotations

EXAMPLE = """\
syncdeck: 1                               # format of this file
node: berlin-1                            # name of this node; default: the host's name
state: .syncdeck/state.db                 # default

adapters:                                 # one configured endpoint each; `type` names a row of the registry
  people:  {type: csv_file,  path: people.csv, key: email}
  list:    {type: yaml_file, path: lists/eng.yaml, at: members, key: email}
  wiki:    {type: sql_table, url: "sqlite:///wiki.db", table: members, key: email}
  staff:   {type: ldap_group, url: "ldap://127.0.0.1:1389", bind_dn: "cn=admin,dc=acme,dc=org",
            password: "keyring:staff", group: "cn=eng,ou=groups,dc=acme,dc=org"}

syncs:
  engineering:
    source: people
    where: "department == 'eng' && active == 'yes'"     # an established expression language (CEL or JMESPath)
    targets: [list, wiki]
    mode: add-remove                      # add-only | remove-only | add-remove | remove-add
    case_sensitive: false
    attributes: {name: "name", role: "title"}           # target attribute: expression over the source record
    guards:
      max_removals: 10                    # both must hold
      max_removal_percent: 20             # of the target; counts only above 10 members
      max_additions: 500
      min_source: 1
      max_source_drop_percent: 30         # against the median of the last five good reads
      window_removal_percent: 30          # rolling 24 hours
      protect: ["*@contractor.example"]
      managed_only: false
    approval: {required: true, four_eyes: false, expires: 24h}
    schedule: {every: 15m, apply: within-guards}        # or cron: "*/15 * * * *"; apply: ask | additions

peers:                                    # other nodes
  hamburg: {url: "https://hamburg.example:8470", token: "keyring:hamburg"}
server: {host: 127.0.0.1, port: 8470, tokens: ["keyring:server"]}
conflicts:
  rules:
    - {name: mail needs a human, when: {type: "user.*", field: email}, use: ask_operator}
    - {use: last_write_wins}
coordination: {type: sqlite}
"""

BLOCK = """\
# Über uns: the operators' own notes
syncdeck: 1

syncs:
  # first the sync, then what it needs
  ops:
    source: hr          # Größe: 500

    targets:
      - mail   # the list
      - 'wiki'
    guards:
      # careful
      max_removals: 3
      freeze:
        - cron: "0 18 * * fri"
          duration: 62h
    where: |
      active == 'yes'
        && department == 'ops'

adapters:
  hr:
    type: csv_file
    path: 'personal ü.csv'
    key: e-mail

  mail: {type: yaml_file, path: mail.yaml, key: email}
  wiki:
    type: sql_table
    url: sqlite:///wiki.db   # relative
    table: members
    key: email
  # a last word
"""
