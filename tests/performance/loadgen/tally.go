package main

import (
	"math"
	"slices"
	"sync"
)

// tally is what one client received. Its numbers count from 0.
type tally struct {
	mutex      sync.Mutex
	delivered  int
	doubled    int
	outOfOrder int
	unknown    int
	next       int
	seen       []bool
	latencies  []int64
}

// take counts the arrival of event number seq; false: it was there already.
func (t *tally) take(seq int) bool {
	for len(t.seen) <= seq {
		t.seen = append(t.seen, make([]bool, 1024)...)
	}
	if t.seen[seq] {
		t.doubled++
		return false
	}
	t.seen[seq] = true
	t.delivered++
	if seq < t.next {
		t.outOfOrder++
	}
	t.next = max(t.next, seq+1)
	return true
}

// latency is a distribution in milliseconds.
type latency struct {
	Samples int     `json:"samples"`
	P50     float64 `json:"p50"`
	P90     float64 `json:"p90"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Max     float64 `json:"max"`
}

func summarize(nanoseconds []int64) latency {
	if len(nanoseconds) == 0 {
		return latency{}
	}
	slices.Sort(nanoseconds)
	at := func(share float64) float64 {
		rank := int(math.Ceil(share*float64(len(nanoseconds)))) - 1
		return math.Round(float64(nanoseconds[max(rank, 0)])/1e3) / 1e3
	}
	return latency{len(nanoseconds), at(0.5), at(0.9), at(0.99), at(0.999), at(1)}
}
