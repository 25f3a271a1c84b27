package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	mink "go-mink.dev"
	"go-mink.dev/adapters"
	"go-mink.dev/adapters/postgres"
)

const category = "Order"

// ItemAdded is the event that every subject of the benchmark stores.
type ItemAdded struct {
	OrderID  string  `json:"orderId"`
	SKU      string  `json:"sku"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"`
	Currency string  `json:"currency"`
	AddedBy  string  `json:"addedBy"`
	Gift     bool    `json:"gift"`
}

// Order folds its events.
type Order struct {
	mink.AggregateBase
	Events int
	Items  int
	Total  float64
}

func newOrder(id string) *Order {
	order := &Order{}
	order.SetID(id)
	order.SetType(category)
	return order
}

// ApplyEvent is called for each event of a load.
func (o *Order) ApplyEvent(event any) error {
	added, ok := event.(ItemAdded)
	if !ok {
		pointer, isPointer := event.(*ItemAdded)
		if !isPointer {
			return fmt.Errorf("unexpected event %T", event)
		}
		added = *pointer
	}
	o.Events++
	o.Items += added.Quantity
	o.Total += float64(added.Quantity) * added.Price
	return nil
}

// eventStore is go-mink as its guide sets it up.
type eventStore struct {
	adapter *postgres.PostgresAdapter
	events  *mink.EventStore
}

func openStore(url string, connections int) (*eventStore, error) {
	adapter, err := postgres.NewAdapter(url, postgres.WithMaxConnections(connections), postgres.WithMaxIdleConnections(connections))
	if err != nil {
		return nil, err
	}
	events := mink.New(adapter)
	events.RegisterEvents(ItemAdded{})
	return &eventStore{adapter, events}, nil
}

func (s *eventStore) setUp() error { return s.events.Initialize(context.Background()) }

func (s *eventStore) close() { _ = s.events.Close() }

func (s *eventStore) appendAt(id string, version int64, count int) error {
	events := make([]any, count)
	for index := range events {
		events[index] = makeEvent(id)
	}
	metadata := mink.Metadata{CorrelationID: correlationID}
	return s.events.Append(context.Background(), category+"-"+id, events, mink.ExpectVersion(version), mink.WithAppendMetadata(metadata))
}

func (s *eventStore) appendNew(id string, count int) error {
	return s.appendAt(id, mink.NoStream, count)
}

func (s *eventStore) versionOf(id string) (int64, error) {
	info, err := s.events.GetStreamInfo(context.Background(), category+"-"+id)
	if err != nil {
		return 0, err
	}
	return info.Version, nil
}

func isConflict(err error) bool { return errors.Is(err, adapters.ErrConcurrencyConflict) }

func (s *eventStore) load(id string) (int, error) {
	order := newOrder(id)
	err := s.events.LoadAggregate(context.Background(), order)
	return order.Events, err
}

// follow calls back for each event, until stop is called, which waits for the last call.
func (s *eventStore) follow(onEvent func(key string)) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	// The poll interval is go-mink's default; a larger buffer makes larger pages.
	channel, err := s.adapter.SubscribeAll(ctx, 0, adapters.SubscriptionOptions{BufferSize: 1000})
	if err != nil {
		cancel()
		return nil, err
	}
	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		for stored := range channel {
			data, err := s.events.Serializer().Deserialize(stored.Data, stored.Type)
			if err != nil {
				panic(err)
			}
			switch event := data.(type) {
			case ItemAdded:
				onEvent(event.OrderID)
			case *ItemAdded:
				onEvent(event.OrderID)
			}
		}
	}()
	return func() {
		cancel()
		running.Wait()
	}, nil
}

func (s *eventStore) countEvents() (count int, err error) {
	err = s.adapter.DB().QueryRow("select count(*) from mink.events").Scan(&count)
	return count, err
}

var made atomic.Int64

var correlationID = newID()

func makeEvent(key string) ItemAdded {
	number := made.Add(1)
	return ItemAdded{
		OrderID:  key,
		SKU:      fmt.Sprintf("SKU-%05d", number%10_000),
		Quantity: int(1 + number%9),
		Price:    29.99,
		Currency: "EUR",
		AddedBy:  fmt.Sprintf("customer-%d", number%1000),
		Gift:     number%2 == 0,
	}
}

var idState struct {
	sync.Mutex
	time    int64
	counter int64
}

// newID makes UUIDs v7 that rise, as the other subjects use them.
func newID() string {
	idState.Lock()
	if now := time.Now().UnixMilli(); now > idState.time {
		idState.time, idState.counter = now, 0
	} else {
		idState.counter++
	}
	at, counter := idState.time+idState.counter>>12, idState.counter&0xfff
	idState.Unlock()
	var tail [8]byte
	_, _ = rand.Read(tail[:])
	tail[0] = 0x80 | tail[0]&0x3f
	return fmt.Sprintf("%08x-%04x-7%03x-%02x%02x-%x", at>>16, at&0xffff, counter, tail[0], tail[1], tail[2:])
}
