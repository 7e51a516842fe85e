"""One row through ONNX Runtime in half the time: its inputs lie in memory that the session was told of once.

Otherwise each input of each request, twenty arrays of one number, is looked up by its name and made a value of ONNX
Runtime's own, which takes longer than a small model.
"""

import threading
from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, Self

import numpy as np

from mlwright.bundle.manifest import Datatype, Signature
from mlwright.bundle.tensors import DTYPES, Array, Arrays

_NOTHING: Final[Any] = b""  # its `join` takes arrays, which their types do not say
_RANK: Final = 2  # rows of one column
_dtype = attrgetter("dtype")
_Part = tuple[Callable[[Arrays], Sequence[Array]], memoryview, list[np.dtype[Any]]]
"""From the inputs to those of one datatype, the memory for them, side by side, and the dtype of each."""


class SingleRow:
    """Answers one row at a time."""

    def __init__(self, session: Any, signature: Signature) -> None:
        """Tell a session where the numbers will be."""
        from onnxruntime import OrtValue  # noqa: PLC0415 - only bundles of this format need it

        self._session = session
        self._binding = session.io_binding()
        self._parts: list[_Part] = []
        self._free = threading.Lock()
        for datatype, dtype in DTYPES.items():
            names = [tensor.name for tensor in signature.inputs if tensor.datatype is datatype]
            memory = np.zeros((len(names), 1, 1), dtype=dtype)
            for name, place in zip(names, memory, strict=True):
                self._binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(place))
            if names:  # the view keeps the memory, which the session does not
                content = memory.reshape(-1).view(np.uint8).data
                self._parts.append((_picking(names), content, [memory.dtype] * len(names)))
        self._outputs = [tensor.name for tensor in signature.outputs]
        self._bind_outputs()

    @classmethod
    def of(cls, session: Any, signature: Signature) -> Self | None:
        """One for a session; None where there are texts, which ONNX Runtime does not share memory for."""
        texts = any(tensor.datatype is Datatype.BYTES for tensor in (*signature.inputs, *signature.outputs))
        return None if texts else cls(session, signature)

    def answer(self, inputs: Arrays) -> list[Array] | None:
        """The outputs, in the order of the signature, to inputs of one row.

        None where they must be asked for in the ordinary way, which also says what is wrong with them: while another
        thread is at it, for inputs of another dtype or rank, and when this way fails.
        """
        if not self._free.acquire(blocking=False):
            return None
        try:
            for pick, memory, dtypes in self._parts:
                arrays = pick(inputs)
                # The memory takes any eight bytes: whole numbers would be read as fractions, and answered. Looking at
                # each rank would cost as much again, and another rank changes no number: the first speaks for all.
                if [*map(_dtype, arrays)] != dtypes or arrays[0].ndim != _RANK:
                    return None
                memory[:] = _NOTHING.join(arrays)
            try:
                self._session.run_with_iobinding(self._binding)
                outputs: list[Array] = self._binding.copy_outputs_to_cpu()
            except Exception:  # noqa: BLE001 - ONNX Runtime's errors share no base; the ordinary way raises them again
                self._bind_outputs()
                return None
        finally:
            self._free.release()
        return outputs

    def _bind_outputs(self) -> None:
        """Let the next run allocate the outputs: those after it reuse them, and fail where a shape is another one."""
        self._binding.clear_binding_outputs()
        for name in self._outputs:
            self._binding.bind_output(name)


def _picking(names: Sequence[str]) -> Callable[[Arrays], Sequence[Array]]:
    """Pick some inputs; of one name `itemgetter` gives no sequence."""
    return itemgetter(*names) if len(names) > 1 else lambda inputs: (inputs[names[0]],)
