"""Pure: engine values to text and style. No I/O, no clock, no widgets."""
