package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type requestsResult struct {
	Requests  int            `json:"requests"`
	Seconds   float64        `json:"seconds"`
	PerSecond float64        `json:"perSecond"`
	Refused   map[string]int `json:"refused"`
	Latency   latency        `json:"latencyMs"`
}

// shot is one request: when it was due, when its answer was there, and its status.
type shot struct {
	due, answered int64
	status        int
}

// requests asks over so many connections, one request after the other on each: without a rate as
// soon as the one before is answered (closed loop), else when it is due, and the time it waits for
// a free connection counts (open loop).
func requests(o options) (any, error) {
	var next atomic.Int64
	begin := clock() + int64(50*time.Millisecond)
	measureFrom := begin + int64(o.warmUp)
	end := measureFrom + int64(o.duration)
	told := make(chan struct{})
	go func() {
		defer close(told)
		sleepUntil(measureFrom)
		mark("measuring")
		sleepUntil(end)
		mark("measured")
	}()
	shots := make([][]shot, o.clients)
	failed := make(chan error, o.clients)
	var working sync.WaitGroup
	for i := range shots {
		working.Add(1)
		go func() {
			defer working.Done()
			var err error
			if shots[i], err = shoot(o, &next, begin, end); err != nil {
				report(failed, err)
			}
		}()
	}
	working.Wait()
	<-told // at a low rate all may be answered before the end
	select {
	case err := <-failed:
		return nil, err
	default:
		return sum(shots, measureFrom, o.duration), nil
	}
}

// shoot works on one connection until the end.
func shoot(o options, next *atomic.Int64, begin, end int64) ([]shot, error) {
	conn, err := net.DialTimeout("tcp", o.gateway, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	asked, reader := ask(o), bufio.NewReaderSize(conn, 64*1024)
	var shots []shot
	for {
		n := next.Add(1) - 1
		due := max(clock(), begin)
		if o.rate > 0 {
			due = begin + int64(float64(n)/o.rate*float64(time.Second))
		}
		if due >= end {
			return shots, nil
		}
		sleepUntil(due)
		if _, err := conn.Write(asked[int(n)%len(asked)]); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return nil, err
		}
		shots = append(shots, shot{due, clock(), answer.StatusCode})
	}
}

// ask returns the request for each session, ready to be written.
func ask(o options) [][]byte {
	all := make([][]byte, len(o.sessions))
	for i, session := range o.sessions {
		path := strings.ReplaceAll(o.path, "{id}", session)
		head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", o.method, path, o.gateway, o.header)
		if o.body != "" {
			head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(o.body))
		}
		all[i] = []byte(head + "\r\n" + o.body)
	}
	return all
}

func sum(shots [][]shot, from int64, duration time.Duration) requestsResult {
	r := requestsResult{Seconds: duration.Seconds(), Refused: map[string]int{}}
	var took []int64
	for _, each := range shots {
		for _, s := range each {
			if s.due < from {
				continue
			}
			if s.status >= 300 {
				r.Refused[fmt.Sprint(s.status)]++
			}
			took = append(took, s.answered-s.due)
		}
	}
	r.Requests = len(took)
	r.PerSecond = float64(r.Requests) / r.Seconds
	r.Latency = summarize(took)
	return r
}
