package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// The scavenger is not to be had from outside the runtime either: see overlay.go. The lines of scavtrace come from a child.

func recordScavenger() json.RawMessage {
	return recordInRuntime("TestRecordScavenger", "scavenger_export_test.go", "scavenger_record_test.go")
}

// recordScavtrace runs a child that frees memory in several ways. How much the scavenger gives back depends on the time that it gets.
func recordScavtrace() []string {
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe, "-child", "scavtrace")
	cmd.Env = append(os.Environ(), "GOGC=100", "GOMEMLIMIT=off", "GODEBUG=scavtrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	check(cmd.Run())
	var list []string
	for line := range strings.Lines(trace.String()) {
		if strings.HasPrefix(line, "scav ") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func scavtrace() {
	for range 6 {
		keep = nil
		for range 48 {
			keep = append(keep, make([]byte, 1<<20))
		}
		keep = keep[:4]
		runtime.GC()
		time.Sleep(60 * time.Millisecond)
	}
	debug.FreeOSMemory()
	debug.SetMemoryLimit(8 << 20)
	for range 8 {
		keep = append(keep[:2], make([]byte, 4<<20))
		runtime.GC()
	}
	debug.FreeOSMemory()
}
