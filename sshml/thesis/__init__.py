"""The published results of the thesis beside those measured here, figure by figure."""
