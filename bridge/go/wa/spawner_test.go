package wa

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// A panic ends its goroutine alone, is counted as an end, and its value stays out of the log.
func TestSpawnerSurvivesAPanic(t *testing.T) {
	var log bytes.Buffer
	s := &spawner{log: slog.New(slog.NewJSONHandler(&log, nil))}
	s.Go("broken", func() { panic("a canary") })
	if left := s.wait(within(t)); left != 0 {
		t.Errorf("%d goroutines are left", left)
	}
	if text := log.String(); !strings.Contains(text, `"where":"broken"`) || strings.Contains(text, "canary") {
		t.Errorf("the log says %s", text)
	}
}

// Waiting ends with the context and tells how many goroutines still run.
func TestSpawnerGivesUpWaiting(t *testing.T) {
	s := &spawner{log: slog.New(slog.DiscardHandler)}
	hold := make(chan struct{})
	s.Go("stuck", func() { <-hold })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if left := s.wait(ended); left != 1 {
		t.Errorf("%d goroutines are left", left)
	}
	close(hold)
	if left := s.wait(within(t)); left != 0 {
		t.Errorf("%d goroutines are left", left)
	}
}
