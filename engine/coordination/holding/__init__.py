"""What this process holds: one session for each ttl, and leases in it that know themselves when they are over.

session, keeper     one renewal for all that is held; deadlines counted from before the request left
lease, claiming     a grant in hand; how it is come by: in line, through whatever passes
lock, election      for the time of a block: a name alone, or a group with a value and a history
history             who led, as the leaders wrote it down
"""
