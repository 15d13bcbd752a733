"""Schedules: a moment is taken by writing a key that is not there yet, so it fires once whoever believes to lead.

fires, due          pure: the values; which moments are due, and what becomes of them
ledger              schedules and fires as keys
publishing          a node's own schedules, told to the others
firing, presiding   what a leader does: for one schedule, and from one due moment to the next
cron                as people ask for them: the way in
"""
