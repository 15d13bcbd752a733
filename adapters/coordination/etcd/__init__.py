"""Coordination through etcd: everything is a key, whatever must go with its process hangs on a lease, and a watch
tells all who wait.

    backend                     settings, opening, the store of one process
    calls, wire, layout         requests, what is said in them, under which keys everything lies
    space                       what the parts of a store share
    watch, turns, feed          a line on which changes are told; who waits, and who follows, and hears them there
    sessions, claims, keys      the contract
"""
