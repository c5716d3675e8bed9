package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var (
	marker  = []byte("bench ")
	padding = bytes.Repeat([]byte("x"), 4096)
)

// appendText writes an event's text: its number and the moment it was sent, filled up to size.
func appendText(to []byte, seq int, sent int64, size int) []byte {
	begin := len(to)
	to = append(to, marker...)
	to = strconv.AppendInt(to, int64(seq), 10)
	to = append(to, ' ')
	to = strconv.AppendInt(to, sent, 10)
	to = append(to, ' ')
	if missing := size - (len(to) - begin); missing > 0 {
		to = append(to, padding[:min(missing, len(padding))]...)
	}
	return to
}

// stamp finds in an event's data what appendText wrote there.
func stamp(data []byte) (seq int, sent int64, ok bool) {
	at := bytes.Index(data, marker)
	if at < 0 {
		return 0, 0, false
	}
	first, rest := number(data[at+len(marker):])
	second, _ := number(rest)
	return int(first), second, true
}

func number(text []byte) (int64, []byte) {
	var value int64
	for i, digit := range text {
		if digit < '0' || digit > '9' {
			return value, text[i+1:]
		}
		value = value*10 + int64(digit-'0')
	}
	return value, nil
}

// publisher writes entries to Redis over one connection, without waiting for the answers.
type publisher struct {
	conn    net.Conn
	command []byte
	event   []byte
	sent    int64
	answers atomic.Int64
	refused atomic.Pointer[string]
}

func newPublisher(address string) (*publisher, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: conn}
	go p.drain()
	return p, nil
}

// add appends an XADD of one message:delta, in the form of moorage_api.events, to what is sent
// with the next flush.
func (p *publisher) add(o options, key string, seq int) {
	e := append(p.event[:0], `{"type":"message:delta","timestamp":"`...)
	e = time.Now().UTC().AppendFormat(e, "2006-01-02T15:04:05.000Z")
	e = append(e, `","data":{"messageId":"bench-1","index":0,"text":"`...)
	e = appendText(e, seq, clock(), o.bytes)
	p.event = append(e, `"}}`...)
	p.command = append(p.command, "*8\r\n"...)
	for _, word := range []string{"XADD", key, "MAXLEN", "~", strconv.Itoa(o.maxLen), "*"} {
		p.command = appendBulk(p.command, word)
	}
	p.command = appendBulk(p.command, "event")
	p.command = appendBulk(p.command, string(p.event))
	p.sent++
}

func appendBulk(to []byte, word string) []byte {
	to = append(to, '$')
	to = strconv.AppendInt(to, int64(len(word)), 10)
	to = append(to, crlf...)
	to = append(to, word...)
	return append(to, crlf...)
}

func (p *publisher) flush() error {
	_, err := p.conn.Write(p.command)
	p.command = p.command[:0]
	if refusal := p.refused.Load(); refusal != nil {
		return fmt.Errorf("Redis refused an event: %s", *refusal)
	}
	return err
}

// finish waits until Redis has taken everything. A connection that is closed while answers wait in
// it may lose what Redis has not read yet, and that would look like the gateway's loss.
func (p *publisher) finish(atMost time.Duration) error {
	wait(atMost, func() bool { return p.answers.Load() >= p.sent || p.refused.Load() != nil })
	if refusal := p.refused.Load(); refusal != nil {
		return fmt.Errorf("Redis refused an event: %s", *refusal)
	}
	if missing := p.sent - p.answers.Load(); missing > 0 {
		return fmt.Errorf("Redis did not take %d events", missing)
	}
	return nil
}

// drain reads the answers: an entry's id as a bulk string, or an error.
func (p *publisher) drain() {
	reader := bufio.NewReader(p.conn)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		switch line[0] {
		case '$':
			p.answers.Add(1)
		case '-':
			p.refused.CompareAndSwap(nil, &line)
		}
	}
}
