"""Coordination of all processes of one machine, in a file of its own beside the state file (`schema.sql`).

What is decided is decided in a transaction, with the deadlines of that moment; everything that is told, heard or
remembered outside of one is a hint to look at the file again.

    store, opened                             the backend, and the store that is made of the following
    turn, claims, sessions, keys, stream      what happens in a transaction
    file, mounts, transactions, line, blocked how one comes to the file: at once, or in line
    writing, wake, bell, waiting, feed        how others hear of it, and what they do then
    watch, expiry                             what is over ends: at its deadline, or with its process
    reading, standings                        looking without writing
    upkeep                                    the file stays small
"""
