"""How right this host's clock is, by what the servers that are named say. Shown, and never decided by.

timing, agreement, reckoning    pure: readings, which of them agree, and what that says of this host
timekeeping                     asking them: the way in
"""
