package main

import (
	"bytes"
	"sync"
)

var (
	nameField    = []byte(`"name":"`)
	uidField     = []byte(`"uid":"`)
	versionField = []byte(`"resourceVersion":"`)
	isReady      = []byte(`"phase":"Ready"`)
	isRunning    = []byte(`"phase":"Running"`)
	isLeaving    = []byte(`"deletionTimestamp":"`)
	isDeleted    = []byte(`{"type":"DELETED"`)
	isError      = []byte(`{"type":"ERROR"`)
)

// text returns the string after a field's name where that stands first in an event, without
// decoding the event: decoding each would take the processor time that is to be measured. In the
// API server's JSON of a session and of a pod, metadata stands before whatever else has such a field.
func text(line, field []byte) string {
	at := bytes.Index(line, field)
	if at < 0 {
		return ""
	}
	value := line[at+len(field):]
	return string(value[:max(bytes.IndexByte(value, '"'), 0)])
}

// awaited is a session that was asked for; its moments are 0 until they come.
type awaited struct {
	uid      string
	sent     int64
	answered int64
	ready    int64
	done     chan struct{}
}

// moments of a session's pod, as the watch told of them and as its runner wrote to Redis.
type moments struct {
	seen    int64
	running int64
	written int64
}

// board is what is known of all sessions and pods. A pod may be heard of before its session.
type board struct {
	crew     *runners
	mutex    sync.Mutex
	sessions map[string]*awaited
	pods     map[string]*moments
}

func newBoard(crew *runners) *board {
	return &board{crew: crew, sessions: map[string]*awaited{}, pods: map[string]*moments{}}
}

// expect notes that a session is asked for from now on.
func (b *board) expect(name string) *awaited {
	a := &awaited{done: make(chan struct{})}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.sessions[name] = a
	a.sent = clock()
	return a
}

// session takes an event of a session: the first with the phase Ready counts.
func (b *board) session(line []byte, now int64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	a := b.sessions[text(line, nameField)]
	if a == nil {
		return
	}
	if a.uid == "" {
		a.uid = text(line, uidField)
	}
	if a.ready == 0 && bytes.Contains(line, isReady) {
		a.ready = now
		close(a.done)
	}
}

// pod takes an event of a pod; when it runs, its runner begins.
func (b *board) pod(line []byte, label string, now int64) {
	uid := text(line, []byte(`"`+label+`":"`))
	if uid == "" {
		return
	}
	b.mutex.Lock()
	m := b.pods[uid]
	if m == nil {
		m = &moments{seen: now}
		b.pods[uid] = m
	}
	gone := bytes.HasPrefix(line, isDeleted) || bytes.Contains(line, isLeaving)
	begins := !gone && m.running == 0 && bytes.Contains(line, isRunning)
	if begins {
		m.running = now
	}
	b.mutex.Unlock()
	switch {
	case gone:
		b.crew.end(uid)
	case begins:
		written := b.crew.begin(uid)
		b.mutex.Lock()
		m.written = written
		b.mutex.Unlock()
	}
}

// stages returns how long each step of a session took; false while it is not Ready.
func (b *board) stages(a *awaited) (map[string]int64, bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	m := b.pods[a.uid]
	if a.ready == 0 || m == nil {
		return nil, false
	}
	return map[string]int64{
		"answered": a.answered - a.sent,
		"pod":      m.seen - a.sent,
		"running":  m.running - m.seen,
		"written":  m.written - m.running,
		"ready":    a.ready - m.written,
		"all":      a.ready - a.sent,
	}, true
}
