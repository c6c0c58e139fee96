"""The composition root of the domain: makes every part, and starts and stops them in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from bridge.interface import Bridge
from sessions.addressing import MirrorAddresses
from sessions.admission import Admission
from sessions.audit import Audit, AuditThread
from sessions.boot import Boot, BootThread
from sessions.call_worker import CallWorker
from sessions.calls import Calls
from sessions.chat_list import ChatList
from sessions.chats import Chats
from sessions.choices import Choices
from sessions.collections import Collections
from sessions.collector import ServiceCollector
from sessions.config import ServiceConfig
from sessions.connections import Connections
from sessions.data_directory import DataDirectory, DataUnusable
from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.disappearing import Disappearing
from sessions.environment import Environment
from sessions.errors import StorageUnavailable
from sessions.event_log import EventLog
from sessions.event_streams import EventStreams, Pace
from sessions.idempotency import Idempotency
from sessions.metrics import Metrics
from sessions.parts import Part, Repeater
from sessions.passkeys import Passkeys
from sessions.pool import Pool
from sessions.presence import Presence
from sessions.pump import Pump, PumpThread
from sessions.registry import Registry
from sessions.restores import note_start
from sessions.session import Machinery
from sessions.storage import Storage
from sessions.store import devices as device_rows
from sessions.store.database import Database
from sessions.store.meta import claim_key, claim_network
from sessions.tenants import Tenants
from sessions.times import WallClock, utc_now
from sessions.tokens import Tokens
from sessions.upkeep import Upkeep
from sessions.users import Users
from sessions.vault import Vault, WrongKey
from sessions.waiting import WaitingRoom
from sessions.webhooks.assembly import build_webhooks
from sessions.webhooks.configuration import renew_secrets
from sessions.webhooks.egress import Guard

_DRAIN_SECONDS = 3.0
_PAUSE_SECONDS = 2.0
_WRONG_KEY = "its secrets were encrypted with another key than that of WUTS_ENCRYPTION_KEY"
# Go's names of the levels, where they differ from Python's.
_LOG_LEVELS = {"warning": "warn"}

log = structlog.get_logger(__name__)


class Service:
    """The use cases, and the life of what is behind them. Started and stopped once each."""

    def __init__(
        self,
        environment: Environment,
        *,
        room: WaitingRoom,
        pool: Pool,
        bridge: Bridge,
        metrics: Metrics,
    ) -> None:
        connections = Connections(environment)
        guard = Guard(environment.config.webhook_allow, environment.config.listeners)
        self.tenants = Tenants(environment, guard)
        self.users = Users(environment, connections, guard)
        self.tokens = Tokens(environment.database, environment.now)
        self.audit = Audit(environment)
        self.idempotency = Idempotency(environment.database, environment.now)
        self.devices = Devices(environment, connections)
        self.passkeys = Passkeys(environment, self.devices)
        choices = Choices(environment.database, self.devices)
        self.chats = Chats(environment, choices)
        worker = CallWorker(environment, pool, metrics=metrics)
        self.calls = Calls(environment, self.devices, worker=worker, metrics=metrics)
        self.presence = Presence(environment, choices)
        self.disappearing = Disappearing(environment, choices)
        self.chat_list = ChatList(environment, self.devices)
        self.event_log = EventLog(environment, self.devices)
        self.event_streams = EventStreams(
            environment, self.devices, log=self.event_log, pace=Pace()
        )
        self.collections = Collections(environment, self.devices)
        self.vault = Vault()
        delivering = build_webhooks(
            environment, self.devices, guard=guard, vault=self.vault, metrics=metrics
        )
        self.webhooks, self.deliveries = delivering.webhooks, delivering.deliveries
        self.outbox = delivering.outbox
        self._senders = delivering.senders
        self._environment = environment
        self._room = room
        self._pool = pool
        self._bridge = bridge
        self._bridge_is_started = False
        self._pump = PumpThread(build_pump(environment, bridge, worker))
        self.metrics = metrics
        collector = ServiceCollector(
            environment, pool=pool, pump=self._pump, bridge=bridge, outbox=self.outbox
        )
        metrics.registry.register(collector)
        self._answering = Repeater("calls", worker.step_when_due, pause=0, wake=worker.wake)
        self._storage = Repeater("storage", environment.storage.step, pause=_PAUSE_SECONDS)
        self._audit_thread = AuditThread(self.audit)
        self._boot = BootThread(Boot(environment.database, connections))
        self._upkeep = Repeater("upkeep", Upkeep(environment).step, pause=_PAUSE_SECONDS)
        self._started: list[Part] = []

    def start(self) -> None:
        """Start every part; when one fails, stop those before it and raise.

        Raises DataBelongsElsewhere, DataUnusable, BridgeError.
        """
        try:
            for part in self._parts():
                part.start()
                self._started.append(part)
        except BaseException:
            self.stop(Deadline.after(_DRAIN_SECONDS))
            raise

    def begin_stopping(self) -> None:
        """Refuse new commands, and release everybody who waits, with ShuttingDown."""
        self._room.close()

    def stop(self, deadline: Deadline) -> None:
        """Stop every part, the last one first. One that fails doesn't keep the others running."""
        self.begin_stopping()
        while self._started:
            part = self._started.pop()
            try:
                part.stop(deadline)
            except Exception:
                log.exception("part_stop_failed", part=part.name)

    def readiness(self) -> Mapping[str, bool]:
        """Return which components are well. WhatsApp being out of reach is none of them."""
        return {
            "database": self._environment.storage.is_well,
            "bridge": self._bridge_is_started,
            "pump": self._pump.is_well,
            "drain": not self._room.is_closed,
        }

    def _parts(self) -> Sequence[Part]:
        database, pool = self._environment.database, self._pool
        return (
            Part("database", self._open_database, lambda _: database.close()),
            Part("storage", self._start_storage, self._storage.stop),
            Part("audit", self._audit_thread.start, self._audit_thread.stop),
            Part("pool", pool.start, pool.stop),
            Part("bridge", self._start_bridge, self._stop_bridge),
            Part("pump", self._pump.start, self._pump.stop),
            self._answering.as_part(),
            Part("commands", self._room.open, self._drain),
            self._upkeep.as_part(),
            Part("webhooks", self._senders.start, self._senders.stop),
            Part("boot", self._boot.start, self._boot.stop),
        )

    def _open_database(self) -> None:
        database = self._environment.database
        try:
            database.open()
            self._claim_data()
        except StorageUnavailable as error:
            database.close()
            reason = str(getattr(error.__cause__, "orig", error))
            raise DataUnusable(database.path, reason) from error
        except BaseException:
            database.close()
            raise

    def _start_storage(self) -> None:
        # What there is room for is known before anything is asked.
        self._environment.storage.step()
        self._storage.start()

    def _claim_data(self) -> None:
        """Make sure that the data is this network's, and its secrets readable with these keys."""
        config, database = self._environment.config, self._environment.database
        now = self._environment.now()
        self.vault.unlock(DataDirectory(config.data_dir).encryption_key(config.encryption_key))
        try:
            with database.write() as transaction:
                claim_network(transaction, config.network.name)
                if not claim_key(transaction, self.vault):
                    renew_secrets(transaction, self.vault)
                note_start(transaction, config.data_dir, now)
                device_rows.forget_live_states(transaction, now)
        except WrongKey:
            raise DataUnusable(database.path, _WRONG_KEY) from None

    def _start_bridge(self) -> None:
        self._bridge.start(_bridge_config(self._environment.config))
        self._bridge_is_started = True

    def _stop_bridge(self, deadline: Deadline) -> None:
        self._bridge_is_started = False
        self._bridge.stop(deadline_ms=deadline.remaining_ms())

    def _drain(self, deadline: Deadline) -> None:
        """Let what is being sent come to its end, for a short while."""
        self._room.close()
        self._pool.drain(Deadline.after(min(_DRAIN_SECONDS, deadline.remaining() / 2)))


