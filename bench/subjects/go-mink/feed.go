package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

const (
	settleTimeout = 10 * time.Second
	warmUpEvents  = 20
)

// arrivals remembers when each event came first, and how often.
type arrivals struct {
	sync.Mutex
	at    map[string]time.Time
	times map[string]int
}

func newArrivals() *arrivals {
	return &arrivals{at: map[string]time.Time{}, times: map[string]int{}}
}

func (a *arrivals) add(key string, at time.Time) {
	a.Lock()
	defer a.Unlock()
	if a.times[key]++; a.times[key] == 1 {
		a.at[key] = at
	}
}

func (a *arrivals) size() int {
	a.Lock()
	defer a.Unlock()
	return len(a.at)
}

func (a *arrivals) missing(keys []string) (count int) {
	a.Lock()
	defer a.Unlock()
	for _, key := range keys {
		if a.times[key] == 0 {
			count++
		}
	}
	return count
}

func (a *arrivals) repeated() (count int) {
	a.Lock()
	defer a.Unlock()
	for _, times := range a.times {
		if times > 1 {
			count++
		}
	}
	return count
}

func catchUp(store *eventStore, asked job) (result, error) {
	all := make(chan struct{})
	var counter struct {
		sync.Mutex
		seen int
	}
	mark("begin")
	started, cpu := time.Now(), cpuMs()
	stop, err := store.follow(func(string) {
		counter.Lock()
		defer counter.Unlock()
		if counter.seen++; counter.seen == asked.Parameters.Events {
			close(all)
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-all:
	case <-time.After(seconds(asked.LongestSeconds)):
	}
	elapsed, used := time.Since(started).Seconds(), cpuMs()-cpu
	counter.Lock()
	delivered := counter.seen
	counter.Unlock()
	mark("end")
	stop()
	measured := result{"rate": float64(delivered) / elapsed, "steps": delivered, "elapsed": elapsed, "clientCpuMs": used}
	if delivered < asked.Parameters.Events {
		measured["remark"] = fmt.Sprintf("stopped after %.0f s with %d of %d events delivered", elapsed, delivered, asked.Parameters.Events)
	}
	return measured, nil
}

func followWriters(store *eventStore, asked job) (result, error) {
	if err := warmFeed(store); err != nil {
		return nil, err
	}
	delivered := newArrivals()
	stop, err := store.follow(func(key string) { delivered.add(key, time.Now()) })
	if err != nil {
		return nil, err
	}
	var acknowledged []string
	var failure error
	var lock sync.Mutex
	var writers sync.WaitGroup
	mark("begin")
	started, cpu := time.Now(), cpuMs()
	deadline := started.Add(seconds(asked.Seconds))
	for range asked.Parameters.Writers {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for time.Now().Before(deadline) {
				id := newID()
				err := store.appendNew(id, 1)
				lock.Lock()
				if err != nil {
					failure = err
					lock.Unlock()
					return
				}
				acknowledged = append(acknowledged, id)
				lock.Unlock()
			}
		}()
	}
	writers.Wait()
	finished, size := time.Now(), delivered.size()
	for progress := time.Now(); delivered.missing(acknowledged) > 0 && time.Since(progress) < settleTimeout/2; {
		time.Sleep(20 * time.Millisecond)
		if now := delivered.size(); now != size {
			size, progress, finished = now, time.Now(), time.Now()
		}
	}
	used := cpuMs() - cpu
	mark("end")
	stop()
	lost, elapsed := delivered.missing(acknowledged), finished.Sub(started).Seconds()
	return result{
		"rate": float64(len(acknowledged)-lost) / elapsed, "steps": len(acknowledged), "elapsed": elapsed, "clientCpuMs": used,
		"checked": len(acknowledged), "lost": lost, "repeated": delivered.repeated(),
	}, failure
}

func latency(store *eventStore, asked job) (result, error) {
	if err := warmFeed(store); err != nil {
		return nil, err
	}
	arrived := newArrivals()
	stop, err := store.follow(func(key string) { arrived.add(key, time.Now()) })
	if err != nil {
		return nil, err
	}
	returned, err := appendInIntervals(store, arrived, asked)
	stop()
	if err != nil {
		return nil, err
	}
	return latencies(returned, arrived), nil
}

// remoteLatency has the subscription in a process of its own, which reports on its standard output.
func remoteLatency(store *eventStore, asked job) (result, error) {
	if err := warmFeed(store); err != nil {
		return nil, err
	}
	reading := asked
	reading.Phase = "reader"
	environment, err := json.Marshal(reading)
	if err != nil {
		return nil, err
	}
	reader := exec.Command(os.Args[0])
	reader.Env = append(os.Environ(), "MINK_BENCH_JOB="+string(environment))
	reader.Stderr = os.Stderr
	lines, err := reader.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// The reader ends when its standard input does.
	input, err := reader.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := reader.Start(); err != nil {
		return nil, err
	}
	arrived := newArrivals()
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			var key string
			var at int64
			if scanner.Text() == "ready" {
				close(ready)
			} else if _, err := fmt.Sscan(scanner.Text(), &key, &at); err == nil {
				arrived.add(key, time.Unix(0, at))
			}
		}
	}()
	select {
	case <-ready:
	case <-ended:
		return nil, fmt.Errorf("the reader ended before it was ready")
	}
	returned, failure := appendInIntervals(store, arrived, asked)
	_ = input.Close()
	<-ended
	if err := reader.Wait(); err != nil && failure == nil {
		failure = err
	}
	if failure != nil {
		return nil, failure
	}
	return latencies(returned, arrived), nil
}

