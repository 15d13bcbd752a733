"""One file for each outside thing. Adapters translate; they decide nothing."""
