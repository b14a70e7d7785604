//go:build !demo

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"sync"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/k8sq/k8sq/collector"
)

// eventWriter writes events as CloudEvents, one JSON document a line.
type eventWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func newEventWriter(w io.Writer) *eventWriter { return &eventWriter{w: w} }

func (w *eventWriter) write(event collector.Event) error {
	envelope := cloudevents.New()
	envelope.SetType(event.Type)
	envelope.SetSource("/k8sq/clusters/" + url.PathEscape(event.Cluster))
	envelope.SetTime(event.Timestamp)
	// The id is the same whenever the same event is told again, so that a receiver can leave out what it has.
	id := event.SyncID + "/" + event.Type
	if event.ResourceID != "" {
		subject := event.ResourceType + "/" + event.ResourceID
		envelope.SetSubject(subject)
		id = fmt.Sprintf("%s/%s/%d", event.SyncID, subject, event.Version)
	}
	envelope.SetID(id)
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	envelope.SetDataContentType("application/json")
	envelope.DataEncoded = payload
	line, err := envelope.MarshalJSON()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.w.Write(append(line, '\n'))
	return err
}
