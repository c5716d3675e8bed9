package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"

func chunked(parts ...string) string {
	var all strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&all, "%x\r\n%s\r\n", len(part), part)
	}
	return all.String()
}

// parseIn feeds a response in pieces of one size.
func parseIn(t *testing.T, response string, piece int) []string {
	t.Helper()
	var events []string
	p := parser{onEvent: func(kind, data []byte) {
		events = append(events, string(kind)+"="+string(data))
	}}
	for len(response) > 0 {
		n := min(piece, len(response))
		if err := p.feed([]byte(response[:n])); err != nil {
			t.Fatal(err)
		}
		response = response[n:]
	}
	return events
}

func TestEventsSurviveAnyCut(t *testing.T) {
	body := []string{
		"event: connected\ndata: {}\n\n", ": heartbeat\n\n", "id: 1-0\nevent: a\nda",
		"ta: one\n\nid: 1-1\r\nevent: b\r\ndata: two\r\n\r\n",
	}
	want := []string{"connected={}", "a=one", "b=two"}
	responses := map[string]string{
		"chunked": head + "transfer-encoding: chunked\r\n\r\n" + chunked(body...),
		"plain":   head + "connection: close\r\n\r\n" + strings.Join(body, ""),
	}
	for name, response := range responses {
		for piece := 1; piece <= len(response); piece++ {
			if got := parseIn(t, response, piece); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s in pieces of %d: %q", name, piece, got)
			}
		}
	}
}

func TestAnotherStatusIsAnError(t *testing.T) {
	p := parser{onEvent: func(_, _ []byte) {}}
	if p.feed([]byte("HTTP/1.1 404 Not Found\r\n\r\n{}")) == nil {
		t.Fatal("no error")
	}
}

func TestStampComesBack(t *testing.T) {
	for _, size := range []int{0, 40, 200} {
		text := appendText(nil, 17, 123456789, size)
		if size > 0 && len(text) != size {
			t.Fatalf("%d bytes instead of %d", len(text), size)
		}
		seq, sent, ok := stamp([]byte(`{"text":"` + string(text) + `"}`))
		if !ok || seq != 17 || sent != 123456789 {
			t.Fatalf("%d %d %v", seq, sent, ok)
		}
	}
}

func TestTallyTellsLossFromOrder(t *testing.T) {
	var got tally
	for _, seq := range []int{0, 1, 3, 2, 2, 5} {
		got.take(seq)
	}
	if got.delivered != 5 || got.doubled != 1 || got.outOfOrder != 1 {
		t.Fatalf("%d delivered, %d doubled, %d out of order", got.delivered, got.doubled, got.outOfOrder)
	}
}
