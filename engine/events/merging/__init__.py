"""From events to states and conflicts: functions of the *set* of events and the rules. No I/O, no clock, no chance.

    patches, causality, resolutions     what an event writes, what it knew, what it takes back
    frontier, contests, fork            the live writes, and where they want different things
    evaluate                            the state and the contests of an aggregate: the way in
    rules, strategies, view             what the rules make of them
    choices, past, backtest             what an operator decides, decided, and rules would have decided

Beside the arithmetic stands the desk: `conflicts` is the façade, `caseload` what it keeps in mind (with a `docket` of
what operators said), `lookup` and `deciding` what it reads and writes.
"""
