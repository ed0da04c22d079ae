"""What is told of a version that is not served: the problems of withdrawn and of erased ones."""

from catalog_svc.datasets.models import Version
from dataplatform.problems import Problem


def withdrawn(version: Version) -> Problem:
    """Return the problem of asking for the data of a withdrawn version."""
    return Problem(
        "version_withdrawn",
        "Version withdrawn",
        410,
        f"withdrawn on {version.withdrawn_at:%Y-%m-%d}: {version.withdrawn_reason}",
    )


def tombstone(version: Version) -> Problem:
    """Return the problem of asking for an erased version: its tombstone."""
    return Problem(
        "version_erased",
        "Version erased",
        410,
        f"erased for good on {version.erased_at:%Y-%m-%d}: {version.erased_reason}",
        extra={
            "version_id": str(version.version_id),
            "number": version.number,
            "erased_at": version.erased_at.isoformat() if version.erased_at else None,
            "reason_code": version.erased_reason,
        },
    )
