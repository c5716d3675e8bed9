// Loadgen loads a gateway's event streams, or an operator, and says what arrived, and when.
//
// It is written in Go because the generator decides what a bench can see: one in Python is the
// bottleneck long before the gateway is. Sender and receiver share one process and so one clock.
//
// The modes, which print JSON objects to stdout:
//
//	streams  one client a session, events at a steady rate (open loop): loss, order, latency
//	fanout   many clients on one session, a fixed number of events in flight (closed loop): rate
//	idle     clients that only sit there until stdin closes
//	requests one request after the other on each connection, or at a rate (open loop)
//	operator sessions are created and run in their pods, as stdin orders line by line (operator.go)
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type options struct {
	gateway  string
	path     string
	header   string
	method   string
	body     string
	redis    string
	key      string
	sessions []string
	clients  int
	rate     float64
	inFlight int
	bytes    int
	maxLen   int
	warmUp   time.Duration
	duration time.Duration
	grace    time.Duration
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: loadgen streams|fanout|idle|requests [flags], or loadgen operator"))
	}
	if os.Args[1] == "operator" {
		if err := operator(os.Stdin); err != nil {
			fail(err)
		}
		return
	}
	o, err := parse(os.Args[1], os.Args[2:])
	if err != nil {
		fail(err)
	}
	modes := map[string]func(options) (any, error){
		"streams": streams, "fanout": fanout, "idle": idle, "requests": requests,
	}
	mode, known := modes[os.Args[1]]
	if !known {
		fail(fmt.Errorf("no mode %q: streams, fanout, idle or requests", os.Args[1]))
	}
	result, err := mode(o)
	if err != nil {
		fail(err)
	}
	say(result)
}

func parse(mode string, arguments []string) (options, error) {
	var o options
	var file string
	flags := flag.NewFlagSet(mode, flag.ExitOnError)
	flags.StringVar(&o.gateway, "gateway", "127.0.0.1:8080", "host:port of the gateway")
	flags.StringVar(&o.path, "path", "/api/claude-code/sessions/{id}/events", "where a session's events are")
	flags.StringVar(&o.header, "header", "", "one more request header, such as Authorization: Bearer X")
	flags.StringVar(&o.method, "method", "GET", "requests: of each")
	flags.StringVar(&o.body, "body", "", "requests: JSON that each sends")
	flags.StringVar(&o.redis, "redis", "127.0.0.1:6379", "host:port of Redis, or a socket's path")
	flags.StringVar(&o.key, "key", "moorage:{ID}:events", "a session's stream; ID stands for its id")
	flags.StringVar(&file, "sessions", "", "file with one session id a line")
	flags.IntVar(&o.clients, "clients", 0, "clients in all, spread evenly over the sessions")
	flags.Float64Var(&o.rate, "rate", 20, "events a second and session; requests a second in all, 0: as fast as answered")
	flags.IntVar(&o.inFlight, "in-flight", 4, "fanout: events that not every client has yet")
	flags.IntVar(&o.bytes, "bytes", 200, "bytes of text in an event")
	flags.IntVar(&o.maxLen, "maxlen", 20000, "about how many entries a stream keeps")
	flags.DurationVar(&o.warmUp, "warm-up", 2*time.Second, "not measured, at the beginning")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "how long to measure")
	flags.DurationVar(&o.grace, "grace", 5*time.Second, "how long to wait for what is missing")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	var err error
	if o.sessions, err = lines(file); err != nil {
		return o, err
	}
	if o.clients == 0 {
		o.clients = len(o.sessions)
	}
	return o, nil
}

func lines(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s names no session", path)
	}
	return found, scanner.Err()
}

// mark tells whoever started this process, on stdout, that a stage began; it may then measure.
func mark(stage string) {
	say(map[string]string{"stage": stage})
}

func say(value any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "loadgen:", err)
	os.Exit(1)
}
