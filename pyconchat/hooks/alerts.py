"""Alerts of Prometheus' Alertmanager and of Grafana: a line each, those that fire first."""

from __future__ import annotations

from pyconchat.hooks.fields import Fields, items, link, word
from pyconchat.hooks.translated import IGNORED, MAX_LINES, Translated

__all__ = ["translate"]

_STATES = {"firing": "Firing", "resolved": "Resolved"}
_OLD_STATES = {"alerting": "Firing", "ok": "Resolved", "no_data": "No data"}
"""The state in alerts of Grafana before version 9, which sends each as an object of its own."""


def translate(fields: Fields) -> Translated | None:
    """Return the message about the alerts in *fields*; None if they are none."""
    if isinstance(fields.get("alerts"), list) and word(fields, "status"):
        alerts = items(fields, "alerts")
        told = [
            (said, each)
            for state, said in _STATES.items()
            for each in alerts
            if each.get("status") == state
        ]
        lines = [_line(said, each) for said, each in told[:MAX_LINES]]
        return Translated("\n".join(lines), more=max(len(told) - MAX_LINES, 0))
    if word(fields, "ruleName") and word(fields, "state"):
        return _old(fields)
    return None


def _line(state: str, alert: Fields) -> str:
    """Return the sentence about one alert: its name, place, severity and problem."""
    name = word(alert, "labels", "alertname") or "an alert"
    where = word(alert, "labels", "instance") or word(alert, "labels", "job")
    severity = word(alert, "labels", "severity")
    said = word(alert, "annotations", "summary") or word(alert, "annotations", "description")
    url = link(alert, "panelURL") or link(alert, "dashboardURL") or link(alert, "generatorURL")
    return (
        f"{state}: {name}{f' at {where}' if where else ''}{f' ({severity})' if severity else ''}"
        f"{f': {said}' if said else ''}{url}"
    )


def _old(fields: Fields) -> Translated:
    state = _OLD_STATES.get(word(fields, "state"))
    if state is None:
        return IGNORED
    said = word(fields, "message")
    return Translated(
        f"{state}: {word(fields, 'ruleName')}{f': {said}' if said else ''}{link(fields, 'ruleUrl')}"
    )
