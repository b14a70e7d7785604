//go:build demo

// This build leaves out the clients of Kubernetes and of S3, and CloudEvents, which are a third of what a fresh clone compiles: the demo
// reads manifests into a folder.

package main

import (
	"context"
	"errors"
	"io"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/manifests"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake/store"
)

var errDemo = errors.New("this k8sq was built for the demo, without Kubernetes, S3 and events: `make build` makes the whole one, bin/k8sq")

func definitions() []collector.Definition { return []collector.Definition{manifests.Definition()} }

func currentContext() (string, error) { return "", errDemo }

func contexts() ([]config.Context, error) { return nil, errDemo }

func openS3(context.Context, config.Lake) (store.Store, error) { return nil, errDemo }

type eventWriter struct{}

func newEventWriter(io.Writer) eventWriter { return eventWriter{} }

func (eventWriter) write(collector.Event) error { return errDemo }
