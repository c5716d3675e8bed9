package main

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"time"
)

// created is the answer to the order create. Times are from sending the request for a session to
// the first event of the watch with its phase Ready.
type created struct {
	Created   int                `json:"created"`
	Ready     int                `json:"ready"`
	Refused   []string           `json:"refused"`
	Seconds   float64            `json:"seconds"`
	PerSecond float64            `json:"perSecond"`
	Creating  float64            `json:"creatingSeconds"`
	Stages    map[string]latency `json:"stagesMs"`
	LateMs    latency            `json:"lateMs"`
	Reopened  int32              `json:"watchesReopened"`
}

// creation is one order being carried out.
type creation struct {
	api     *kube
	place   place
	board   *board
	order   order
	ends    time.Time
	mutex   sync.Mutex
	asked   []*awaited
	late    []int64
	refused []string
}

func create(api *kube, p place, b *board, o order) created {
	c := &creation{api: api, place: p, board: b, order: o, ends: time.Now().Add(seconds(o.Limit))}
	if o.Rate > 0 {
		c.steadily()
	} else {
		c.together()
	}
	creating := clock()
	for _, a := range c.asked {
		c.await(a)
	}
	return c.result(creating)
}

// steadily sends each request at its time, whatever became of those before (open loop).
func (c *creation) steadily() {
	var sending sync.WaitGroup
	begin := clock()
	for number := range c.order.Count {
		due := begin + int64(float64(number)/c.order.Rate*1e9)
		sleepUntil(due)
		sending.Add(1)
		go func() {
			defer sending.Done()
			a := c.one(number)
			c.mutex.Lock()
			c.late = append(c.late, a.sent-due)
			c.mutex.Unlock()
		}()
	}
	sending.Wait()
}

// together has so many workers, each with one request at a time, until its answer or until Ready.
func (c *creation) together() {
	var working sync.WaitGroup
	numbers := make(chan int)
	for range c.order.Workers {
		working.Add(1)
		go func() {
			defer working.Done()
			for number := range numbers {
				a := c.one(number)
				if c.order.UntilReady {
					c.await(a)
				}
			}
		}()
	}
	for number := range c.order.Count {
		numbers <- number
	}
	close(numbers)
	working.Wait()
}

func (c *creation) one(number int) *awaited {
	name := fmt.Sprintf("%s-%d", c.order.Prefix, number)
	body := bytes.Replace(c.place.Session, []byte("NAME"), []byte(name), 1)
	a := c.board.expect(name)
	err := c.api.create(c.place.Sessions, body)
	a.answered = clock()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err != nil {
		c.refused = append(c.refused, err.Error())
		return a
	}
	c.asked = append(c.asked, a)
	return a
}

func (c *creation) await(a *awaited) {
	select {
	case <-a.done:
	case <-time.After(time.Until(c.ends)):
	}
}

func (c *creation) result(creating int64) created {
	r := created{Created: len(c.asked), Refused: c.refused, Stages: map[string]latency{}, LateMs: summarize(c.late)}
	stages := map[string][]int64{}
	first, last := int64(math.MaxInt64), int64(0)
	for _, a := range c.asked {
		first = min(first, a.sent)
		took, ready := c.board.stages(a)
		if !ready {
			continue
		}
		r.Ready++
		last = max(last, a.ready)
		for stage, nanoseconds := range took {
			stages[stage] = append(stages[stage], nanoseconds)
		}
	}
	for stage, all := range stages {
		r.Stages[stage] = summarize(all)
	}
	if r.Ready > 0 {
		r.Seconds = float64(last-first) / 1e9
		r.PerSecond = float64(r.Ready) / r.Seconds
		r.Creating = float64(creating-first) / 1e9
	}
	return r
}
