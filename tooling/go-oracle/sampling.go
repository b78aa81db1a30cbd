package main

import "encoding/json"

// The approximate log2 behind the heap profile's sampling: see overlay.go.
func recordSampling() json.RawMessage {
	return recordInRuntime("TestRecordSampling", "sampling_record_test.go")
}
