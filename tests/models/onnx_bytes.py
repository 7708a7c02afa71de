"""Writes ONNX files byte by byte, so that tests need neither the `onnx` package nor weights from elsewhere.

Source: field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, wire format of
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Mapping, Sequence

from numpy.typing import NDArray

ELEMENTS = {"float32": 1, "int64": 7}
Shape = Sequence[int | str]


def varint(number: int) -> bytes:
    """A number of at least 0, seven bits a byte."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a message: a number, or text and messages with their length before them."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, values: NDArray) -> bytes:
    dims = b"".join(field(1, length) for length in values.shape)
    return dims + field(2, ELEMENTS[values.dtype.name]) + field(8, name) + field(9, values.tobytes())


def described(name: str, element: str, shape: Shape) -> bytes:
    """A ValueInfoProto; a length given as text is open."""
    dims = b"".join(field(1, field(2 if isinstance(length, str) else 1, length)) for length in shape)
    return field(1, name) + field(2, field(1, field(1, ELEMENTS[element]) + field(2, dims)))


def node(op: str, inputs: Sequence[str], output: str, **numbers: int) -> bytes:
    given = b"".join(field(1, name) for name in inputs)
    attributes = (field(1, name) + field(3, number) + field(20, 2) for name, number in numbers.items())
    return given + field(2, output) + field(4, op) + b"".join(field(5, attribute) for attribute in attributes)


def model(
    nodes: Sequence[bytes],
    weights: Mapping[str, NDArray],
    inputs: Mapping[str, tuple[str, Shape]],
    outputs: Mapping[str, tuple[str, Shape]],
) -> bytes:
    """A whole file: IR version 8, operators of version 17."""
    graph = b"".join(field(1, one) for one in nodes) + field(2, "tiny")
    graph += b"".join(field(5, tensor(name, values)) for name, values in weights.items())
    graph += b"".join(field(11, described(name, *form)) for name, form in inputs.items())
    graph += b"".join(field(12, described(name, *form)) for name, form in outputs.items())
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))
