package servers

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
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
	client, err := e.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	var operations []clientv3.Op
	flush := func() error {
		if _, err := client.Txn(ctx).Then(operations...).Commit(); err != nil {
			return fmt.Errorf("write into etcd: %w", err)
		}
		operations = operations[:0]
		return nil
	}
	for key, value := range pairs {
		operations = append(operations, clientv3.OpPut(key, string(value)))
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
	client, err := e.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
		return fmt.Errorf("delete %s from etcd: %w", prefix, err)
	}
	return nil
}

func (e *Etcd) client(ctx context.Context) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{Context: ctx, Endpoints: []string{e.URL}, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return client, nil
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
