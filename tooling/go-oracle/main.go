// Command go-oracle records what the real Go runtime does with given allocations, as JSON files that the tests of this
// project replay and compare.
//
//	GOARCH=386 GOOS=linux CGO_ENABLED=0 go run . -out data
//
// The recorder runs itself as a child for each recording, so that every one begins with a fresh heap, and twice for each,
// so that a figure which differs between two runs is never written down.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
)

// Each shape is recorded twice: a short sequence, where most spans are hardly filled, and its long one.
const (
	shortCount, shortSeed = 100, 1
	longSeed              = 20091110
)

type header struct {
	Go           string `json:"go"`
	Goarch       string `json:"goarch"`
	Goos         string `json:"goos"`
	Gogc         string `json:"gogc"`
	GoExperiment string `json:"goexperiment"`
}

func main() {
	out := flag.String("out", "data", "folder to write the JSON files to")
	child := flag.String("child", "", "what a child records: classes, or the name of a shape")
	seed := flag.Uint("seed", 1, "seed of a child's sequence")
	count := flag.Uint("count", 1, "length of a child's sequence")
	flag.Parse()

	runtime.LockOSThread()
	switch *child {
	case "":
		record(*out)
	case "classes":
		quiet()
		reply(recordClasses())
	case "goals":
		reply(goals())
	case "pprof":
		reply(pprofAnswers())
	case "scavtrace":
		scavtrace()
	default:
		quiet()
		reply(recordSequence(shapeNamed(*child), uint32(*seed), uint32(*count)))
	}
}

// quiet leaves nobody but this goroutine to allocate, and nothing that would free.
func quiet() {
	runtime.MemProfileRate = 0
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
}

func record(out string) {
	var classes classesRecording
	decode(recordTwice("classes", 0, 0), &classes)
	var sequences []json.RawMessage
	for _, sh := range shapes {
		sequences = append(sequences,
			recordTwice(sh.name, shortSeed, shortCount),
			recordTwice(sh.name, longSeed, sh.long))
	}
	var values []uint32
	r := mulberry32(1)
	for range 1000 {
		values = append(values, r.next())
	}
	write(out, "prng.json", struct {
		header
		Text   string   `json:"text"`
		Seed   uint32   `json:"seed"`
		Values []uint32 `json:"values"`
	}{thisGo(), prngText, 1, values})
	write(out, "size-classes.json", struct {
		header
		classesRecording
	}{thisGo(), classes})
	write(out, "sequences.json", struct {
		header
		Edges     []uint32          `json:"edges"`
		Sequences []json.RawMessage `json:"sequences"`
	}{thisGo(), edges[:], sequences})
	write(out, "pacer.json", struct {
		header
		pacerRecording
	}{thisGo(), recordPacer()})
	write(out, "metrics.json", struct {
		header
		metricsRecording
	}{thisGo(), recordMetrics()})
	varied := thisGo()
	varied.Gogc = "varied"
	write(out, "goals.json", struct {
		header
		goalsRecording
	}{varied, recordGoals()})
	write(out, "scavenger.json", struct {
		header
		Parts     json.RawMessage `json:"parts"`
		Scavtrace []string        `json:"scavtrace"`
	}{varied, recordScavenger(), recordScavtrace()})
	write(out, "pprof.json", struct {
		header
		Answers json.RawMessage `json:"answers"`
	}{thisGo(), recordTwice("pprof", 0, 0)})
	write(out, "sampling.json", struct {
		header
		Log2 json.RawMessage `json:"log2"`
	}{thisGo(), recordSampling()})
}

func thisGo() header {
	h := header{Go: runtime.Version(), Goarch: runtime.GOARCH, Goos: runtime.GOOS, Gogc: "off"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "GOEXPERIMENT" {
				h.GoExperiment = s.Value
			}
		}
	}
	return h
}

func recordTwice(what string, seed, count uint32) []byte {
	first, second := runChild(what, seed, count), runChild(what, seed, count)
	if !bytes.Equal(first, second) {
		fail("two recordings of %s differ:\n%s\n%s", what, first, second)
	}
	return first
}

func runChild(what string, seed, count uint32) []byte {
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe, "-child", what,
		"-seed", strconv.FormatUint(uint64(seed), 10), "-count", strconv.FormatUint(uint64(count), 10))
	cmd.Env = append(os.Environ(), "GOGC=off", "GOMEMLIMIT=off", "GODEBUG=")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	check(err)
	return bytes.TrimSpace(text)
}

func reply(v any) {
	check(json.NewEncoder(os.Stdout).Encode(v))
}

func decode(text []byte, v any) {
	check(json.Unmarshal(text, v))
}

func write(dir, name string, v any) {
	text, err := json.Marshal(v)
	check(err)
	// A line for each class, sequence, scenario, goal and run, so that a change reads well.
	for _, key := range []string{`{"size"`, `{"shape"`, `{"seed"`, `{"name"`, `{"liveMiB"`, `{"memoryLimit"`, `{"ops"`, `{"method"`} {
		text = bytes.ReplaceAll(text, []byte(key), []byte("\n"+key))
	}
	check(os.WriteFile(filepath.Join(dir, name), append(text, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "go-oracle: "+format+"\n", args...)
	os.Exit(1)
}
