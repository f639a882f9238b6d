"""Sweepers of sshml; Hydra finds them by the name of this package."""
