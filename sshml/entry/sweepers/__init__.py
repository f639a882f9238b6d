"""The sweepers of Hydra: a grid, and a search by Optuna."""
