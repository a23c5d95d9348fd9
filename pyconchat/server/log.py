"""The server's log: one line for each event, with the time first.

twistd's own observers also print the name of the logging class, and Twisted's messages about
itself. Here only the lines of PyconChat are printed, and Twisted's warnings and errors.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    formatTime,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from pyconchat.server.background_log import BackgroundLog, descriptor_writer

__all__ = ["format_line", "log_observer"]

DEFAULT_LOG = "twistd.log"
"""The file that a daemon logs to, as with every other program of twistd."""

_OURS = "pyconchat"


def format_line(event: LogEvent) -> str | None:
    """Return the line of *event*, or None if it is not printed."""
    namespace = event.get("log_namespace") or ""
    level = event.get("log_level") or LogLevel.info
    ours = namespace == _OURS or namespace.startswith(f"{_OURS}.")
    if not ours and level < LogLevel.warn:
        return None
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    if not text:
        return None
    mark = "error: " if level >= LogLevel.error else ""
    one_line = text.rstrip("\n").replace("\n", "\n\t")  # no text can pass for another line
    return f"{formatTime(event.get('log_time'))} {mark}{one_line}\n"


_TWIST_FORMAT = "fileLogObserverFactory"
"""The option of ``twist`` with the format of its log."""


def log_observer(options: MutableMapping[str, Any], reactor: Any) -> ILogObserver | None:
    """Return the observer for twistd's *options*; None if they ask for another one.

    ``twist`` makes its own observer: there only the format of the lines changes, unless it is JSON.
    """
    if _TWIST_FORMAT in options:
        if options[_TWIST_FORMAT] is textFileLogObserver:
            options[_TWIST_FORMAT] = lambda file: _stream_observer(file, reactor)
        return None
    if options.get("syslog") or options.get("logger"):
        return None
    name = options.get("logfile") or ""
    if name == "-" or (options.get("nodaemon") and not name):
        return _stream_observer(sys.stdout or _nowhere(), reactor)
    file = LogFile.fromFullPath(name or DEFAULT_LOG)  # type: ignore[no-untyped-call]
    log = BackgroundLog(file.write)
    if not signal.getsignal(signal.SIGUSR1):  # as twistd does for its own log files
        signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(log.call, file.rotate))
    return _background_observer(log, reactor)


def _stream_observer(stream: TextIO, reactor: Any) -> FileLogObserver:
    """Return an observer that writes to the file of *stream*, by a descriptor of its own.

    The end of Python needs the lock of a stream, which a thread that is blocked would hold.
    """
    write = descriptor_writer(os.dup(stream.fileno()))
    return _background_observer(BackgroundLog(write, stream.encoding or "utf-8"), reactor)


def _background_observer(log: BackgroundLog, reactor: Any) -> FileLogObserver:
    """Return an observer that writes to *log*, whose thread runs while *reactor* does."""
    reactor.callWhenRunning(log.start)  # after a daemon has forked
    reactor.addSystemEventTrigger("after", "shutdown", log.stop)
    return FileLogObserver(cast(TextIO, log), format_line)


def _nowhere() -> TextIO:
    """Return a stream for a process that was started with standard output closed."""
    return open("/dev/null", "w", encoding="utf-8")
