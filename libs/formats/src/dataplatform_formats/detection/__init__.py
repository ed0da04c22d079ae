"""What a file is, found in its content alone: never in its name, never in what the client said about it.

A name that claims something else is reported, not obeyed. While the bytes stream by, an `Observation` notes what needs
the whole file (is all of it text?). When they are stored, `detect` reads the few places that decide the rest. Nothing
here knows HTTP, storage or events.
"""

from dataplatform_formats.detection.detect import detect
from dataplatform_formats.detection.observation import Observation
from dataplatform_formats.detection.outcome import Detection, UnacceptableError

__all__ = ["Detection", "Observation", "UnacceptableError", "detect"]
