package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The length of a cycle's mark phase is known to gctrace alone: runtime.GC also sweeps, and runtime/metrics has processor
// time but no clock. gctrace is read from the environment once, at the start, so the program runs itself again with it on and
// reads the lines that the copy writes.

// A cycle is what one gctrace line says.
type cycle struct {
	mark    time.Duration // wall time of the concurrent mark
	markCPU time.Duration // processor time of assists, dedicated, fractional and idle workers
}

const tracedVariable = "GOBENCH_TRACED"

// traced says whether this process writes gctrace lines for another one to read.
func traced() bool { return os.Getenv(tracedVariable) != "" }

// runTraced runs this program again, with the same arguments and gctrace on; it returns the cycles that the copy went through.
func runTraced() ([]cycle, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self, os.Args[1:]...)
	command.Env = append(os.Environ(), "GODEBUG=gctrace=1", tracedVariable+"=1")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return parseGctrace(stderr.String())
}

const number = `([0-9.]+)`

var gctraceLine = regexp.MustCompile(`^gc \d+ @.*?: ` + number + `\+` + number + `\+` + number + ` ms clock, ` +
	number + `\+` + number + `/` + number + `/` + number + `\+` + number + ` ms cpu,`)

// parseGctrace reads the lines of gctrace=1 and passes over all others.
func parseGctrace(text string) ([]cycle, error) {
	var cycles []cycle
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "gc ") {
			continue
		}
		m := gctraceLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("not a gctrace line that this program knows: %s", line)
		}
		var ms [8]float64
		for i := range ms {
			x, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				return nil, err
			}
			ms[i] = x
		}
		cycles = append(cycles, cycle{
			mark:    milliseconds(ms[1]),
			markCPU: milliseconds(ms[4] + ms[5] + ms[6]),
		})
	}
	return cycles, nil
}

func milliseconds(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
