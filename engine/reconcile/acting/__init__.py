"""Reading, planning, carrying out, reading back: everything that waits for somebody."""
