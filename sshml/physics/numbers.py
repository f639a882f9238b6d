"""Arguments of the package's functions: finite real numbers of shapes that go together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Real
from numpy.typing import ArrayLike, NDArray

# Not NDArray, which is from numpy 2.5 on an alias that jaxtyping does not take.
Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
#: A number, or an array of numbers.
Numbers = Array | np.number[Any] | float
#: Numbers in lists, of which an annotation cannot say the shape.
Lists = Sequence[Any]


def real(name: str, value: ArrayLike) -> NDArray[np.floating]:
    """An array of finite real numbers; integers become float64.

    Args:
        name: of the argument, for the message.
        value: a number, or an array of any shape.

    Returns:
        The array, of the value's own kind of float.

    Raises:
        ValueError: in one line, for NaN, infinity, complex numbers, text and whatever is no number.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers, got lists of unequal lengths") from None
    except RuntimeError as error:  # of torch, for a tensor with a gradient
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be real numbers, got {array.dtype.type.__name__.rstrip('_')}")
    array = array.astype(np.float64) if array.dtype.kind in "iu" else array
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def reals(**values: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Arguments of a function as float64, each of its own shape.

    Args:
        values: by their names, numbers or arrays.

    Raises:
        ValueError: in one line, as :func:`real`, or for shapes that cannot be broadcast together.
    """
    arrays = tuple(np.asarray(real(n, v), dtype=np.float64) for n, v in values.items())
    try:
        np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " and ".join(f"{n} of {a.shape}" for n, a in zip(values, arrays, strict=True))
        raise ValueError(f"the shapes must broadcast together, got {shapes}") from None
    return arrays


def strengths(W: Real[Numbers, "*shape"] | Lists) -> Float64[Floats, "*shape"]:
    """Disorder strengths W >= 0.

    Raises:
        ValueError: in one line, as :func:`real`, or for a negative one.
    """
    (array,) = reals(W=W)
    if (array < 0).any():
        raise ValueError(f"W must be >= 0, got {array[array < 0][0]}")
    return array
