"""Calls from the caller's phone to the API and back, with what the simulator saw of it."""

from __future__ import annotations

from typing import Any

from app.processes import wait_for
from tests.support.service import Caller, Service
from tests.support.simulator import Phone, Simulator

ANN, ANN_DEVICE = "15557100001@s.whatsapp.net", "15557100001:7@s.whatsapp.net"
BOB, CAT, DAN = (f"1555710000{number}@s.whatsapp.net" for number in (2, 3, 4))
EVE_LID = "200000000071005@lid"
GROUP = "120363000000000071@g.us"
TEXT = "I can't talk here.\nPlease write."
REPLY = {"enabled": True, "text": TEXT}


def configure(caller: Caller, **change: Any) -> None:
    """Change the device's settings."""
    answer = caller.request("PUT", "/calls/settings", json=change)
    assert answer.status_code == 200, answer.text


def reject(caller: Caller, call_id: str) -> Any:
    """Reject a call by its id alone; returns its state."""
    answer = caller.request("POST", "/calls/reject", json={"call_id": call_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["state"]


def row(caller: Caller, call_id: str) -> dict[str, Any]:
    """Return a call, or an empty row."""
    return dict(caller.request("GET", f"/calls/{call_id}").json().get("call", {}))


def wait_row(caller: Caller, call_id: str, **wanted: Any) -> dict[str, Any]:
    """Wait until a call is so, and return it."""

    def found() -> dict[str, Any] | None:
        present = row(caller, call_id)
        return present if wanted.items() <= present.items() else None

    return wait_for(found, seconds=20, what=f"a call with {wanted}")


def events(caller: Caller, call_id: str) -> list[dict[str, Any]]:
    """Return the entries of the log about a call."""
    log = caller.request("GET", "/events", params={"limit": 1000}).json()["events"]
    return [event for event in log if event["data"].get("call_id") == call_id]


def test_a_call_is_rejected_by_request(linked: Caller, phone: Phone) -> None:
    """It rings, the reject names its id and creator, and row and events agree on the end."""
    call_id = phone.ring(ANN_DEVICE, creator=ANN_DEVICE, video=True)
    query = {"types": "call.offer", "wait": 25}
    [offer] = linked.request("GET", "/events", params=query).json()["events"]
    assert offer["data"]["call_id"] == call_id
    assert (offer["data"]["from"], offer["data"]["media"]) == (ANN, "video")
    assert reject(linked, call_id) == "rejecting"
    [seen] = phone.calls()[call_id]["rejects"]
    assert (seen["call_id"], seen["creator"], seen["acked"]) == (call_id, ANN_DEVICE, True)
    assert row(linked, call_id)["reject_acknowledged"] is True
    phone.act(f"calls/{call_id}/end", reason="hangup")
    ended = wait_row(linked, call_id, state="ended", reason="hangup")
    told = events(linked, call_id)
    assert [event["event"] for event in told] == ["call.offer", "call.terminate"]
    assert told[-1]["data"] == ended
    answer = linked.request("POST", "/calls/reject", json={"call_id": call_id})
    assert answer.json()["error_code"] == "CALL_ENDED"


def test_callers_are_rejected_and_answered(caller: Caller, simulator: Simulator) -> None:
    """Ten calls bring one reply, decrypted at the caller; a group's goes to who calls, by LID too.

    Offers that come twice or after a time offline are rejected and answered once; while replies are
    disabled nobody gets any.
    """
    phone = simulator.add_phone(groups=[{"jid": GROUP, "subject": "Choir"}])
    linked = caller.link(phone)
    configure(linked, auto_reject="all", auto_reply={"text": TEXT})
    phone.fault(action="duplicate", direction="out", tag="call", times=1)
    silent = wait_row(linked, phone.ring(BOB), auto_rejected=True)
    configure(linked, auto_reply={"enabled": True})
    calls = [phone.ring(ANN) for _ in range(10)]
    group = phone.ring(EVE_LID, group=GROUP, notice=True)
    for call_id in (*calls, group):
        wait_row(linked, call_id, auto_rejected=True)
    assert wait_row(linked, group, auto_replied=True)["group_jid"] == GROUP
    assert "phone_number" not in row(linked, group)
    assert linked.request("POST", "/disconnect").status_code == 200
    late = phone.ring(CAT)
    assert linked.request("POST", "/connect").status_code == 200
    wait_row(linked, late, auto_rejected=True, auto_replied=True)
    wait_row(linked, calls[0], auto_replied=True)
    texts = phone.texts()
    assert sorted(text["to"] for text in texts if text["to"] == EVE_LID) == [EVE_LID]
    assert {text["text"] for text in texts} == {TEXT}
    assert len(texts) == 3
    assert {text["arrivals"] for text in texts} == {1}
    told = events(linked, silent["call_id"])
    assert [event["event"] for event in told] == ["call.offer"]
    assert [row(linked, call_id)["auto_replied"] for call_id in calls] == [True] + [False] * 9


def test_the_reply_comes_although_the_reject_failed(linked: Caller, phone: Phone) -> None:
    """WhatsApp takes no reject, and the caller gets the text all the same."""
    configure(linked, auto_reject="all", auto_reply=REPLY)
    phone.fault(action="swallow", when="after", direction="in", tag="call", times=1)
    call_id = phone.ring(DAN)
    call = wait_row(linked, call_id, auto_replied=True)
    assert (call["state"], call["reject_acknowledged"]) == ("rejecting", False)
    [text] = phone.texts()
    assert text["text"] == TEXT


def test_a_kill_before_the_reply_was_noted(own_service: Service, simulator: Simulator) -> None:
    """The next process sends it again, as the same message: the caller reads one."""
    phone = simulator.add_phone()
    caller = own_service.register().link(phone)
    configure(caller, auto_reject="all", auto_reply=REPLY)
    phone.fault(action="swallow", when="after", direction="in", tag="message", times=1)
    call_id = phone.ring(ANN)
    condition = {"account": phone.pn, "message": {"text": TEXT}}
    simulator.post("/v1/wait", {"condition": condition, "timeout": "20s"})
    own_service.kill()
    assert TEXT.split("\n")[0] not in own_service.logs()
    own_service.start()
    wait_row(caller, call_id, auto_replied=True)
    [text] = phone.texts()
    assert (text["text"], text["arrivals"]) == (TEXT, 2)
    told = [event["event"] for event in events(caller, call_id)]
    assert told == ["call.offer", "call.auto_replied"]


def test_presence_and_disappearing_reach_whatsapp(linked: Caller, phone: Phone) -> None:
    """The server saw typing, presence, a subscription and the new time of a chat."""
    for method, path, body in (
        ("POST", "/presence", {"state": "online"}),
        ("POST", f"/chats/{ANN}/typing", {"state": "recording"}),
        ("POST", "/presence/subscribe", {"jid": ANN}),
        ("PUT", f"/chats/{ANN}/disappearing", {"seconds": 86_400}),
    ):
        answer = linked.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
    seen = [item["kind"] for item in phone.simulator.get(phone.url("/presence"))["presence"]]
    assert {"presence", "typing", "subscribe"} <= set(seen)
    [lasting] = phone.simulator.get(phone.url("/disappearing"))["disappearing"]
    assert lasting["seconds"] == 86_400
