package wa

import (
	"testing"
	"time"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// A history that could not be downloaded before the end of a process is read by the next one, whole.
func TestHistoryGoesOnInTheNextProcess(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{
		PN: "15550000001", Chats: sim.Chats{Count: 50, LIDs: 20, ChunkSize: 20, Media: true},
	})
	fault := simulator.Fault(faults.Rule{Action: "media", What: "404"})
	config := simulatedConfig(t, simulator)
	reader, key, _ := linkFor(t, config, phone)
	reader.awaitSettled()
	s, err := reader.bridge.session(within(t), key)
	if err != nil {
		t.Fatal(err)
	}
	simulator.Until("all four notices are kept", func() bool {
		waiting, err := s.link.feed.notices(within(t))
		return err == nil && len(waiting) == 4
	})
	reader.bridge.Close(within(t))
	simulator.Faults().Remove(fault)
	again := openBridge(t, config)
	if _, err = again.Connect(within(t), key); err != nil {
		t.Fatal(err)
	}
	if seen := chatsIn(t, newReader(t, again).collect(ends(4))); len(seen) != 50 {
		t.Errorf("%d chats", len(seen))
	}
}

// While nobody reads events no message is acknowledged beyond what the queue takes; all come in the end.
func TestFullQueueLosesNoMessage(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001"})
	config := simulatedConfig(t, simulator)
	config.SpoolLimit, config.Timing.QueueFull = 40, 20*time.Millisecond
	reader, _, number := linkFor(t, config, phone)
	reader.awaitSettled()
	missing := map[string]bool{}
	for range 100 {
		missing[receive(t, phone, sim.Inbound{From: user(t, "15550002222@s.whatsapp.net"), Paired: true})] = true
	}
	simulator.Until("the session gives up", func() bool { return !phone.Online(number) })
	for _, event := range reader.collect(func(event Event) bool {
		if event.Type == "message.time" {
			delete(missing, decode[messageTimeData](t, event).MessageID)
		}
		return len(missing) == 0
	}) {
		if event.Type == "events.gap" {
			t.Error("a gap was reported")
		}
	}
}
