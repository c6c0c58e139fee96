package main

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
)

const (
	chatsOfWorker = 40
	patchTimeout  = 20 * time.Second
)

// outcome is what came of an order. The times are those of archives that succeeded.
type outcome struct {
	Archived int     `json:"archived"`
	Failed   int     `json:"failed"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
}

// archive lets workers archive until the time is over.
func archive(ctx context.Context, client *whatsmeow.Client, wanted order) outcome {
	began := time.Now()
	until := began.Add(time.Duration(wanted.Seconds * float64(time.Second)))
	var (
		workers sync.WaitGroup
		mutex   sync.Mutex
		lasted  []time.Duration
		failed  int
	)
	for worker := range wanted.Workers {
		workers.Go(func() {
			good, bad := work(ctx, client, worker, until)
			mutex.Lock()
			defer mutex.Unlock()
			lasted, failed = append(lasted, good...), failed+bad
		})
	}
	workers.Wait()
	slices.Sort(lasted)
	return outcome{
		len(lasted), failed, time.Since(began).Seconds(), quantile(lasted, 0.5), quantile(lasted, 0.99),
	}
}

// work archives one chat of the worker's after the other.
func work(ctx context.Context, client *whatsmeow.Client, worker int, until time.Time) (lasted []time.Duration, failed int) {
	for n := 0; time.Now().Before(until); n++ {
		number := strconv.Itoa(1_555_000_0000 + worker*10_000 + n%chatsOfWorker)
		chat := types.NewJID(number, types.DefaultUserServer)
		began := time.Now()
		attempt, cancel := context.WithTimeout(ctx, patchTimeout)
		err := client.SendAppState(attempt, appstate.BuildArchive(chat, true, began, nil))
		cancel()
		if err != nil {
			failed++
			continue
		}
		lasted = append(lasted, time.Since(began))
	}
	return lasted, failed
}

// quantile returns the time in milliseconds within which this share of the sorted archives was done.
func quantile(lasted []time.Duration, share float64) float64 {
	if len(lasted) == 0 {
		return 0
	}
	at := min(len(lasted)-1, int(share*float64(len(lasted))))
	return float64(lasted[at].Microseconds()) / 1000
}
