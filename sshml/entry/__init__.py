"""How the programs start: the command line, resuming, sweeps, errors as one line."""
