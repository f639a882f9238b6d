"""Data sets as files, for other programs and other frameworks: ``python -m sshml.dataset``."""
