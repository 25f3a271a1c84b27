package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

func seconds(amount float64) time.Duration { return time.Duration(amount * float64(time.Second)) }

// measureRate runs step in workers, each one after another, and counts what completes in the window.
func measureRate(asked job, workers int, step func(worker int) (int, error)) (result, error) {
	var running, counting atomic.Bool
	var done, steps atomic.Int64
	var failure atomic.Pointer[error]
	running.Store(true)
	var all sync.WaitGroup
	for worker := range workers {
		all.Add(1)
		go func() {
			defer all.Done()
			for running.Load() {
				amount, err := step(worker)
				if err != nil {
					failure.CompareAndSwap(nil, &err)
					running.Store(false)
					return
				}
				if counting.Load() {
					done.Add(int64(amount))
					steps.Add(1)
				}
			}
		}()
	}
	time.Sleep(seconds(asked.WarmUpSeconds))
	mark("begin")
	started, cpu := time.Now(), cpuMs()
	counting.Store(true)
	time.Sleep(seconds(asked.Seconds))
	counting.Store(false)
	elapsed, used := time.Since(started).Seconds(), cpuMs()-cpu
	counted, completed := done.Load(), steps.Load()
	mark("end")
	running.Store(false)
	all.Wait()
	if err := failure.Load(); err != nil {
		return nil, *err
	}
	return result{"rate": float64(counted) / elapsed, "steps": completed, "elapsed": elapsed, "clientCpuMs": used}, nil
}

func appendNew(store *eventStore, asked job) (result, error) {
	var acknowledged atomic.Int64
	count := asked.Parameters.Events
	measured, err := measureRate(asked, asked.Parameters.Writers, func(int) (int, error) {
		if err := store.appendNew(newID(), count); err != nil {
			return 0, err
		}
		acknowledged.Add(int64(count))
		return count, nil
	})
	if err != nil {
		return nil, err
	}
	return measured, countAgain(store, measured, int(acknowledged.Load()))
}

func hotStream(store *eventStore, asked job) (result, error) {
	id := newID()
	if err := store.appendNew(id, 1); err != nil {
		return nil, err
	}
	var acknowledged atomic.Int64
	acknowledged.Store(1)
	measured, err := measureRate(asked, asked.Parameters.Writers, func(int) (int, error) {
		for {
			version, err := store.versionOf(id)
			if err != nil {
				return 0, err
			}
			err = store.appendAt(id, version, 1)
			if err == nil {
				acknowledged.Add(1)
				return 1, nil
			}
			if !isConflict(err) {
				return 0, err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return measured, countAgain(store, measured, int(acknowledged.Load()))
}

// countAgain compares what was acknowledged with what is there.
func countAgain(store *eventStore, measured result, acknowledged int) error {
	stored, err := store.countEvents()
	measured["checked"] = acknowledged
	measured["lost"] = max(0, acknowledged-stored)
	measured["repeated"] = max(0, stored-acknowledged)
	return err
}

func prepare(store *eventStore, asked job) (result, error) {
	const workers, appendSize = 32, 100
	var next atomic.Int64
	ids := make([]string, asked.Dataset.Streams)
	failures := make(chan error, workers)
	var all sync.WaitGroup
	for range workers {
		all.Add(1)
		go func() {
			defer all.Done()
			for index := next.Add(1) - 1; index < int64(len(ids)); index = next.Add(1) - 1 {
				id := newID()
				ids[index] = id
				for version := 0; version < asked.Dataset.Length; version += appendSize {
					if err := store.appendAt(id, int64(version), min(appendSize, asked.Dataset.Length-version)); err != nil {
						failures <- err
						return
					}
				}
			}
		}()
	}
	all.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return nil, err
	}
	events, err := store.countEvents()
	return result{"ids": ids[:min(len(ids), 1000)], "events": events}, err
}

func loadStreams(store *eventStore, asked job) (result, error) {
	next := 0
	return measureRate(asked, 1, func(int) (int, error) {
		next++
		events, err := store.load(asked.IDs[next%len(asked.IDs)])
		if err == nil && events != asked.Parameters.Length {
			err = fmt.Errorf("a load gave %d events instead of %d", events, asked.Parameters.Length)
		}
		return events, err
	})
}

func mixed(store *eventStore, asked job) (result, error) {
	var turn atomic.Int64
	return measureRate(asked, asked.Parameters.Workers, func(int) (int, error) {
		now := turn.Add(1)
		if now%5 == 0 {
			return 1, store.appendNew(newID(), 1)
		}
		_, err := store.load(asked.IDs[int(now*7)%len(asked.IDs)])
		return 1, err
	})
}
