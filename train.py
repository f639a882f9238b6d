"""Train, test and explain a phase classifier: ``python train.py model=resnet18 data.W=0.5``."""

import sys

from sshml.entry.start import start
from sshml.programs.train import main

if __name__ == "__main__":
    sys.exit(start(main, "train"))
