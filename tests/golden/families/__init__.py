"""The golden cases, a module for each family of operations; each has a `family`."""
