package main

import (
	"io"
	"os"
	"sync/atomic"
)

const idleBuffer = 2 * 1024

type idleResult struct {
	Clients int   `json:"clients"`
	Lost    int   `json:"lost"`
	Events  int64 `json:"events"`
}

// idle connects all clients, says so, and lets them sit until stdin closes.
func idle(o options) (any, error) {
	var events atomic.Int64
	all, err := gather(o, idleBuffer, func(int) func(*client, []byte) {
		return func(*client, []byte) { events.Add(1) }
	})
	defer all.close()
	if err != nil {
		return nil, err
	}
	mark("connected")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return nil, err
	}
	return idleResult{Clients: o.clients, Lost: len(all.failed), Events: events.Load()}, nil
}
