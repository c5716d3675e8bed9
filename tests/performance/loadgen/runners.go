package main

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const beatEvery = 20 * time.Millisecond

// runners stand in for the runners of all pods: each writes its state once, with a hint to look at
// it, and then gives a sign of life in the same form as the real one. All share one connection, by
// a login that may write all sessions' keys.
type runners struct {
	place     place
	heartbeat time.Duration
	mutex     sync.Mutex
	conn      net.Conn
	command   []byte
	queue     []beat
	ended     map[string]bool
	report    beatReport
}

type beat struct {
	uid string
	due time.Time
}

// beatReport is the answer to the order beats: since the start, and the longest delay since then.
type beatReport struct {
	Runners int     `json:"runners"`
	Beats   int     `json:"beats"`
	LateMs  float64 `json:"lateMs"`
}

func newRunners(p place) (*runners, error) {
	network := "tcp"
	if strings.HasPrefix(p.Redis, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, p.Redis, 5*time.Second)
	if err != nil {
		return nil, err
	}
	r := &runners{place: p, heartbeat: seconds(p.Heartbeat), conn: conn, ended: map[string]bool{}}
	go drain(conn)
	if p.Password != "" {
		r.say("AUTH", p.Password)
		r.flush()
	}
	return r, nil
}

// drain reads Redis' answers; a refusal ends this process.
func drain(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			fail(fmt.Errorf("Redis closed the connection: %w", err))
		}
		if line[0] == '-' {
			fail(fmt.Errorf("Redis refused a state: %s", line))
		}
	}
}

// begin writes a runner's state and says so; it returns when that was sent.
func (r *runners) begin(uid string) int64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now := time.Now()
	r.add(uid, now)
	r.say("PUBLISH", r.key(r.place.Channel, uid), "state")
	r.flush()
	r.queue = append(r.queue, beat{uid, now.Add(r.heartbeat)})
	r.report.Runners++
	return clock()
}

// end makes a runner silent.
func (r *runners) end(uid string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ended[uid] = true
}

// beat gives signs of life when they are due. All have the same interval, so the queue is in order.
func (r *runners) beat() {
	for now := range time.Tick(beatEvery) {
		r.mutex.Lock()
		for len(r.queue) > 0 && !r.queue[0].due.After(now) {
			next := r.queue[0]
			r.queue = r.queue[1:]
			if r.ended[next.uid] {
				delete(r.ended, next.uid)
				r.report.Runners--
				continue
			}
			r.report.Beats++
			r.report.LateMs = max(r.report.LateMs, float64(now.Sub(next.due).Milliseconds()))
			r.add(next.uid, now)
			r.queue = append(r.queue, beat{next.uid, next.due.Add(r.heartbeat)})
		}
		r.flush()
		r.mutex.Unlock()
	}
}

func (r *runners) beats() beatReport {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	report := r.report
	r.report.LateMs = 0
	return report
}

func (r *runners) add(uid string, now time.Time) {
	stamp := strconv.FormatFloat(float64(now.UnixMilli())/1e3, 'f', 3, 64)
	r.say("HSET", r.key(r.place.Key, uid), "state", r.place.State, "heartbeat", stamp)
}

// say adds a command to what is sent with the next flush.
func (r *runners) say(words ...string) {
	r.command = append(r.command, '*')
	r.command = strconv.AppendInt(r.command, int64(len(words)), 10)
	r.command = append(r.command, crlf...)
	for _, word := range words {
		r.command = appendBulk(r.command, word)
	}
}

func (r *runners) key(pattern, uid string) string {
	return strings.Replace(pattern, "ID", uid, 1)
}

func (r *runners) flush() {
	if len(r.command) == 0 {
		return
	}
	if _, err := r.conn.Write(r.command); err != nil {
		fail(err)
	}
	r.command = r.command[:0]
}
