package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// pageSize is k8sq's default too: both read the same pages.
const pageSize = 500

// pages is what a raw read met.
type pages struct {
	objects int
	bytes   int64
	took    time.Duration
}

// count gives how many pods the API server has.
func (b *bench) count(ctx context.Context) (int, error) {
	content, err := b.cluster.Do(ctx, http.MethodGet, "/api/v1/pods?limit=1", "", nil)
	if err != nil {
		return 0, err
	}
	return objectsOf(content, 1)
}

// A list's own metadata stands before its items.
var (
	continueToken = regexp.MustCompile(`^\{"kind":"PodList","apiVersion":"v1","metadata":\{[^}]*"continue":"([^"]*)"`)
	remaining     = regexp.MustCompile(`^\{"kind":"PodList","apiVersion":"v1","metadata":\{[^}]*"remainingItemCount":([0-9]+)`)
)

// readRaw reads the list of all pods page by page and throws the bytes away: the least that any client must do.
func (b *bench) readRaw(ctx context.Context) (pages, error) {
	var total pages
	begin := time.Now()
	head := make([]byte, 4096)
	rest := make([]byte, 64<<10)
	for page := ""; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/pods?limit=%d&continue=%s", b.cluster.URL, pageSize, url.QueryEscape(page)), nil)
		if err != nil {
			return total, err
		}
		request.Header.Set("Authorization", "Bearer "+b.cluster.Token)
		request.Header.Set("Accept", "application/json")
		response, err := b.cluster.Client.Do(request)
		if err != nil {
			return total, err
		}
		n, err := io.ReadFull(response.Body, head)
		var m int64
		if err == nil {
			// Hidden from io.Copy, which would else find ways of its own.
			m, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{response.Body}, rest)
		} else if err == io.ErrUnexpectedEOF {
			err = nil
		}
		response.Body.Close()
		if err != nil {
			return total, fmt.Errorf("read a page of pods: %w", err)
		}
		if response.StatusCode != http.StatusOK {
			return total, fmt.Errorf("read a page of pods: %s: %s", response.Status, bytes.TrimSpace(head[:n]))
		}
		total.bytes += int64(n) + m
		next := continueToken.FindSubmatch(head[:n])
		if total.objects == 0 {
			if total.objects, err = objectsOf(head[:n], pageSize); err != nil {
				return total, err
			}
		}
		if next == nil || len(next[1]) == 0 {
			total.took = time.Since(begin)
			return total, nil
		}
		page = string(next[1])
	}
}

// readRawCRDs reads the lists of all custom resource types, one after another.
func (b *bench) readRawCRDs(ctx context.Context) (total pages, err error) {
	begin := time.Now()
	for i := range b.crds {
		content, err := b.cluster.Do(ctx, http.MethodGet, fmt.Sprintf("/apis/%s/v1/%s?limit=%d", crdGroup, crdPlural(i), pageSize), "", nil)
		if err != nil {
			return total, err
		}
		total.objects, total.bytes = total.objects+objectsPerCRD, total.bytes+int64(len(content))
	}
	total.took = time.Since(begin)
	return total, nil
}

// objectsOf gives how many objects a list has, of whose first page with so many objects this is the beginning.
func objectsOf(page []byte, size int) (int, error) {
	left := remaining.FindSubmatch(page)
	if left == nil {
		return size, nil // The only page.
	}
	count, err := strconv.Atoi(string(left[1]))
	return size + count, err
}
