// Command mink-bench-go-mink does the works of the benchmark with go-mink: see ../../child.js, whose protocol it speaks.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// job is what the harness asks for, in the environment variable MINK_BENCH_JOB.
type job struct {
	Phase      string `json:"phase"`
	Kind       string `json:"kind"`
	URL        string `json:"url"`
	Parameters struct {
		Writers int `json:"writers"`
		Workers int `json:"workers"`
		Events  int `json:"events"`
		Length  int `json:"length"`
	} `json:"parameters"`
	Dataset struct {
		Streams int `json:"streams"`
		Length  int `json:"length"`
	} `json:"dataset"`
	IDs            []string `json:"ids"`
	Seconds        float64  `json:"seconds"`
	WarmUpSeconds  float64  `json:"warmUpSeconds"`
	LongestSeconds float64  `json:"longestSeconds"`
}

// result has only what was measured.
type result map[string]any

var output sync.Mutex

// say writes one line for the harness.
func say(line any) {
	output.Lock()
	defer output.Unlock()
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func mark(name string) { say(map[string]string{"mark": name}) }

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var asked job
	if err := json.Unmarshal([]byte(os.Getenv("MINK_BENCH_JOB")), &asked); err != nil {
		return fmt.Errorf("MINK_BENCH_JOB: %w", err)
	}
	connections := max(asked.Parameters.Writers, asked.Parameters.Workers, 1)
	if asked.Phase == "prepare" {
		connections = 32
	}
	store, err := openStore(asked.URL, min(max(connections, 4), 64))
	if err != nil {
		return err
	}
	defer store.close()
	if asked.Phase == "reader" {
		return readRemotely(store)
	}
	if err := store.setUp(); err != nil {
		return err
	}
	works := map[string]func(*eventStore, job) (result, error){
		"append": appendNew, "hot": hotStream, "load": loadStreams, "mixed": mixed,
		"catchup": catchUp, "followWriters": followWriters, "latency": latency, "remoteLatency": remoteLatency, "idle": idle,
	}
	work := works[asked.Kind]
	if asked.Phase == "prepare" {
		work = prepare
	}
	if work == nil {
		return fmt.Errorf("there is no work %q", asked.Kind)
	}
	measured, err := work(store, asked)
	if err != nil {
		return err
	}
	measured["peakRssMb"] = float64(usage().Maxrss) / 1024
	say(map[string]any{"result": measured})
	return nil
}

func usage() syscall.Rusage {
	var used syscall.Rusage
	// It cannot fail for the process itself.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used
}

// cpuMs is the CPU that this process has used, in milliseconds.
func cpuMs() float64 {
	used := usage()
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e6
}
