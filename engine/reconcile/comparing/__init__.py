"""What a source wants against what a target holds. Pure: batches in, differences out; the caller reads."""
