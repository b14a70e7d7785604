package servers

import (
	"context"
	"fmt"
	"io"
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
