package wa

import "go.mau.fi/libsignal/logger"

// silentSignal drops what libsignal logs. By default it prints addresses and session failures to the
// standard output, and sets its logger up without a lock on first use.
type silentSignal struct{}

func (silentSignal) Debug(string, string)   {}
func (silentSignal) Info(string, string)    {}
func (silentSignal) Warning(string, string) {}
func (silentSignal) Error(string, string)   {}
func (silentSignal) Configure(string)       {}

func init() {
	if logger.Logger == nil {
		logger.Logger = silentSignal{}
	}
}
