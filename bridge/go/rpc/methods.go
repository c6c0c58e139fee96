package rpc

import (
	"context"

	"wuts/wa"
)

// method is one row of the table of methods in docs/bridge.md.
type method struct {
	name string
	// maySend marks what may have reached WhatsApp when its deadline passes.
	maySend bool
	run     runner
}

type runner func(ctx context.Context, bridge *wa.Bridge, params []byte) (any, error)

// typed makes a method's run of a function that takes its params decoded and checked.
func typed[P any](f func(context.Context, *wa.Bridge, P) (any, error)) runner {
	return func(ctx context.Context, bridge *wa.Bridge, text []byte) (any, error) {
		var params P
		if err := decodeStrict(text, &params); err != nil {
			return nil, err
		}
		return f(ctx, bridge, params)
	}
}

var methods = []method{
	{name: "device.create", run: typed(createDevice)},
	{name: "device.list", run: typed(listDevices)},
	{name: "device.status", run: typed(deviceStatus)},
	{name: "device.connect", run: typed(connectDevice)},
	{name: "device.disconnect", run: typed(disconnectDevice)},
	{name: "device.logout", run: typed(logoutDevice), maySend: true},
	{name: "device.erase", run: typed(eraseDevice), maySend: true},
	{name: "device.qr", run: typed(deviceQR)},
	{name: "device.pair_code", run: typed(devicePairCode), maySend: true},
	{name: "device.pairing", run: typed(devicePairing)},
	{name: "device.passkey", run: typed(devicePasskey)},
	{name: "device.passkey_answer", run: typed(answerPasskey), maySend: true},
	{name: "device.passkey_confirm", run: typed(confirmPasskey), maySend: true},
	{name: "app_state.apply", run: typed(applyAppState), maySend: true},
	{name: "app_state.sync", run: typed(syncAppState)},
	{name: "app_state.status", run: typed(appStateStatus)},
	{name: "call.reject", run: typed(rejectCall), maySend: true},
	{name: "message.send_text", run: typed(sendText), maySend: true},
	{name: "chat.typing", run: typed(setTyping), maySend: true},
	{name: "chat.set_disappearing", run: typed(setDisappearing), maySend: true},
	{name: "presence.set", run: typed(setPresence), maySend: true},
	{name: "presence.subscribe", run: typed(subscribePresence), maySend: true},
	{name: "tenant.erase", run: typed(eraseTenant), maySend: true},
	{name: "bridge.stats", run: typed(bridgeStats)},
}

func findMethod(name string) (method, bool) {
	for _, candidate := range methods {
		if candidate.name == name {
			return candidate, true
		}
	}
	return method{}, false
}
