package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// The scavenger is not to be had from outside the runtime either. Go's own tests drive its parts through export_test.go; a test of ours is
// laid over the runtime's (go test -overlay), does the same, and writes down every answer. And the lines of scavtrace come from a child.

//go:embed overlay
var overlay embed.FS

func recordScavenger() json.RawMessage {
	dir, err := os.MkdirTemp("", "go-oracle-")
	check(err)
	defer os.RemoveAll(dir)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	replace := map[string]string{}
	for _, name := range []string{"scavenger_export_test.go", "scavenger_record_test.go"} {
		text, err := overlay.ReadFile("overlay/" + name)
		check(err)
		check(os.WriteFile(filepath.Join(dir, name), text, 0o644))
		replace[filepath.Join(strings.TrimSpace(string(goroot)), "src", "runtime", "zz_"+name)] = filepath.Join(dir, name)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	check(err)
	check(os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644))
	out := filepath.Join(dir, "recording.json")
	cmd := exec.Command("go", "test", "-overlay", filepath.Join(dir, "overlay.json"), "runtime", "-run", "^TestRecordScavenger$", "-count=1")
	cmd.Env = append(os.Environ(), "SCAVENGER_RECORDING="+out)
	if said, err := cmd.CombinedOutput(); err != nil {
		fail("recording the scavenger: %v\n%s", err, said)
	}
	text, err = os.ReadFile(out)
	check(err)
	return text
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
