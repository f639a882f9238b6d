"""A vector of float64 lanes for Numba, so that one instruction works on several chains or states.

Numba leaves it to LLVM whether a loop over lanes becomes vector code, and for recursions along a chain
it does not. Here a value of type ``Lanes`` *is* an LLVM vector; on AVX2 it fills four registers, on
AVX-512 two. Arithmetic (``+ - * /``) and comparisons work lane by lane, also with a float, and follow
IEEE 754 to the bit, whatever the machine's vectors are.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

# Sixteen keep the divider busy while the recursion of a chain waits for its last result.
LANES = 16

_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_INTEGERS = ir.VectorType(ir.IntType(64), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
_INDEX = ir.VectorType(ir.IntType(32), LANES)


class _LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


class _MaskType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="LanesMask")


_lanes = _LanesType()
_mask = _MaskType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _DOUBLES)


@register_model(_MaskType)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _BITS)


def _broadcast(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    first = builder.insert_element(
        ir.Constant(_DOUBLES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(first, first, ir.Constant(_INDEX, [0] * LANES))


def _define_operator(
    symbol: Callable[..., Any],
    emit: Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value],
    result: Any,
) -> None:
    """Give an operator of Python its meaning for lanes with lanes, or lanes with a float."""

    @intrinsic
    def compiled(_context: Any, left: Any, right: Any) -> Any:
        def generate(_context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            pairs = zip(signature.args, values, strict=True)
            return emit(
                builder, *(v if kind == _lanes else _broadcast(builder, v) for kind, v in pairs)
            )

        return result(left, right), generate

    @overload(symbol)
    def of_lanes(left, right):  # type: ignore[no-untyped-def]  # Numba compares it with the lambda
        if _lanes in (left, right) and {left, right} <= {_lanes, types.float64}:
            return lambda left, right: compiled(left, right)  # noqa: PLW0108  # Numba wants a function
        return None


_define_operator(operator.add, lambda builder, a, b: builder.fadd(a, b), _lanes)
_define_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b), _lanes)
_define_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b), _lanes)
_define_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b), _lanes)
_define_operator(operator.gt, lambda builder, a, b: builder.fcmp_ordered(">", a, b), _mask)
_define_operator(operator.le, lambda builder, a, b: builder.fcmp_ordered("<=", a, b), _mask)


@intrinsic
def broadcast(_context: Any, _number: Any) -> Any:
    """Lanes that all hold one float."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        return _broadcast(builder, values[0])

    return _lanes(types.float64), generate


@intrinsic
def where(_context: Any, _condition: Any, _yes: Any, _no: Any) -> Any:
    """Lanes of ``_yes`` where a comparison of lanes holds, else of ``_no``."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        return builder.select(*values)

    return _lanes(_mask, _lanes, _lanes), generate


@intrinsic
def absolute(_context: Any, _value: Any) -> Any:
    """Absolute value of each lane."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        without_sign = ir.Constant(_INTEGERS, [2**63 - 1] * LANES)
        return builder.bitcast(
            builder.and_(builder.bitcast(values[0], _INTEGERS), without_sign), _DOUBLES
        )

    return _lanes(_lanes), generate


def _element(context: Any, builder: ir.IRBuilder, array: Any, value: Any, *index: Any) -> ir.Value:
    """Pointer to an element of a two-dimensional array."""
    view = context.make_array(array)(context, builder, value)
    return cgutils.get_item_pointer(
        context, builder, array, view, list(index), wraparound=False, boundscheck=False
    )


@intrinsic
def load(_context: Any, rows: Any, _row: Any) -> Any:
    """Row of a C-contiguous float64 array of shape (n, LANES)."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        start = context.get_constant(types.intp, 0)
        pointer = _element(context, builder, signature.args[0], values[0], values[1], start)
        return builder.load(builder.bitcast(pointer, _DOUBLES.as_pointer()), align=8)

    return _lanes(rows, types.intp), generate


def _definition_of_store(*, reverse: bool) -> Any:
    @intrinsic
    def compiled(_context: Any, array: Any, _row: Any, _column: Any, _value: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            value = values[3]
            if reverse:
                backwards = ir.Constant(_INDEX, list(range(LANES))[::-1])
                value = builder.shuffle_vector(value, value, backwards)
            element = context.get_data_type(array.dtype)
            vector = ir.VectorType(element, LANES)
            if array.dtype != types.float64:
                value = builder.fptrunc(value, vector)
            pointer = _element(context, builder, signature.args[0], values[0], values[1], values[2])
            align = array.dtype.bitwidth // 8
            builder.store(value, builder.bitcast(pointer, vector.as_pointer()), align=align)
            return context.get_dummy_value()

        return types.void(array, types.intp, types.intp, _lanes), generate

    return compiled


# store(array, row, column, lanes): into array[row, column : column + LANES], float32 or float64.
store = _definition_of_store(reverse=False)
# The same, last lane first.
store_reversed = _definition_of_store(reverse=True)
