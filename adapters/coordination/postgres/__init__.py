"""PostgreSQL: every step is a function in a schema of its own, every grant is told to one, every session is observed.

backend                  settings, opening, the store of one process
address, desk            how to log in; the connections that requests go through
life_line, lines         two connections that show that the process lives, and hear what is told
hearing                  what is listened to: nothing that nobody needs
tables.sql, functions.sql, key_functions.sql, schema     what happens inside the server: the place to read first
claims, keys, stream     the contract, by these functions
watching                 what goes on beside the calls
promises, values         what can be relied on; rows as values
"""
