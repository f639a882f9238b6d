"""Looking at a set of runs: one table, pictures, one page."""
