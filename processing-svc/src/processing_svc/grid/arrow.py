"""Arrow as it is called here: its published stubs know fewer signatures than the library, so calls are not typed."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

arrow: Any = pa
compute: Any = pc
ArrowArray = Any
"""An array, or a chunked array, of Arrow."""