func readRemotely(store *eventStore) error {
	arrived := 0
	stop, err := store.follow(func(key string) {
		if arrived++; arrived == warmUpEvents {
			fmt.Println("ready")
		} else {
			fmt.Println(key, time.Now().UnixNano())
		}
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	stop()
	return err
}

func idle(store *eventStore, asked job) (result, error) {
	if err := warmFeed(store); err != nil {
		return nil, err
	}
	stop, err := store.follow(func(string) {})
	if err != nil {
		return nil, err
	}
	time.Sleep(3 * time.Second)
	mark("begin")
	started, cpu := time.Now(), cpuMs()
	time.Sleep(seconds(asked.Seconds))
	used, elapsed := cpuMs()-cpu, time.Since(started).Seconds()
	mark("end")
	stop()
	return result{"rate": 0, "steps": 0, "elapsed": elapsed, "clientCpuMs": used}, nil
}

func warmFeed(store *eventStore) error {
	arrived := newArrivals()
	stop, err := store.follow(func(key string) { arrived.add(key, time.Now()) })
	if err != nil {
		return err
	}
	defer stop()
	for range warmUpEvents {
		if err := store.appendNew(newID(), 1); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(settleTimeout); arrived.size() < warmUpEvents && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func appendInIntervals(store *eventStore, arrived *arrivals, asked job) (map[string]time.Time, error) {
	returned := map[string]time.Time{}
	var keys []string
	time.Sleep(500 * time.Millisecond)
	mark("begin")
	for deadline := time.Now().Add(seconds(asked.Seconds)); time.Now().Before(deadline); {
		id := newID()
		if err := store.appendNew(id, 1); err != nil {
			return nil, err
		}
		returned[id] = time.Now()
		keys = append(keys, id)
		// At irregular times, so that a poll is not met at a fixed point of its interval.
		time.Sleep(5*time.Millisecond + time.Duration(rand.Float64()*40*float64(time.Millisecond)))
	}
	mark("end")
	for settled := time.Now().Add(settleTimeout); arrived.missing(keys) > 0 && time.Now().Before(settled); {
		time.Sleep(20 * time.Millisecond)
	}
	return returned, nil
}

func latencies(returned map[string]time.Time, arrived *arrivals) result {
	arrived.Lock()
	defer arrived.Unlock()
	var times []float64
	for id, at := range returned {
		if arrival, ok := arrived.at[id]; ok {
			times = append(times, max(0, float64(arrival.UnixNano()-at.UnixNano())/1e6))
		}
	}
	slices.Sort(times)
	measured := result{"steps": len(times), "checked": len(returned), "lost": len(returned) - len(times), "repeated": 0}
	if len(times) > 0 {
		measured["p50"], measured["p99"] = quantile(times, 0.5), quantile(times, 0.99)
	}
	return measured
}

func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
}
