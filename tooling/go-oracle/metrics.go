package main

import (
	"reflect"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// What Go says of its figures: names, kinds and whether they only grow, of the families that concern memory; the bounds of
// the histograms; the fields of MemStats. Not what it measures: that is the business of the program that runs.

type metricDescription struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Cumulative bool   `json:"cumulative"`
}

type metricsRecording struct {
	Metrics []metricDescription `json:"metrics"`
	// Bounds of the buckets of each histogram, as text: JSON has no infinity. By unit, for those of one unit have the same.
	Bounds map[string][]string `json:"bounds"`
	// Fields of MemStats, in order.
	MemStats []string `json:"memStats"`
}

var metricFamilies = []string{"/cpu/classes/", "/gc/", "/memory/classes/", "/sched/pauses/"}

var kindNames = map[metrics.ValueKind]string{
	metrics.KindUint64:           "uint64",
	metrics.KindFloat64:          "float64",
	metrics.KindFloat64Histogram: "float64-histogram",
}

func recordMetrics() metricsRecording {
	rec := metricsRecording{Bounds: map[string][]string{}}
	for _, d := range metrics.All() {
		if !inFamily(d.Name) {
			continue
		}
		rec.Metrics = append(rec.Metrics, metricDescription{d.Name, kindNames[d.Kind], d.Cumulative})
		if d.Kind == metrics.KindFloat64Histogram {
			addBounds(rec.Bounds, d.Name)
		}
	}
	stats := reflect.TypeFor[runtime.MemStats]()
	for i := range stats.NumField() {
		rec.MemStats = append(rec.MemStats, stats.Field(i).Name)
	}
	return rec
}

func inFamily(name string) bool {
	for _, family := range metricFamilies {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

func addBounds(bounds map[string][]string, name string) {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	var texts []string
	for _, bound := range sample[0].Value.Float64Histogram().Buckets {
		texts = append(texts, strconv.FormatFloat(bound, 'g', -1, 64))
	}
	_, unit, _ := strings.Cut(name, ":")
	if before, ok := bounds[unit]; ok && !reflect.DeepEqual(before, texts) {
		fail("two histograms of %s have different bounds", unit)
	}
	bounds[unit] = texts
}
