"""Puts together what webhooks are made of."""

from __future__ import annotations

import random
from dataclasses import dataclass

import httpx

from sessions.devices import Devices
from sessions.environment import Environment
from sessions.metrics import Metrics
from sessions.vault import Vault
from sessions.webhooks.agenda import Agenda
from sessions.webhooks.configuration import Webhooks
from sessions.webhooks.deliveries import Deliveries
from sessions.webhooks.egress import Guard
from sessions.webhooks.outbox import Outbox
from sessions.webhooks.posting import Lines
from sessions.webhooks.rounds import Tools
from sessions.webhooks.sender import Sender, Senders


@dataclass(frozen=True, slots=True)
class Delivering:
    """The use cases, the outbox that the pump wakes, and the threads that send."""

    webhooks: Webhooks
    deliveries: Deliveries
    outbox: Outbox
    senders: Senders


def build_webhooks(
    environment: Environment, devices: Devices, *, guard: Guard, vault: Vault, metrics: Metrics
) -> Delivering:
    """Make the parts. Nothing is started yet."""
    agenda = Agenda()
    outbox = Outbox(environment.database, agenda, environment.now)
    environment.registry.listen(outbox.wake)
    # Without the environment's certificates, proxies and passwords.
    lines = Lines(guard, httpx.create_ssl_context(trust_env=False))
    tools = Tools(
        database=environment.database,
        registry=environment.registry,
        lines=lines,
        vault=vault,
        now=environment.now,
        spread=lambda: random.uniform(-1, 1),  # noqa: S311 - it only spreads retries
        metrics=metrics,
    )
    return Delivering(
        webhooks=Webhooks(environment, outbox, lines=lines, guard=guard, vault=vault),
        deliveries=Deliveries(environment, devices, outbox),
        outbox=outbox,
        senders=Senders(Sender(agenda, tools), outbox),
    )
