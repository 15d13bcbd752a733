"""Coordination through Consul: everything is a key, whatever must go with its process is locked by a session, and
blocking queries tell who waits: each waiter watches the one place before its own.

    backend                     settings, opening, the store of one process
    calls, wire, layout         requests, what is said in them, under which keys everything lies
    space                       what the parts of a store share
    sessions, claims, keys      the contract
    feed                        changes, by comparing one answer with the next
"""
