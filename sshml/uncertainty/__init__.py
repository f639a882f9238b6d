"""Knowing when not to trust a network."""
