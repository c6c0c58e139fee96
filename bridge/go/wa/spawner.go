package wa

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
)

// spawner starts every goroutine of the bridge: a panic in one ends that one and not the process.
//
// mu guards the count of what runs.
type spawner struct {
	log *slog.Logger

	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when nothing runs any more; nil while nobody waits for that
}

// Go runs f in a goroutine of its own. The name is for the log.
func (s *spawner) Go(name string, f func()) {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
	go func() {
		defer s.ended()
		s.guard(name, f)
	}()
}

func (s *spawner) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.running == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// guard runs f and logs a panic. It reports whether f came to its end.
func (s *spawner) guard(name string, f func()) (finished bool) {
	defer func() {
		if !finished {
			LogPanic(s.log, name, recover())
		}
	}()
	f()
	return true
}

// wait returns how many goroutines still run when all have ended or the context has.
func (s *spawner) wait(ctx context.Context) int {
	s.mu.Lock()
	if s.running > 0 && s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle, running := s.idle, s.running
	s.mu.Unlock()
	if running == 0 {
		return 0
	}
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.running
	}
}

// LogPanic writes a recovered panic to the log. Only the runtime's own words are written: any other
// value may hold what must not be logged.
func LogPanic(log *slog.Logger, name string, value any) {
	cause := fmt.Sprintf("%T", value)
	if failure, ok := value.(runtime.Error); ok {
		cause = failure.Error()
	}
	log.Error("panic_recovered", "where", name, "cause", cause, "stack", string(debug.Stack()))
}
