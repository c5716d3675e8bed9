package main

import (
	"bufio"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	managed   = `"managedFields":[{"fieldsV1":{"f:status":{"f:phase":{},"f:conditions":{"k:{\"type\":\"Ready\"}":{}}},"f:metadata":{"f:labels":{"f:moorage.dev/session-uid":{}}}},"manager":"operator"}]`
	pending   = `{"type":"ADDED","object":{"kind":"ClaudeSession","metadata":{` + managed + `,"name":"bench-0","resourceVersion":"7","uid":"u-0"},"spec":{"prompt":"say \"phase\":\"Ready\""}}}` + "\n"
	ready     = `{"type":"MODIFIED","object":{"kind":"ClaudeSession","metadata":{` + managed + `,"name":"bench-0","resourceVersion":"9","uid":"u-0"},"status":{"conditions":[{"status":"True","type":"Ready"}],"phase":"Ready"}}}` + "\n"
	scheduled = `{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"session-u-0","uid":"p","resourceVersion":"8","labels":{"moorage.dev/session-uid":"u-0"},` + managed + `},"status":{"phase":"Pending"}}}` + "\n"
	runs      = `{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"session-u-0","uid":"p","resourceVersion":"8","labels":{"moorage.dev/session-uid":"u-0"},` + managed + `},"status":{"phase":"Running"}}}` + "\n"
	leaves    = `{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"session-u-0","uid":"p","deletionTimestamp":"2026-01-01T00:00:00Z","labels":{"moorage.dev/session-uid":"u-0"}},"status":{"phase":"Running"}}}` + "\n"
	label     = "moorage.dev/session-uid"
)

// listening returns a board whose Redis only listens, and what it hears.
func listening(t *testing.T) (*board, *bufio.Reader) {
	path := filepath.Join(t.TempDir(), "redis.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := listener.Accept()
		accepted <- conn
	}()
	p := place{Redis: path, Key: "moorage:{ID}:state", Channel: "moorage:{ID}:notify", State: "{}", Heartbeat: 0.05}
	crew, err := newRunners(p)
	if err != nil {
		t.Fatal(err)
	}
	conn := <-accepted
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	return newBoard(crew), bufio.NewReader(conn)
}

func words(t *testing.T, from *bufio.Reader, count int) string {
	var found []string
	for len(found) < count {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line[0] != '*' && line[0] != '$' {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return strings.Join(found, " ")
}

func TestFieldsAreFoundInEvents(t *testing.T) {
	for field, expected := range map[string]string{`"name":"`: "bench-0", `"uid":"`: "u-0", `"resourceVersion":"`: "9"} {
		if found := text([]byte(ready), []byte(field)); found != expected {
			t.Errorf("%s: %q instead of %q", field, found, expected)
		}
	}
	if found := text([]byte(runs), []byte(`"`+label+`":"`)); found != "u-0" {
		t.Errorf("the label: %q", found)
	}
}

func TestASessionIsReadyOnceItsStatusSaysSo(t *testing.T) {
	b, _ := listening(t)
	a := b.expect("bench-0")
	b.session([]byte(pending), 1)
	if a.ready != 0 || a.uid != "u-0" {
		t.Fatalf("after its creation: %+v", a)
	}
	b.session([]byte(ready), 2)
	b.session([]byte(ready), 3)
	<-a.done
	if a.ready != 2 {
		t.Fatalf("ready at %d", a.ready)
	}
}

func TestARunnerBeginsWithItsPodAndEndsWithIt(t *testing.T) {
	b, heard := listening(t)
	b.pod([]byte(scheduled), label, 1)
	b.pod([]byte(runs), label, 2)
	b.pod([]byte(runs), label, 3)
	said := words(t, heard, 9)
	if !strings.HasPrefix(said, "HSET moorage:{u-0}:state state {} heartbeat ") ||
		!strings.HasSuffix(said, " PUBLISH moorage:{u-0}:notify state") {
		t.Fatalf("it said %s", said)
	}
	go b.crew.beat()
	if said := words(t, heard, 6); !strings.HasPrefix(said, "HSET moorage:{u-0}:state state {} heartbeat ") {
		t.Fatalf("then it said %s", said)
	}
	b.pod([]byte(leaves), label, 4)
	wait(10*time.Second, func() bool { return b.crew.beats().Runners == 0 })
	if left := b.crew.beats().Runners; left != 0 {
		t.Fatalf("%d runners are left", left)
	}
}
