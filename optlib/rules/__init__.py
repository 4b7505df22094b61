"""Every rule of the book, each written once. To add one: write it in a file here, add its line."""

from ..rule import by_name as get
from ..rule import register
from .adam import adam
from .gradient_descent import gradient_descent
from .momentum import momentum, polyak_momentum

ALL = register(
    gradient_descent,
    momentum,
    polyak_momentum,
    adam,
)

__all__ = [*ALL, "ALL", "get"]
