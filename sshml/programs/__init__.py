"""The two programs, ``sshml train`` or ``python train.py``, and ``sshml transfer``."""
