"""Compiling with Numba, whose results are kept where there is a place for them."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """Decorate a function that Numba compiles without holding the GIL.

    Args:
        options: others of :func:`numba.njit`.
    """

    def decorate(function: F) -> F:
        # The kernels work on registers and run in no other way; debuggers set NUMBA_DISABLE_JIT.
        disabled, config.DISABLE_JIT = config.DISABLE_JIT, False
        try:
            kernel: F = njit(nogil=True, cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator" not in str(error):
                raise
            _warn_once()
            kernel = njit(nogil=True, **options)(function)
        finally:
            config.DISABLE_JIT = disabled
        return kernel

    return decorate


@functools.cache
def _warn_once() -> None:
    # As in a container or a shared installation, whose folders are read-only, without a home folder.
    warnings.warn(
        "Numba has no folder to keep compiled code in and compiles at every start; set NUMBA_CACHE_DIR "
        "to a folder that can be written to",
        stacklevel=3,
    )
