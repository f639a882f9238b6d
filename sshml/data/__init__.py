"""Density profiles made on the fly: which chain is sample i, and batches of them."""
