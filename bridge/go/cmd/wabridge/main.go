// Command wabridge is the C face of the bridge: a shared library with five symbols. docs/bridge.md says
// what they take and return. Nothing is decided here.
package main

/*
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef const char wa_text;
*/
import "C"

import (
	"os"
	"time"
	"unsafe"

	"wuts/rpc"
)

var server = rpc.Server{Log: os.Stderr}

//export wa_start
func wa_start(config *C.wa_text, length C.size_t) *C.char {
	return toC(func() []byte { return server.Start(fromC(config, length)) })
}

//export wa_call
func wa_call(method *C.wa_text, request *C.wa_text, length C.size_t) *C.char {
	return toC(func() []byte { return server.Call(C.GoString((*C.char)(method)), fromC(request, length)) })
}

//export wa_next_events
func wa_next_events(ack C.uint64_t, timeoutMS C.int32_t) *C.char {
	return toC(func() []byte { return server.NextEvents(uint64(ack), milliseconds(timeoutMS)) })
}

//export wa_stop
func wa_stop(deadlineMS C.int32_t) *C.char {
	return toC(func() []byte { return server.Stop(milliseconds(deadlineMS)) })
}

//export wa_free
func wa_free(reply *C.char) {
	C.free(unsafe.Pointer(reply))
}

func fromC(text *C.wa_text, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text)), int(length))
}

// toC hands a reply over to the caller. A panic must not cross into C: it would end the process.
func toC(answer func() []byte) (reply *C.char) {
	defer func() {
		if recover() != nil {
			reply = C.CString(rpc.Defect)
		}
	}()
	return C.CString(string(answer()))
}

func milliseconds(count C.int32_t) time.Duration {
	return time.Duration(count) * time.Millisecond
}

func main() {}
