package main

import (
	"math"
	"strings"
	"sync/atomic"
	"time"
)

const stalledAfter = 5 * time.Second

type fanoutResult struct {
	Clients    int     `json:"clients"`
	InFlight   int     `json:"inFlight"`
	Seconds    float64 `json:"seconds"`
	Published  int     `json:"published"`
	Deliveries int64   `json:"deliveries"`
	PerSecond  float64 `json:"deliveriesPerSecond"`
	Lost       int     `json:"lost"`
	Doubled    int     `json:"doubled"`
	OutOfOrder int     `json:"outOfOrder"`
	Stalled    bool    `json:"stalled"`
	EventToAll latency `json:"eventToAllMs"`
}

// flight counts, of each event in flight, the clients that have it.
type flight struct {
	clients  int32
	arrivals []atomic.Int32
	complete chan int
	total    atomic.Int64
}

func (f *flight) land(seq int) {
	f.total.Add(1)
	if f.arrivals[seq%len(f.arrivals)].Add(1) == f.clients {
		f.arrivals[seq%len(f.arrivals)].Store(0)
		f.complete <- seq
	}
}

// fanout keeps a fixed number of events in flight: the next is published when all clients have
// an earlier one.
func fanout(o options) (any, error) {
	f := &flight{
		clients:  int32(o.clients),
		arrivals: make([]atomic.Int32, 4*o.inFlight),
		complete: make(chan int, o.inFlight),
	}
	tallies := make([]tally, o.clients)
	all, err := gather(o, clientsBuffer, func(number int) func(*client, []byte) {
		t := &tallies[number]
		return func(_ *client, data []byte) {
			if seq, _, ok := stamp(data); ok {
				t.mutex.Lock()
				fresh := t.take(seq)
				t.mutex.Unlock()
				if fresh {
					f.land(seq)
				}
			}
		}
	})
	defer all.close()
	if err != nil {
		return nil, err
	}
	result, err := f.run(o)
	if err != nil {
		return nil, err
	}
	if err := all.broken(); err != nil {
		return nil, err
	}
	counted := count(tallies)
	result.Lost = result.Published*o.clients - counted.Delivered
	result.Doubled, result.OutOfOrder = counted.Doubled, counted.OutOfOrder
	return result, nil
}

func (f *flight) run(o options) (*fanoutResult, error) {
	p, err := newPublisher(o.redis)
	if err != nil {
		return nil, err
	}
	defer p.conn.Close()
	key := strings.ReplaceAll(o.key, "ID", o.sessions[0])
	result := &fanoutResult{Clients: o.clients, InFlight: o.inFlight}
	sent := map[int]int64{}
	publish := func() {
		sent[result.Published] = clock()
		p.add(o, key, result.Published)
		result.Published++
	}
	var took []int64
	var from, measured, before int64
	begin := clock()
	for range o.inFlight {
		publish()
	}
	for len(sent) > 0 {
		if err := p.flush(); err != nil {
			return nil, err
		}
		landed := f.landed()
		now := clock()
		switch {
		case landed == nil:
			result.Stalled = true
			return result, nil
		case from == 0 && now-begin >= int64(o.warmUp):
			from, before = now, f.total.Load()
			mark("measuring")
		case from > 0 && measured == 0 && now-from >= int64(o.duration):
			measured, result.Deliveries = now-from, f.total.Load()-before
			result.Seconds = float64(measured) / 1e9
			result.PerSecond = math.Round(float64(result.Deliveries) / result.Seconds)
			mark("measured")
		}
		for _, seq := range landed {
			if from > 0 {
				took = append(took, now-sent[seq])
			}
			delete(sent, seq)
			if measured == 0 {
				publish()
			}
		}
	}
	result.EventToAll = summarize(took)
	return result, nil
}

// landed waits for events that all clients have; nil: none came.
func (f *flight) landed() []int {
	var all []int
	select {
	case seq := <-f.complete:
		all = append(all, seq)
	case <-time.After(stalledAfter):
		return nil
	}
	for len(f.complete) > 0 {
		all = append(all, <-f.complete)
	}
	return all
}
