package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path/filepath"
)

// Etcd is a running etcd. Several clusters share it, each under its own prefix.
type Etcd struct {
	*Process
	URL string // http://127.0.0.1:port
}

// StartEtcd starts etcd with its data under dir and waits until it answers.
func StartEtcd(ctx context.Context, binaries Binaries, dir string) (*Etcd, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	process, err := start(dir, "etcd", binaries.Etcd, []string{
		"--name=default",
		"--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		"--unsafe-no-fsync", // The data need not survive the machine.
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}, nil)
	if err != nil {
		return nil, err
	}
	etcd := &Etcd{Process: process, URL: client}
	if err := process.waitReady(ctx, func(ctx context.Context) error { return getOK(ctx, http.DefaultClient, client+"/health", "") }); err != nil {
		process.Stop()
		return nil, err
	}
	return etcd, nil
}

// batch is how many operations go into one transaction: below etcd's limits of 128, and of 1.5 MiB for objects of 11 kB.
const batch = 100

// Put writes keys and values straight into etcd, past any API server: the fastest way to fill a cluster. An API server meets
// them as if another one had written them. Keys are prefix/plural/namespace/name; values JSON or Kubernetes' protobuf.
func (e *Etcd) Put(ctx context.Context, pairs iter.Seq2[string, []byte]) error {
	type put struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	}
	type operation struct {
		Put put `json:"requestPut"`
	}
	var operations []operation
	flush := func() error {
		defer func() { operations = operations[:0] }()
		return e.post(ctx, "/v3/kv/txn", map[string]any{"success": operations})
	}
	for key, value := range pairs {
		operations = append(operations, operation{put{[]byte(key), value}})
		if len(operations) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// DeletePrefix deletes every key that begins with prefix.
func (e *Etcd) DeletePrefix(ctx context.Context, prefix string) error {
	end := []byte(prefix)
	end[len(end)-1]++ // The prefixes of Kubernetes' keys end with "/".
	return e.post(ctx, "/v3/kv/deleterange", map[string]any{"key": []byte(prefix), "range_end": end})
}

func (e *Etcd) post(ctx context.Context, path string, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd %s: %s: %s", path, response.Status, answer)
	}
	return nil
}

// getOK is nil when the URL answers 200.
func getOK(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", url, response.Status, body)
	}
	return nil
}
