"""One run of train.py: the module, its callbacks, the dry run before it, the summary after."""
