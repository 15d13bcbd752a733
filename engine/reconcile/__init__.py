"""One-way sync: read, compare, plan, guard, approve, apply, verify.

Everything between reading and applying is arithmetic on values: no I/O, no clock, no chance.
"""
