package main

import (
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	connections   = 4
	clientsBuffer = 16 * 1024
)

type streamsResult struct {
	Sessions    int     `json:"sessions"`
	Rate        float64 `json:"rate"`
	Seconds     float64 `json:"seconds"`
	Published   int     `json:"published"`
	Delivered   int     `json:"delivered"`
	Lost        int     `json:"lost"`
	Doubled     int     `json:"doubled"`
	OutOfOrder  int     `json:"outOfOrder"`
	Unknown     int     `json:"unknown"`
	LateSending latency `json:"lateSendingMs"`
	Latency     latency `json:"latencyMs"`
}

// streams publishes at a steady rate to all sessions, evenly staggered, whatever the gateway does.
func streams(o options) (any, error) {
	tallies := make([]tally, o.clients)
	var measureFrom atomic.Int64
	measureFrom.Store(math.MaxInt64)
	all, err := gather(o, clientsBuffer, func(number int) func(*client, []byte) {
		t := &tallies[number]
		return func(c *client, data []byte) {
			t.mutex.Lock()
			defer t.mutex.Unlock()
			seq, sent, ok := stamp(data)
			if !ok {
				t.unknown++
			} else if t.take(seq) && sent >= measureFrom.Load() {
				t.latencies = append(t.latencies, c.arrived-sent)
			}
		}
	})
	defer all.close()
	if err != nil {
		return nil, err
	}
	starts := clock() + int64(100*time.Millisecond)
	measureFrom.Store(starts + int64(o.warmUp))
	sent, late, err := pace(o, starts)
	if err != nil {
		return nil, err
	}
	wait(o.grace, func() bool { return count(tallies).Delivered >= sent })
	if err := all.broken(); err != nil {
		return nil, err
	}
	result := count(tallies)
	result.Sessions, result.Rate, result.Seconds = len(o.sessions), o.rate, o.duration.Seconds()
	result.Published, result.Lost = sent, sent-result.Delivered
	result.LateSending = summarize(late)
	return result, nil
}

func count(tallies []tally) streamsResult {
	var r streamsResult
	var latencies []int64
	for i := range tallies {
		t := &tallies[i]
		t.mutex.Lock()
		r.Delivered += t.delivered
		r.Doubled += t.doubled
		r.OutOfOrder += t.outOfOrder
		r.Unknown += t.unknown
		latencies = append(latencies, t.latencies...)
		t.mutex.Unlock()
	}
	r.Latency = summarize(latencies)
	return r
}

// pace sends event k of session i at (k + i/S)/R seconds. It sleeps in the kernel, on a thread
// of its own: the runtime's timers are a millisecond coarse when nothing else runs.
func pace(o options, starts int64) (int, []int64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	publishers := make([]*publisher, connections)
	for i := range publishers {
		p, err := newPublisher(o.redis)
		if err != nil {
			return 0, nil, err
		}
		defer p.conn.Close()
		publishers[i] = p
	}
	keys := make([]string, len(o.sessions))
	for i, session := range o.sessions {
		keys[i] = strings.ReplaceAll(o.key, "ID", session)
	}
	total := int((o.warmUp+o.duration).Seconds()*o.rate) * len(keys)
	gap := float64(time.Second) / o.rate / float64(len(keys))
	late := make([]int64, 0, total)
	measuring := false
	for n := 0; n < total; n++ {
		due := starts + int64(float64(n)*gap)
		sleepUntil(due)
		if !measuring && due >= starts+int64(o.warmUp) {
			measuring = true
			mark("measuring")
		}
		session := n % len(keys)
		p := publishers[session%connections]
		late = append(late, max(clock()-due, 0))
		p.add(o, keys[session], n/len(keys))
		if err := p.flush(); err != nil {
			return 0, nil, err
		}
	}
	mark("measured")
	for _, p := range publishers {
		if err := p.finish(o.grace); err != nil {
			return 0, nil, err
		}
	}
	return total, late, nil
}

func sleepUntil(moment int64) {
	for {
		left := moment - clock()
		if left <= 0 {
			return
		}
		pause := syscall.NsecToTimespec(left)
		_ = syscall.Nanosleep(&pause, nil) // an early return goes round once more
	}
}

func wait(atMost time.Duration, done func() bool) {
	for end := time.Now().Add(atMost); !done() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}
