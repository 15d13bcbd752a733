"""Redis and Valkey: every step is a script, every grant is told to one, every session is observed by all.

backend                  settings, opening, the store of one process
address, line, link      one connection for everything, dialled again when it broke
scripts, key_scripts     what happens inside the server: the place to read first
claims, keys, stream     the contract, by these scripts
tending, following       what goes on beside the calls
promises, values         what can be relied on; what is kept, as values
"""
