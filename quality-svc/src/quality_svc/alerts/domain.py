"""Alerts as facts and decisions. Pure: no I/O, no framework; time and ids come in as arguments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from dataplatform.events.base import Event
from dataplatform.events.identity import alert_id
from dataplatform.events.quality import AlertAcknowledged, AlertRaised, AlertResolved, OpenAlert, Severity

State = Literal["none", "raised", "acknowledged", "resolved"]

CLEAN_VERSION: Final = "clean_version"
"""Why an alert ends: the next version does not show what raised it."""

_STATES: Final[dict[str, State]] = {
    AlertRaised.type: "raised",
    AlertAcknowledged.type: "acknowledged",
    AlertResolved.type: "resolved",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an alert should be open for as long as it is so. No value of the data: `subject` names columns."""

    kind: str
    subject: str
    severity: Severity

    def alert_of(self, dataset: UUID) -> UUID:
        """Return the id of the one alert for it."""
        return alert_id(dataset, self.kind, self.subject)

    def as_open(self, dataset: UUID) -> OpenAlert:
        """Return it as an examination lists what is open after it."""
        return OpenAlert(alert_id=self.alert_of(dataset), kind=self.kind, severity=self.severity)


def stream_of(alert: UUID) -> str:
    """Return the name of the stream of an alert."""
    return f"alert:{alert}"


def state_of(history: Iterable[Event]) -> State:
    """Return where an alert is: what its last event says."""
    state: State = "none"
    for event in history:
        state = _STATES.get(event.type, state)
    return state


def raised(alarm: Alarm, dataset: UUID, run: UUID, state: State, at: datetime) -> AlertRaised | None:
    """Return the event that raises an alert; None where it is open already."""
    if state in {"raised", "acknowledged"}:
        return None
    return AlertRaised(
        dataset_id=dataset,
        alert_id=alarm.alert_of(dataset),
        run_id=run,
        kind=alarm.kind,
        severity=alarm.severity,
        subject=alarm.subject,
        raised_at=at,
    )


def acknowledged(dataset: UUID, alert: UUID, state: State, by: UUID, at: datetime) -> AlertAcknowledged | None:
    """Return the event of a person who has seen an alert; None where it is not waiting for one."""
    if state != "raised":
        return None
    return AlertAcknowledged(dataset_id=dataset, alert_id=alert, acknowledged_by=by, acknowledged_at=at)


def resolved(dataset: UUID, alert: UUID, state: State, at: datetime) -> AlertResolved | None:
    """Return the event that ends an alert; None where it is not open."""
    if state not in {"raised", "acknowledged"}:
        return None
    return AlertResolved(dataset_id=dataset, alert_id=alert, reason_code=CLEAN_VERSION, resolved_at=at)
