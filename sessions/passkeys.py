"""Linking with the owner's passkey, which WhatsApp asks of some accounts.

The passkey is in an authenticator of the account's owner, out of reach from here: what WhatsApp
asks is handed out, and the authenticator's answer is handed on. Every method raises DeviceNotLinked
while no passkey is asked for, DeviceAlreadyLinked, and what `Devices.choose`, the admission and the
session raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import CodeNotShown, DeviceNotLinked
from sessions.principals import Principal
from sessions.session import Session
from sessions.states import Device, Passkey, PasskeyStage
from sessions.times import from_milliseconds
from sessions.watching import ASK_SECONDS, watch

_NONE_ASKED = "no passkey is asked for: the device is not being linked, or not that far"


class Passkeys:
    """Relays the exchange between WhatsApp and an owner's authenticator."""

    def __init__(self, environment: Environment, devices: Devices) -> None:
        self._environment = environment
        self._devices = devices

    def watch(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        known: PasskeyStage | None,
        wait: Deadline,
    ) -> Passkey:
        """Return what is asked, and how far the exchange is.

        Waits while that is the stage `known`, or for None while no passkey is asked for.
        """

        def is_old(_: Passkey | None, present: Passkey | None) -> bool:
            return (None if present is None else present.stage) is known

        device = self._devices.choose(principal, device_id)
        passkey = watch(self._environment, principal, device, look=_look, is_old=is_old, wait=wait)
        if passkey is None:
            raise DeviceNotLinked(_NONE_ASKED)
        return passkey

    def answer(
        self,
        principal: Principal,
        credential: Mapping[str, Any],
        *,
        device_id: str | None,
        deadline: Deadline,
    ) -> Passkey:
        """Hand the authenticator's answer on, unless there was one already.

        `credential` is WebAuthn's PublicKeyCredential in JSON. Raises DeviceError if WhatsApp does
        not take it, and DeviceNotReady if the connection is gone.
        """
        with self._environment.admission.command():
            device = self._devices.choose(principal, device_id)
            return self._step(device, "device.passkey_answer", deadline, credential=credential)

    def confirm(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> Passkey:
        """Tell WhatsApp that the owner sees the same code on the phone, or need not look.

        Raises CodeNotShown while the phone shows none, and DeviceNotReady as `answer` does.
        """
        with self._environment.admission.command():
            device = self._devices.choose(principal, device_id)
            passkey = self._step(device, "device.passkey_confirm", deadline)
        if passkey.stage is not PasskeyStage.CONFIRMED:
            raise CodeNotShown
        return passkey

    def _step(self, device: Device, method: str, deadline: Deadline, **params: Any) -> Passkey:
        session = self._environment.registry.session_of(device)
        try:
            told = session.control(lambda until: session.call(method, until, **params), deadline)
        except DeviceNotLinked:
            raise DeviceNotLinked(_NONE_ASKED) from None
        finally:
            # A step that is taken is no event, and one that failed may have been taken.
            self._environment.registry.notify(device.id)
        return _to_passkey(told)


def _look(session: Session) -> Passkey | None:
    try:
        return _to_passkey(session.ask("device.passkey", Deadline.after(ASK_SECONDS)))
    except DeviceNotLinked:
        return None


def _to_passkey(told: Mapping[str, Any]) -> Passkey:
    # What WhatsApp did not say is empty in the bridge's options.
    options = {name: value for name, value in told["public_key"].items() if value}
    return Passkey(
        stage=PasskeyStage(told["stage"]),
        public_key=options,
        compare=told["compare"],
        expires_at=from_milliseconds(told["expires_at"]),
        code=told.get("code"),
    )
