"""The append-only log, from one node to many: what happened, in which order, who knew of what, and what it adds up to.

An event is never changed and never lost; whatever is shown is a function of the set of events. Here stand the values of
the log (`event`, `chain`, `vector`, `hlc`, `cursor`) and its promises (`log`, `pages`). `merging` makes states and
conflicts of events, `replicating` carries events between nodes; neither knows the other, and neither knows a disk.
"""
