"""Questions that are answered with a value."""
