package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var (
	crlf      = []byte("\r\n")
	headerEnd = []byte("\r\n\r\n")
)

// parser reads one HTTP/1.1 response of server-sent events: enough of both to be cheap and right
// for what a gateway sends. An event's data is its last data line.
type parser struct {
	onEvent func(kind, data []byte)

	framing frame
	left    int
	size    []byte
	pending []byte
	kind    []byte
	data    []byte
}

type frame int

const (
	inHeader frame = iota
	inSize
	inChunk
	afterChunk
	inBody
	ended
)

// feed takes what came from the socket next.
func (p *parser) feed(raw []byte) error {
	for len(raw) > 0 {
		var err error
		switch p.framing {
		case inHeader:
			raw, err = p.header(raw)
		case inSize:
			raw, err = p.chunkSize(raw)
		case inChunk:
			n := min(p.left, len(raw))
			p.body(raw[:n])
			raw = raw[n:]
			if p.left -= n; p.left == 0 {
				p.framing, p.left = afterChunk, len(crlf)
			}
		case afterChunk:
			n := min(p.left, len(raw))
			raw = raw[n:]
			if p.left -= n; p.left == 0 {
				p.framing = inSize
			}
		case inBody:
			p.body(raw)
			raw = nil
		case ended:
			return errors.New("bytes after the end of the response")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) header(raw []byte) ([]byte, error) {
	before := len(p.pending)
	p.pending = append(p.pending, raw...)
	end := bytes.Index(p.pending, headerEnd)
	if end < 0 {
		return nil, nil
	}
	head := p.pending[:end]
	status, _, _ := bytes.Cut(head, crlf)
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return nil, fmt.Errorf("the gateway answered %q", p.pending)
	}
	p.framing = inBody
	if bytes.Contains(bytes.ToLower(head), []byte("transfer-encoding: chunked")) {
		p.framing = inSize
	}
	p.pending = p.pending[:0]
	return raw[end+len(headerEnd)-before:], nil
}

func (p *parser) chunkSize(raw []byte) ([]byte, error) {
	end := bytes.IndexByte(raw, '\n')
	if end < 0 {
		p.size = append(p.size, raw...)
		return nil, nil
	}
	p.size = append(p.size, raw[:end]...)
	size, err := strconv.ParseUint(string(bytes.TrimSpace(p.size)), 16, 31)
	if err != nil {
		return nil, fmt.Errorf("chunk of size %q", p.size)
	}
	p.size = p.size[:0]
	p.framing, p.left = inChunk, int(size)
	if size == 0 {
		p.framing = ended
		return nil, nil
	}
	return raw[end+1:], nil
}

// body takes a part of the stream; a line that is cut off waits for its rest.
func (p *parser) body(part []byte) {
	if len(p.pending) > 0 {
		end := bytes.IndexByte(part, '\n')
		if end < 0 {
			p.pending = append(p.pending, part...)
			return
		}
		p.pending = append(p.pending, part[:end]...)
		p.line(p.pending)
		p.pending = p.pending[:0]
		part = part[end+1:]
	}
	for {
		end := bytes.IndexByte(part, '\n')
		if end < 0 {
			p.pending = append(p.pending, part...)
			return
		}
		p.line(part[:end])
		part = part[end+1:]
	}
}

func (p *parser) line(line []byte) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	switch {
	case len(line) == 0:
		if len(p.kind) > 0 || len(p.data) > 0 {
			p.onEvent(p.kind, p.data)
		}
		p.kind, p.data = p.kind[:0], p.data[:0]
	case bytes.HasPrefix(line, []byte("data:")):
		p.data = append(p.data[:0], bytes.TrimPrefix(line[len("data:"):], []byte(" "))...)
	case bytes.HasPrefix(line, []byte("event:")):
		p.kind = append(p.kind[:0], bytes.TrimPrefix(line[len("event:"):], []byte(" "))...)
	}
}
