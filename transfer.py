"""Test a network at other disorder strengths: ``python transfer.py checkpoint=PATH data.W=0:1:0.1``."""

import sys

from sshml.entry.start import start
from sshml.programs.transfer import main

if __name__ == "__main__":
    sys.exit(start(main, "transfer"))
