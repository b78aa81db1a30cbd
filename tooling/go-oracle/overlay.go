package main

import (
	"embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What is not to be had from outside the runtime, Go's own tests drive through export_test.go. A test of ours is laid over the runtime's
// (go test -overlay), does the same, and writes down every answer.

//go:embed overlay
var overlay embed.FS

// recordInRuntime runs that test, which is in one of the files of the folder overlay, and returns what it wrote to the file named in $RECORDING.
func recordInRuntime(test string, files ...string) json.RawMessage {
	dir, err := os.MkdirTemp("", "go-oracle-")
	check(err)
	defer os.RemoveAll(dir)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	replace := map[string]string{}
	for _, name := range files {
		text, err := overlay.ReadFile("overlay/" + name)
		check(err)
		check(os.WriteFile(filepath.Join(dir, name), text, 0o644))
		replace[filepath.Join(strings.TrimSpace(string(goroot)), "src", "runtime", "zz_"+name)] = filepath.Join(dir, name)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	check(err)
	check(os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644))
	out := filepath.Join(dir, "recording.json")
	cmd := exec.Command("go", "test", "-overlay", filepath.Join(dir, "overlay.json"), "runtime", "-run", "^"+test+"$", "-count=1")
	cmd.Env = append(os.Environ(), "RECORDING="+out)
	if said, err := cmd.CombinedOutput(); err != nil {
		fail("%s: %v\n%s", test, err, said)
	}
	text, err = os.ReadFile(out)
	check(err)
	return text
}
