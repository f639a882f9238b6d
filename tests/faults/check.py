"""``python -m tests.faults.check train|transfer ARGUMENTS`` composes and checks, and does no work."""

import sys

if __name__ == "__main__":
    from tests.faults.configurations import command

    name = sys.argv.pop(1)
    sys.argv[0] = f"{name}.py"
    sys.exit(command(name)())
