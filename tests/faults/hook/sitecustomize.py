"""Read by Python at its start, before anything of the program: prepares its strike."""

import json
import os

if "FAULTS_STRIKE" in os.environ:
    from tests.faults.strike import install

    install(json.loads(os.environ.pop("FAULTS_STRIKE")))
