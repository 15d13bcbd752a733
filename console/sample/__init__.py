"""The sample workspace: a company of some 500 people with the quirks of real life, and targets out of step with it."""