def build_pump(environment: Environment, bridge: Bridge, worker: CallWorker) -> Pump:
    """Make the pump, which tells the worker of new calls."""
    return Pump(
        bridge,
        environment.database,
        registry=environment.registry,
        now=environment.now,
        on_calls=worker.note_calls,
    )


def build_service(config: ServiceConfig, bridge: Bridge, *, now: WallClock = utc_now) -> Service:
    """Make a service. Nothing is opened or started yet."""
    room = WaitingRoom()
    pool = Pool(config.pool_size, per_tenant=config.tenant_running)
    metrics = Metrics()
    database = Database(config.data_dir / "wuts.db")
    storage = Storage(config, database, now)
    machinery = Machinery(bridge, pool, room, config, metrics, MirrorAddresses(database))
    environment = Environment(
        config=config,
        database=database,
        storage=storage,
        registry=Registry(machinery),
        admission=Admission(config, storage),
        now=now,
    )
    return Service(environment, room=room, pool=pool, bridge=bridge, metrics=metrics)


def _bridge_config(config: ServiceConfig) -> dict[str, Any]:
    return {
        "devices_dir": str(config.data_dir / "devices"),
        "network": config.network.to_bridge(),
        "log_level": _LOG_LEVELS.get(config.log_level, config.log_level),
        **({"wa_version": config.wa_version} if config.wa_version else {}),
    }
