"""Checks that the parts of a run can be built and fit together, before any work starts."""
