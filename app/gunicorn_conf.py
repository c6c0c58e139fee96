"""gunicorn's configuration: one threaded worker that owns the data directory.

Two connections with one device's keys throw each other out, so whatever would make a second worker
is refused or undone here, and a reload ends the old worker before the new one begins.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from threading import Thread
from types import FrameType
from typing import Any

import structlog

from app.context import EXTENSION
from app.lifecycle import Lifecycle
from app.settings import Settings, SettingsError
from bridge.errors import BridgeError
from sessions.data_directory import DataBelongsElsewhere, DataDirectoryBusy, DataUnusable
from sessions.deadline import Deadline

STOP_SECONDS = 8
TOLD = (DataDirectoryBusy, DataBelongsElsewhere, DataUnusable, BridgeError, OSError)
UMASK = 0o077
COLLECTION_THRESHOLD = 20_000
"""So many new containers are let be before the collector looks for cycles among them."""

try:
    _settings = Settings.from_environment()
except SettingsError as error:
    sys.exit(f"WUTS cannot start: {error}.")

log = structlog.get_logger(__name__)

bind = str(_settings.bind)
worker_class = "app.worker.Worker"
logger_class = "app.worker.ServerLogger"
loglevel = _settings.log_level
workers = 1
threads = _settings.threads
preload_app = False
reload = False
max_requests = 0
timeout = 90
graceful_timeout = 30
keepalive = 5
umask = UMASK
accesslog = None
control_socket_disable = True
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
proc_name = "wuts"

REQUIRED = {
    "workers": workers,
    "worker_class_str": worker_class,
    "threads": threads,
    "preload_app": preload_app,
    "reload": reload,
    "max_requests": max_requests,
    "control_socket_disable": control_socket_disable,
    "accesslog": accesslog,
    "umask": umask,
    "dirty_workers": 0,
    "reuse_port": False,
    # The time-outs of app/receiving.py are those of plain sockets: TLS is a proxy's part.
    "certfile": None,
    "keyfile": None,
}


def on_starting(server: Any) -> None:
    """Refuse what the command line or GUNICORN_CMD_ARGS has changed and this service can't bear."""
    for name, required in REQUIRED.items():
        found = getattr(server.cfg, name)
        if found != required:
            sys.exit(f"WUTS cannot start: gunicorn's {name} must be {required!r}, not {found!r}.")
    os.umask(UMASK)


def nworkers_changed(server: Any, new: int, old: int | None) -> None:
    """Undo a signal that asks for a second worker."""
    if old is not None and new > 1:
        server.num_workers = 1


def on_reload(server: Any) -> None:
    """End the old worker and wait until it is gone: only then gunicorn starts the new one."""
    server.kill_workers(signal.SIGTERM)
    deadline = time.monotonic() + graceful_timeout
    while server.WORKERS and time.monotonic() < deadline:
        server.reap_workers()
        time.sleep(0.05)
    server.kill_workers(signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """Start the service in the background, and tell it about a stop before gunicorn acts on it."""
    os.umask(UMASK)
    _spare_collections()
    lifecycle = _lifecycle(worker)

    def give_up(error: Exception) -> None:
        told = str(error) if isinstance(error, TOLD) else "an unexpected error"
        log.critical("start_failed", error=f"WUTS cannot start: {told}", exc_info=error)
        worker.fail()

    _wrap_sigterm(lifecycle)
    worker.before_stopping = lifecycle.begin_stopping
    lifecycle.start_in_background(give_up)


def worker_exit(_: Any, worker: Any) -> None:
    """Stop the service, whatever made the worker end. The master, too, gets here; it has none."""
    if worker.pid == os.getpid() and hasattr(worker, "wsgi"):
        _lifecycle(worker).stop(Deadline.after(STOP_SECONDS))


def _lifecycle(worker: Any) -> Lifecycle:
    lifecycle: Lifecycle = worker.wsgi.extensions[EXTENSION].lifecycle
    return lifecycle


def _spare_collections() -> None:
    """Let the search for cycles leave out what was imported, and be made less often.

    Requests leave few cycles behind, and with Python's defaults the search takes a tenth of their
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTION_THRESHOLD)


def _wrap_sigterm(lifecycle: Lifecycle) -> None:
    """Release every waiter first. It happens in a thread, for a signal may find any lock held."""
    gunicorns_own: Any = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        Thread(target=lifecycle.begin_stopping, name="wuts-stop", daemon=True).start()
        gunicorns_own(number, frame)

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)
