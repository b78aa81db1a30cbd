package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// The pacer is recorded from three sides: what Go's own test of it logs for each simulated cycle, with the streams of
// numbers that the test draws from Go's seeded generator; the goals of a real heap, for live sizes and settings; and the
// lines that gctrace prints for that.

// A pacerScenario is one of TestGcPacer's, with [live, trigger, peak, goal, utilization in tenths of a percent] per cycle.
type pacerScenario struct {
	Name   string     `json:"name"`
	Cycles [][5]int64 `json:"cycles"`
}

type noise struct {
	Seed   int64     `json:"seed"`
	Values []float64 `json:"values"`
}

type pacerRecording struct {
	Noise     []noise         `json:"noise"`
	Sine      []float64       `json:"sine"`
	Scenarios []pacerScenario `json:"scenarios"`
}

// The seeds of TestGcPacer's random streams; no scenario that has one is longer than 50 cycles. Its sine has a period of 8.
var noiseSeeds = []int64{0x53, 0x1, 0xf, 0xe, 0x0, 0x152}

const (
	noiseLength = 50
	sinePeriod  = 8
)

func recordPacer() pacerRecording {
	var rec pacerRecording
	for _, seed := range noiseSeeds {
		r := rand.New(rand.NewSource(seed))
		n := noise{Seed: seed}
		for range noiseLength {
			n.Values = append(n.Values, r.Float64())
		}
		rec.Noise = append(rec.Noise, n)
	}
	for i := range sinePeriod {
		rec.Sine = append(rec.Sine, math.Sin(float64(i)/sinePeriod*2*math.Pi))
	}
	rec.Scenarios = pacerScenarios()
	return rec
}

var pacerCycle = regexp.MustCompile(`GC \d+ (\d+)\.(\d)% (\d+)->(\d+)->(\d+) \(goal: (\d+)\)`)

// pacerScenarios runs the test of the runtime that is installed here.
func pacerScenarios() []pacerScenario {
	cmd := exec.Command("go", "test", "runtime", "-run", "^TestGcPacer$", "-count=1", "-json")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	check(err)
	var list []pacerScenario
	index := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var event struct{ Test, Output string }
		check(json.Unmarshal(lines.Bytes(), &event))
		_, name, ok := strings.Cut(event.Test, "/")
		if !ok {
			continue
		}
		// The scenarios run at the same time; they are listed as they begin.
		if _, seen := index[name]; !seen {
			index[name] = len(list)
			list = append(list, pacerScenario{Name: name})
		}
		if m := pacerCycle.FindStringSubmatch(event.Output); m != nil {
			s := &list[index[name]]
			s.Cycles = append(s.Cycles, [5]int64{atoi(m[3]), atoi(m[4]), atoi(m[5]), atoi(m[6]), atoi(m[1] + m[2])})
		}
	}
	return list
}

func atoi(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	check(err)
	return n
}

// A heapGoal is the goal that a real heap has after a collection, with everything that it depends on.
type heapGoal struct {
	LiveMiB     int   `json:"liveMiB"`
	GCPercent   int   `json:"gcPercent"`
	MemoryLimit int64 `json:"memoryLimit"` // 0: none
	// SweepDone says that the goal was computed when nothing was left to sweep; else at the end of the collection.
	SweepDone   bool   `json:"sweepDone"`
	HeapMarked  uint64 `json:"heapMarked"`
	StackScan   uint64 `json:"stackScan"`
	GlobalsScan uint64 `json:"globalsScan"`
	MappedReady uint64 `json:"mappedReady"`
	HeapFree    uint64 `json:"heapFree"`
	HeapAlloc   uint64 `json:"heapAlloc"`
	Goal        uint64 `json:"goal"`
}

type goalsRecording struct {
	Goals   []heapGoal `json:"goals"`
	Gctrace []string   `json:"gctrace"`
}

// recordGoals runs a child that reports its goals and, on the standard error, traces its collections. What is marked differs
// by some bytes from run to run, so it is recorded once; a reader computes each goal from the figures beside it.
func recordGoals() goalsRecording {
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe, "-child", "goals")
	cmd.Env = append(os.Environ(), "GOGC=100", "GOMEMLIMIT=off", "GODEBUG=gctrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	text, err := cmd.Output()
	check(err)
	var rec goalsRecording
	decode(text, &rec.Goals)
	for line := range strings.Lines(trace.String()) {
		if strings.HasPrefix(line, "gc ") {
			rec.Gctrace = append(rec.Gctrace, strings.TrimSpace(line))
		}
	}
	return rec
}

var goalSamples = []metrics.Sample{
	{Name: "/gc/heap/live:bytes"},
	{Name: "/gc/scan/stack:bytes"},
	{Name: "/gc/scan/globals:bytes"},
	{Name: "/memory/classes/total:bytes"},
	{Name: "/memory/classes/heap/released:bytes"},
	{Name: "/memory/classes/heap/free:bytes"},
	{Name: "/memory/classes/heap/objects:bytes"},
	{Name: "/gc/heap/goal:bytes"},
}

var keep [][]byte

func goals() []heapGoal {
	runtime.MemProfileRate = 0
	var list []heapGoal
	for _, live := range []int{0, 1, 3, 10, 40} {
		keep = nil
		for range live {
			keep = append(keep, make([]byte, 1<<20))
		}
		for _, percent := range []int{-1, 0, 1, 25, 50, 100, 200, 800} {
			for _, limit := range []int64{0, 12 << 20, 64 << 20, 256 << 20} {
				if percent < 0 && limit == 0 {
					continue
				}
				set := limit
				if limit == 0 {
					set = math.MaxInt64
				}
				debug.SetGCPercent(percent)
				debug.SetMemoryLimit(set)
				runtime.GC()
				list = append(list, goalNow(live, percent, limit, false))
				// Setting it to another value and back computes the goal anew, now that all is swept.
				debug.SetGCPercent(percent + 1)
				debug.SetGCPercent(percent)
				list = append(list, goalNow(live, percent, limit, true))
			}
		}
	}
	return list
}

func goalNow(live, percent int, limit int64, sweepDone bool) heapGoal {
	metrics.Read(goalSamples)
	v := func(i int) uint64 { return goalSamples[i].Value.Uint64() }
	return heapGoal{
		LiveMiB: live, GCPercent: percent, MemoryLimit: limit, SweepDone: sweepDone,
		HeapMarked: v(0), StackScan: v(1), GlobalsScan: v(2),
		MappedReady: v(3) - v(4), HeapFree: v(5), HeapAlloc: v(6), Goal: v(7),
	}
}
