"""Mean, standard deviation and skewness: of values at hand, or of sums over their distances to a shift."""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final

import numpy as np

from quality_svc.profile.arrays import Numbers

LARGEST_CUBED: Final = 1e100
"""Magnitudes beyond this are left out of moments: sums of their cubes overflow a double."""
_TWO: Final = 2
_WORST_SHIFT: Final = 1e3
"""Distance of shift and mean, in standard deviations, at which sums lose six of a double's sixteen digits."""


@dataclass(frozen=True, slots=True)
class Moments:
    """In native units. Not defined: the sd of less than two values, the skew of less than three or of equals."""

    mean: float
    sd: float | None = None
    skew: float | None = None


def moments_of(values: Numbers) -> Moments | None:
    """Return the moments of finite values; None of none, and where magnitudes are too large to be cubed."""
    count = len(values)
    if count == 0:
        return None
    if values.dtype == object or values.dtype.kind in "iu":
        mean = _integer_mean(values)
        # differences of integers are exact before they become doubles
        distances = (values.astype(object) - round(mean)).astype(float) if _is_wide(values) else values - mean
    else:
        largest = float(max(-values.min(), values.max()))
        if largest >= LARGEST_CUBED:
            return None
        doubles = values.astype(float, copy=False)
        mean = float(doubles.mean())
        distances = doubles - mean
    if count < _TWO:
        return Moments(mean)
    unit = float(np.abs(distances).max())
    if unit == 0:
        return Moments(mean, 0.0)
    distances = distances / unit  # squares of very small or large distances would leave the range of a double
    squares = distances * distances
    return _from_sums(count, mean, unit, (float(distances.sum()), float(squares.sum()), float(distances @ squares)))


def moments_of_sums(count: int, shift: float, sums: tuple[float, float, float]) -> tuple[Moments | None, bool]:
    """Return the moments of `count` values from the sums of the powers 1, 2, 3 of their distances to `shift`.

    Also whether the shift was too far from the mean for a good standard deviation: sum again from the mean found.
    """
    if count == 0 or not all(map(isfinite, sums)):
        return None, False
    mean = shift + sums[0] / count
    if count < _TWO:
        return Moments(mean), False
    distance = abs(sums[0] / count)
    found = _from_sums(count, mean, 1.0, sums)
    return found, distance > _WORST_SHIFT * (found.sd or 0.0) and distance > 0


def _from_sums(count: int, mean: float, unit: float, sums: tuple[float, float, float]) -> Moments:
    """Centre the sums of powers of distances (in `unit`) and return the sample moments (G1 of Joanes and Gill 1998)."""
    first, second, third = sums
    off = first / count
    square = max(second - count * off * off, 0.0)
    cube = third - 3 * off * second + 2 * count * off**3
    sd = sqrt(square / (count - 1))
    if count == _TWO or square <= 0 or sd < 1e-300:  # noqa: PLR2004 - cubes vanish
        return Moments(mean, sd * unit)
    skew = sqrt(count * (count - 1)) / (count - 2) * (cube / count) / (square / count) ** 1.5
    return Moments(mean, sd * unit, skew)


def _is_wide(values: Numbers) -> bool:
    """Whether differences could leave 64 bits or lose digits as doubles."""
    return values.dtype == object or max(abs(int(values.min())), abs(int(values.max()))) > 2**53


def _integer_mean(values: Numbers) -> float:
    if values.dtype == object:
        return float(sum(values)) / len(values) if len(values) else 0.0
    wide = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64, copy=False)
    total = (int((wide >> 32).sum()) << 32) + int((wide & 0xFFFF_FFFF).sum())
    return total / len(values)
