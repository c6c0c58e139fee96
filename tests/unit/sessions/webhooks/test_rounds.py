"""Delivery over real connections: in order, again until taken, given up, never blocking others."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from sessions.config import Listener
from sessions.store import webhooks
from sessions.webhooks.values import DeliveryStatus, Failure
from tests.support.receiver import Receiver, hang, receiving, status
from tests.support.sessions import Stage, running, wait_until
from tests.support.webhooks import LOOPBACK, Clock, Hook, Hooked, make_hooked

OF_TENANT = 4
"""How many prompt devices of a tenant have their turns at once."""


def settle(receiver: Receiver, count: int) -> None:
    """Wait until as many requests came."""
    wait_until(lambda: len(receiver.requests) >= count)


def statuses(hooked: Hooked) -> list[tuple[int, DeliveryStatus, int]]:
    """Return sequence, status and attempts of each delivery."""
    return [
        (delivery.sequence, delivery.status, delivery.attempts) for delivery in hooked.deliveries()
    ]


def test_events_come_in_order(hook: Hook) -> None:
    """More than one round's events come once each, by sequence, and are noted as delivered."""
    with receiving() as receiver:
        hooked = hook(receiver.url)
        hooked.happen(60)
        settle(receiver, 60)
        assert receiver.sequences() == list(range(1, 61))
        wait_until(lambda: len(hooked.deliveries()) == 60)
        assert {delivery.status for delivery in hooked.deliveries()} == {DeliveryStatus.DELIVERED}
        assert [request.event["id"] for request in receiver.requests] == [
            entry.id for entry in hooked.feed.log()
        ]


def test_what_follows_waits(hook: Hook, clock: Clock) -> None:
    """While an event waits nothing behind it is sent; it comes again with the same id."""
    with receiving(status(500), status(204)) as receiver:
        hooked = hook(receiver.url)
        hooked.happen(2)
        wait_until(lambda: statuses(hooked) == [(1, DeliveryStatus.WAITING, 1)])
        hooked.happen(1)
        clock.advance(seconds=7)
        assert receiver.sequences() == [1]
        clock.advance(seconds=5)
        wait_until(lambda: len(hooked.deliveries()) == 3)
        assert receiver.sequences() == [1, 1, 2, 3]
        assert receiver.requests[0].event["id"] == receiver.requests[1].event["id"]
        assert statuses(hooked)[0] == (1, DeliveryStatus.DELIVERED, 2)


def test_given_up(hook: Hook, clock: Clock) -> None:
    """An event that was not taken is given up; those behind it get one attempt until one is."""
    failed, delivered = DeliveryStatus.FAILED, DeliveryStatus.DELIVERED
    with receiving(status(500), status(500), status(500), status(204)) as receiver:
        hooked = hook(receiver.url, retry_attempts=1)
        hooked.happen(4)
        wait_until(lambda: statuses(hooked) == [(1, DeliveryStatus.WAITING, 1)])
        clock.advance(seconds=13)
        wait_until(lambda: statuses(hooked) == [(1, failed, 2)])
        clock.advance(seconds=1)
        wait_until(lambda: statuses(hooked)[1:] == [(2, failed, 1)])
        clock.advance(seconds=1)
        wait_until(lambda: statuses(hooked)[2:] == [(3, delivered, 1), (4, delivered, 1)])
        assert receiver.sequences() == [1, 1, 2, 3, 4]


def test_what_is_measured(hook: Hook, stage: Stage, clock: Clock) -> None:
    """Attempts, events that were taken or given up and how long they took, and how webhooks are."""
    with receiving(status(500), status(204)) as receiver:
        hooked = hook(receiver.url, retry_attempts=0)
        hook(receiver.url, enabled=False)
        hooked.happen(2)
        wait_until(lambda: statuses(hooked) == [(1, DeliveryStatus.FAILED, 1)])
        text = stage.service.metrics.render().decode()
        for status_of, count in (("well", 0), ("failing", 1), ("disabled", 1)):
            assert f'wuts_webhooks{{status="{status_of}"}} {count}.0' in text
        assert "wuts_outbox_events 1.0" in text
        clock.advance(seconds=1)
        wait_until(lambda: len(hooked.deliveries()) == 2)
        text = stage.service.metrics.render().decode()
    for sample in (
        'wuts_deliveries_total{outcome="http_status"} 1.0',
        'wuts_deliveries_total{outcome="delivered"} 1.0',
        "wuts_deliveries_given_up_total 1.0",
        'wuts_delivery_seconds_bucket{le="0.1"} 0.0',
        "wuts_delivery_seconds_count 1.0",
        "wuts_delivery_attempt_seconds_count 2.0",
        'wuts_webhooks{status="well"} 1.0',
        "wuts_outbox_events 0.0",
    ):
        assert sample in text, sample


def disabled(hooked: Hooked) -> list[str]:
    """Return the reasons of the events that say that a webhook was disabled."""
    return [data["reason"] for _, data in hooked.feed.events("webhook.disabled")]


