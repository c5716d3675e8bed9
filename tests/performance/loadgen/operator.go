package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// place is where the mode operator works, as the first line of stdin says in JSON.
type place struct {
	Server      string          `json:"server"`
	Certificate string          `json:"certificate"`
	Token       string          `json:"token"`
	Sessions    string          `json:"sessions"`
	Pods        string          `json:"pods"`
	Label       string          `json:"label"`
	Session     json.RawMessage `json:"session"`
	Redis       string          `json:"redis"`
	Password    string          `json:"password"`
	Key         string          `json:"key"`
	Channel     string          `json:"channel"`
	State       string          `json:"state"`
	Heartbeat   float64         `json:"heartbeat"`
}

// order is each further line: what to create, and how. All have to be Ready within the limit.
type order struct {
	Do         string  `json:"do"`
	Prefix     string  `json:"prefix"`
	Count      int     `json:"count"`
	Rate       float64 `json:"rate"`
	Workers    int     `json:"workers"`
	UntilReady bool    `json:"untilReady"`
	Limit      float64 `json:"limit"`
}

// operator plays what is around the operator: those who create sessions and wait for them, and the
// runners of the pods that KWOK runs. It answers each line of stdin by one of stdout.
func operator(input io.Reader) error {
	lines := json.NewDecoder(input)
	var p place
	if err := lines.Decode(&p); err != nil {
		return err
	}
	api, err := newKube(p)
	if err != nil {
		return err
	}
	crew, err := newRunners(p)
	if err != nil {
		return err
	}
	b := newBoard(crew)
	watches, err := follow(api, p, b)
	if err != nil {
		return err
	}
	go crew.beat()
	mark("following")
	for {
		var o order
		switch err := lines.Decode(&o); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case o.Do == "create":
			r := create(api, p, b, o)
			for _, w := range watches {
				r.Reopened += w.reopens.Swap(0)
			}
			say(r)
		case o.Do == "beats":
			say(crew.beats())
		default:
			return fmt.Errorf("no order %q: create or beats", o.Do)
		}
	}
}

// follow watches sessions and pods from now on.
func follow(api *kube, p place, b *board) ([]*watch, error) {
	var all []*watch
	for path, take := range map[string]func([]byte, int64){
		p.Sessions: b.session,
		p.Pods:     func(line []byte, now int64) { b.pod(line, p.Label, now) },
	} {
		w, err := api.watch(path)
		if err != nil {
			return nil, err
		}
		go func() { fail(w.follow(take)) }()
		all = append(all, w)
	}
	return all, nil
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
