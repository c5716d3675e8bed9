package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	connectAtOnce = 64
	connectWithin = 60 * time.Second
)

var started = time.Now()

// clock is nanoseconds on the monotonic clock that senders and receivers share.
func clock() int64 {
	return int64(time.Since(started))
}

// client follows one session's events.
type client struct {
	conn    net.Conn
	parser  parser
	arrived int64
	ready   chan struct{}
	opened  bool
	buffer  []byte
	failed  chan<- error
}

// report tells of a failure; the first of many is enough.
func report(failed chan<- error, err error) {
	select {
	case failed <- err:
	default:
	}
}

// dial connects and asks for the events; onData gets each event's data but for `connected`.
func dial(o options, session string, buffer int, failed chan<- error, onData func(c *client, data []byte)) (*client, error) {
	conn, err := net.DialTimeout("tcp", o.gateway, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, ready: make(chan struct{}), buffer: make([]byte, buffer), failed: failed}
	c.parser.onEvent = func(kind, data []byte) {
		if bytes.Equal(kind, []byte("connected")) {
			if !c.opened {
				c.opened = true
				close(c.ready)
			}
			return
		}
		onData(c, data)
	}
	header := ""
	if o.header != "" {
		header = o.header + "\r\n"
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n%s\r\n",
		strings.ReplaceAll(o.path, "{id}", session), o.gateway, header)
	if err != nil {
		conn.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

func (c *client) read() {
	for {
		n, err := c.conn.Read(c.buffer)
		c.arrived = clock()
		if n > 0 {
			if wrong := c.parser.feed(c.buffer[:n]); wrong != nil {
				err = wrong
			}
		}
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				report(c.failed, err)
			}
			if !c.opened {
				close(c.ready)
			}
			return
		}
	}
}

// crowd is the clients of one run.
type crowd struct {
	clients []*client
	failed  chan error
}

// gather connects all clients, client i to session i modulo their number, and waits until the
// gateway said `connected` to each.
func gather(o options, buffer int, onData func(number int) func(c *client, data []byte)) (*crowd, error) {
	all := &crowd{clients: make([]*client, o.clients), failed: make(chan error, o.clients)}
	slots := make(chan struct{}, connectAtOnce)
	deadline := time.Now().Add(connectWithin)
	var waiting sync.WaitGroup
	for i := range all.clients {
		waiting.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; waiting.Done() }()
			c, err := dial(o, o.sessions[i%len(o.sessions)], buffer, all.failed, onData(i))
			if err != nil {
				report(all.failed, err)
				return
			}
			all.clients[i] = c
			select {
			case <-c.ready:
			case <-time.After(time.Until(deadline)):
				report(all.failed, errors.New("no `connected` event came"))
			}
		}()
		if len(all.failed) > 0 {
			break
		}
	}
	waiting.Wait()
	return all, all.broken()
}

// broken returns the first failure of a client, nil while there is none.
func (a *crowd) broken() error {
	select {
	case err := <-a.failed:
		return fmt.Errorf("a client failed: %w", err)
	default:
		return nil
	}
}

func (a *crowd) close() {
	for _, c := range a.clients {
		if c != nil {
			c.conn.Close()
		}
	}
}