def test_gone(hook: Hook) -> None:
    """410 disables the webhook; an event says so, and nothing more is sent until it is enabled."""
    with receiving(status(410), status(204)) as receiver:
        hooked = hook(receiver.url)
        hooked.happen(3)
        wait_until(lambda: disabled(hooked) == ["gone"])
        webhook = hooked.feed.stage.service.webhooks.find(
            hooked.feed.principal, hooked.feed.device.id
        )
        assert (webhook.enabled, webhook.disabled_reason) == (False, "gone")
        assert receiver.sequences() == [1]
        hooked.configure(enabled=True)
        settle(receiver, 4)
        assert receiver.sequences() == [1, 1, 2, 3]


def test_nothing_taken_for_a_day(hook: Hook, clock: Clock) -> None:
    """After 24 hours without success the webhook is disabled."""
    with receiving(status(503)) as receiver:
        hooked = hook(receiver.url, retry_attempts=20)
        hooked.happen(1)
        wait_until(lambda: len(hooked.deliveries()) == 1)
        clock.advance(hours=24)
        wait_until(lambda: disabled(hooked) == ["no_success_for_24_hours"])


def test_a_webhook_that_was_off_begins_anew(hook: Hook) -> None:
    """What happened while its owner wanted nothing is not sent afterwards."""
    with receiving() as receiver:
        hooked = hook(receiver.url, enabled=False)
        hooked.happen(2)
        hooked.configure(enabled=True)
        hooked.happen(1)
        settle(receiver, 1)
        assert receiver.sequences() == [3]


def test_only_wanted_events(hook: Hook) -> None:
    """Others are passed by, and their sequences are missing."""
    with receiving() as receiver:
        hooked = hook(receiver.url)
        hooked.feed.change("pin_v1", "15557000001@s.whatsapp.net", True)
        hooked.happen(1)
        settle(receiver, 1)
        assert receiver.sequences() == [2]


def test_a_new_address_is_tried_at_once(hook: Hook) -> None:
    """An owner who corrects the URL does not wait for the next retry."""
    with receiving(status(500)) as broken, receiving() as receiver:
        hooked = hook(broken.url)
        hooked.happen(1)
        wait_until(lambda: len(hooked.deliveries()) == 1)
        hooked.configure(webhook_url=receiver.url)
        settle(receiver, 1)
        assert receiver.sequences() == [1]


def test_dead_receivers_block_nobody(hook: Hook, clock: Clock) -> None:
    """Receivers of a tenant hang; another's events come all the same, and its own soon after."""
    with receiving(hang) as dead, receiving() as receiver:
        first = hook(dead.url, timeout=30)
        owner = first.feed.principal
        hooks = [first, *(hook(dead.url, owner=owner, timeout=30) for _ in range(OF_TENANT - 1))]
        for hooked in hooks:
            hooked.happen(3)
        settle(dead, OF_TENANT)
        own = hook(receiver.url, owner=owner)
        own.happen(1)
        well = hook(receiver.url)
        well.happen(30)
        wait_until(lambda: len(well.deliveries()) == 30)
        clock.advance(seconds=2)
        wait_until(lambda: len(own.deliveries()) == 1)
        assert len(dead.requests) == OF_TENANT


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://localhost:{port}/", Failure.REFUSED_ADDRESS),
        ("https://127.0.0.1:{port}/", Failure.TLS),
        ("http://127.0.0.1:{port}/", Failure.HTTP_STATUS),
    ],
    ids=["own listener", "no TLS", "redirect"],
)
def test_what_is_refused_is_recorded(
    tmp_path: Path, clock: Clock, url: str, failure: Failure
) -> None:
    """Where nothing may be sent to, or would lead elsewhere, stands in the list of deliveries."""
    redirect = status(307, Location="http://127.0.0.1:1/")
    with receiving(redirect) as receiver:
        own = Listener("127.0.0.1", receiver.port if "localhost" in url else 1)
        allowed = (*LOOPBACK, ip_network("::1/128"))
        with running(tmp_path, now=clock, listeners=(own,), webhook_allow=allowed) as stage:
            hooked = make_hooked(stage, url.format(port=receiver.port))
            hooked.happen(1)
            wait_until(lambda: len(hooked.deliveries()) == 1)
            (delivery,) = hooked.deliveries()
    assert (delivery.status, delivery.outcome.failure) == (DeliveryStatus.WAITING, failure)
    assert len(receiver.requests) == (failure is Failure.HTTP_STATUS)


def test_a_restart_goes_on(tmp_path: Path, clock: Clock) -> None:
    """What an earlier process has not noted as taken is sent by the next one, when it is due.

    That one knows from the beginning whose receivers fail.
    """
    with receiving(status(500), status(204)) as receiver:
        with running(tmp_path, now=clock, webhook_allow=LOOPBACK) as stage:
            hooked = make_hooked(stage, receiver.url)
            hooked.happen(2)
            wait_until(lambda: len(hooked.deliveries()) == 1)
            with stage.service._environment.database.read() as transaction:
                (found,) = webhooks.enabled(transaction)
            assert (found.has_work, found.is_failing) == (True, True)
        clock.advance(seconds=12)
        with running(tmp_path, now=clock, webhook_allow=LOOPBACK):
            settle(receiver, 3)
        assert receiver.sequences() == [1, 1, 2]
