"""What the machine computes fastest with."""

import os
from pathlib import Path

from sshml.errors import ConfigError

#: Precisions of training, and of the validation in it, as ``trainer.precision`` names them: each keeps
#: the weights in float32.
TRAINING = ("32-true", "bf16-mixed", "16-mixed")
#: Environment variable that replaces what :func:`fastest_precision` finds, for machines that differ.
PRECISION_VARIABLE = "SSHML_PRECISION"
_TRAINER_VARIABLES = "PL_TRAINER_"
# By which Lightning takes a process for one of several, of which the first alone writes.
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
# Of these two torch takes one, and what is read here is data only.
_OF_TORCH = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
# Set for the processes that a run starts itself.
_STARTED = "MASTER_PORT"
# What Linux calls the instructions for bfloat16 products; without them bfloat16 is emulated, ten
# times as slow as float32.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def fastest_precision(accelerator: str) -> str:
    """Precision of ``pytorch_lightning.Trainer`` in which a machine trains fastest.

    Args:
        accelerator: ``trainer.accelerator``.

    Returns:
        ``bf16-mixed`` (weights stay float32) where the GPU, or else the CPU, has instructions for
        bfloat16; otherwise ``32-true``. The environment variable ``SSHML_PRECISION`` overrides both.
    """
    if chosen := os.environ.get(PRECISION_VARIABLE):
        return chosen  # is checked at the start of a program
    import torch  # noqa: PLC0415  # takes seconds, which `--help` need not wait for

    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = accelerator in ("auto", "cpu") and bool(_cpu_flags() & _BFLOAT16_FLAGS)
    return "bf16-mixed" if fast else "32-true"


def check_environment() -> None:
    """Check what the environment chooses.

    Raises:
        ConfigError: for a precision that is none of training; for settings of Lightning's Trainer,
            which the folder of a run would not record; for one of several processes, as of srun.
    """
    for name in sorted(os.environ):
        if name.startswith(_TRAINER_VARIABLES):
            key = f"trainer.{name.removeprefix(_TRAINER_VARIABLES).lower()}"
            raise ConfigError(
                f"{name}={os.environ[name]} in the environment: is not recorded in the run folder; "
                f"unset it and set {key} instead"
            )
    if all(os.environ.get(name) for name in _OF_TORCH):
        raise ConfigError(f"{' and '.join(_OF_TORCH)} in the environment: unset them")
    for name in _RANKS:
        rank = os.environ.get(name, "0")
        if rank != "0" and not (name == "LOCAL_RANK" and _STARTED in os.environ):
            raise ConfigError(
                f"{name}={rank} in the environment: a run starts its own processes; to start several "
                f"runs side by side, begin each command with env -u {name}"
            )
    chosen = os.environ.get(PRECISION_VARIABLE)
    if chosen and chosen not in TRAINING:
        raise ConfigError(
            f"{PRECISION_VARIABLE}={chosen} in the environment: expected one of {', '.join(TRAINING)}"
        )


def _cpu_flags() -> set[str]:
    """Instruction sets of the CPU; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    flags = (line.split(":")[1] for line in lines if line.startswith(("flags", "Features")))
    return set(next(flags, "").split())


def jobs_at_once() -> int:
    """How many runs this machine does well side by side: one a core, or one where there is a GPU."""
    import torch  # noqa: PLC0415  # takes seconds, which other commands need not wait for

    return 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))
