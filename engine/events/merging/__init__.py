"""From events to states and conflicts: functions of the *set* of events and the rules. No I/O, no clock, no chance."""
