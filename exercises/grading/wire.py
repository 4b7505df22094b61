"""What passes between the grader and the sandbox: frames of flat values. No objects, no pickle.

A frame is its length (uint32) and so many bytes. The bytes are values one after the other, each a
tag and its content, little-endian:

    s  text           uint32 length, UTF-8
    i  whole number   int64
    f  number         float64
    a  float64 array  uint8 dimensions, uint32 for each, the data
    n  int64 array    the same
    c  function       nothing: it stays with the grader and is called by further frames

Nothing nests, so no frame can exhaust a parser. Both sides use this file; it needs NumPy alone.
"""

import math
import struct

import numpy as np

MOST_BYTES = 4 << 20  # in one frame
MOST_VALUES = 256
MOST_DIMENSIONS = 16
LONGEST_SIDE = 1 << 24
DTYPES = {b"a": np.dtype("<f8"), b"n": np.dtype("<i8")}


class Garbled(ValueError):
    """Bytes that are not a frame of this protocol."""


class Function:
    """Stands for a function that stays on the grader's side."""


def pack(values):
    """One frame, length included, for a list of text, numbers, arrays and functions."""
    body = b"".join(_pack(value) for value in values)
    return struct.pack("<I", len(body)) + body


def length(head):
    """The length that a frame's first four bytes announce. Raises `Garbled` if too large."""
    (size,) = struct.unpack("<I", head)
    if size > MOST_BYTES:
        raise Garbled(f"a frame of {size} bytes; at most {MOST_BYTES}")
    return size


def unpack(body, tags=b"sifanc"):
    """The values of a frame's body. Raises `Garbled` for anything but values with these tags."""
    values, at = [], 0
    while at < len(body):
        if len(values) == MOST_VALUES:
            raise Garbled("too many values")
        tag, at = body[at : at + 1], at + 1
        if tag not in tags:
            raise Garbled("an unknown tag")
        value, at = _unpack(tag, body, at)
        values.append(value)
    return values


def _pack(value):
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
        return b"s" + struct.pack("<I", len(data)) + data
    if callable(value) or isinstance(value, Function):
        return b"c"
    if isinstance(value, (int, np.integer)) and abs(int(value)) < 1 << 63:
        return b"i" + struct.pack("<q", int(value))
    if isinstance(value, (float, int, np.floating)):
        return b"f" + struct.pack("<d", float(value))
    array = np.asarray(value)
    tag = b"n" if array.dtype.kind in "iu" else b"a"
    data = np.ascontiguousarray(array, DTYPES[tag]).tobytes()
    return tag + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape) + data


def _unpack(tag, body, at):
    if tag == b"c":
        return Function(), at
    if tag == b"i":
        return struct.unpack("<q", _take(body, at, 8))[0], at + 8
    if tag == b"f":
        return struct.unpack("<d", _take(body, at, 8))[0], at + 8
    if tag == b"s":
        (size,) = struct.unpack("<I", _take(body, at, 4))
        return _take(body, at + 4, size).decode("utf-8", "replace"), at + 4 + size
    return _unpack_array(DTYPES[tag], body, at)


def _unpack_array(dtype, body, at):
    ndim = _take(body, at, 1)[0]
    if ndim > MOST_DIMENSIONS:
        raise Garbled("too many dimensions")
    shape = struct.unpack(f"<{ndim}I", _take(body, at + 1, 4 * ndim))
    if any(side > LONGEST_SIDE for side in shape):
        raise Garbled("too long an array")
    at += 1 + 4 * ndim
    size = 8 * math.prod(shape)
    array = np.frombuffer(_take(body, at, size), dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("=")), at + size


def _take(body, at, size):
    if size > len(body) - at:
        raise Garbled("a value is cut off")
    return body[at : at + size]
