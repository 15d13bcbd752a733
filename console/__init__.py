"""The console asks the engine and shows the answer. It decides nothing."""
