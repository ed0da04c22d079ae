"""What is known of all values of a column, whichever way it was measured: the one shape that both ways fill."""

from dataclasses import dataclass
from typing import Any

from quality_svc.profile.arrays import Scale
from quality_svc.profile.document import Distinct, Lengths
from quality_svc.profile.moments import Moments


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one column. None where one does not apply to its kind or there is no value.

    `lowest` and `highest` are native numbers of `scale`, or cut texts. `distinct` is None where the kept values, being
    all there are, tell it; then `special` counts the values that are not kept but differ: NaN, the infinities.
    """

    count: int
    scale: Scale | None = None
    blanks: int | None = None
    nan: int | None = None
    infinite: int | None = None
    special: int = 0
    distinct: Distinct | None = None
    lowest: Any = None
    highest: Any = None
    moments: Moments | None = None
    lengths: Lengths | None = None
