"""Workspace and report of a Weights & Biases project: ``python -m sshml.dashboard --entity ME``."""
