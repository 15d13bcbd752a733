"""A module for each coordination backend of the registry, and for memory: real ones that the store suite runs on."""
