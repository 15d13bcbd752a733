"""What the engine keeps on disk: one SQLite file per workspace, and the engine's only SQL.

Whatever was acknowledged is there after a power cut, and rows and the event that tells of them are one transaction.

    database, writer, snapshots, connection, checkpoint, migrate, care     the file: one writer with group commit
    run_journal (run_*, plan_shelf, target_ledger, leases)                 the journal of reconciling
    event_log, event_reading, event_history, event_pages, lookout          the log as `EventLog` and `EventPages`
      event_intake, event_append, event_preparing, event_again, log_tip    its way in
      event_filter, event_search, event_grams, event_indexing              finding without reading all
      aggregate_heads                                                      who is concurrent, kept while writing
    replica (replica_*), incarnation, peer_book                            the log as other nodes see it
    log_care (event_verify, event_redaction, log_compaction, …)            looking after the log
    event_digest                                                           are two nodes' states equal?
    coordination/                                                          who holds what, in a file of its own
"""
