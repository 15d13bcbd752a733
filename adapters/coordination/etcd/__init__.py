"""Coordination through etcd: everything is a key, whatever must go with its process hangs on a lease, and one watch
tells all who wait.

    backend                     settings, opening, the store of one process
    calls, wire, layout         requests, what is said in them, under which keys everything lies
    space, watch                what the parts of a store share; the line on which changes are told
    sessions, claims, keys      the contract
"""
