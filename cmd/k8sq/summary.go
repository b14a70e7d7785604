package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
)

// summary is what sync --json prints.
type summary struct {
	Status   lake.Status      `json:"status"` // complete where every cluster's is, failed where every cluster's is, else partial
	Lake     string           `json:"lake"`
	Seconds  float64          `json:"seconds"`
	Clusters []clusterSummary `json:"clusters"`
}

type clusterSummary struct {
	Cluster       string                 `json:"cluster"`
	Provider      string                 `json:"provider,omitempty"`
	SyncID        string                 `json:"sync_id,omitempty"`
	Status        lake.Status            `json:"status"`
	ServerVersion string                 `json:"server_version,omitempty"`
	StartedAt     time.Time              `json:"started_at"`
	FinishedAt    time.Time              `json:"finished_at"`
	Listed        int64                  `json:"listed"`
	Created       int64                  `json:"created"`
	Updated       int64                  `json:"updated"`
	Deleted       int64                  `json:"deleted"`
	Committed     int                    `json:"partitions_committed"`
	Requests      *requestSummary        `json:"requests,omitempty"` // of a provider that sends any
	Error         string                 `json:"error,omitempty"`
	Types         []collector.TypeResult `json:"types"`
}

// requestSummary is what a sync asked of a cluster.
type requestSummary struct {
	Sent          int64   `json:"sent"`
	Retries       int64   `json:"retries"`              // of those sent, after a failure
	Refused       int64   `json:"refused"`              // by the server, for being too many
	WaitedSeconds float64 `json:"limit_waited_seconds"` // in which one or more were held back by limit
	Limit         string  `json:"limit,omitempty"`      // of the provider block
}

func requestsOf(usage collector.Usage) *requestSummary {
	if usage == (collector.Usage{}) {
		return nil
	}
	return &requestSummary{
		Sent: usage.Requests, Retries: usage.Retries, Refused: usage.Refused, WaitedSeconds: usage.Waited.Seconds(), Limit: usage.Limits,
	}
}

func (r *syncRun) summarise(options syncOptions, elapsed time.Duration) error {
	if !options.json {
		return nil
	}
	all := summary{Status: lake.Complete, Lake: r.lake.Store().String(), Seconds: elapsed.Seconds(), Clusters: []clusterSummary{}}
	failed := 0
	for _, result := range r.results {
		cluster := clusterSummary{
			Cluster: result.Cluster, Provider: result.Provider, SyncID: result.SyncID, Status: result.Status,
			ServerVersion: result.ServerVersion, StartedAt: result.StartedAt, FinishedAt: result.FinishedAt,
			Committed: result.Committed, Requests: requestsOf(result.Usage), Types: result.TypeResults(),
		}
		cluster.Listed, cluster.Created, cluster.Updated, cluster.Deleted = result.Totals()
		if result.Err != nil {
			cluster.Error = result.Err.Error()
		}
		if result.Status == lake.Failed {
			failed++
		}
		if result.Status != lake.Complete {
			all.Status = lake.Partial
		}
		all.Clusters = append(all.Clusters, cluster)
	}
	if failed == len(r.results) {
		all.Status = lake.Failed
	}
	encoder := json.NewEncoder(r.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(all)
}

// ended tells in plain lines how the sync of a cluster ended: what it did on standard output, but where that is taken by JSON, and what went
// wrong on standard error.
func (r *syncRun) ended(result collector.Result, err error) {
	if err != nil {
		return // told when the run ends
	}
	block, _ := r.loaded.Provider(result.Cluster)
	fmt.Fprint(r.screen, troubleLines(result, block.Collect.Scope()))
	if result.Err == nil {
		fmt.Fprint(r.plain, doneLine(result))
	}
	fmt.Fprint(r.screen, limitHint(result))
}

// doneLine is what the sync of one cluster did.
func doneLine(result collector.Result) string {
	seconds := result.FinishedAt.Sub(result.StartedAt).Seconds()
	listed, created, updated, deleted := result.Totals()
	complete := 0
	for _, row := range result.Rows {
		if row.Status == lake.Complete {
			complete++
		}
	}
	did := fmt.Sprintf("%s new, %s updated, %s deleted: ", count(created), count(updated), count(deleted))
	wrote := ""
	if result.Committed == 0 {
		did, wrote = "no change: ", ", no data file written"
	}
	if result.Status != lake.Complete {
		did = "incomplete, " + did
	}
	return fmt.Sprintf("%s: %s%s objects of %d types%s (%.1f s%s)\n", result.Cluster, did, count(listed), complete, wrote, seconds, requestsLine(result.Usage))
}

// requestsLine is what the sync of one cluster asked of it, in words: nothing for a provider that sends no requests.
func requestsLine(usage collector.Usage) string {
	if usage.Requests == 0 {
		return ""
	}
	line := ", " + plural(usage.Requests, "request")
	if usage.Retries > 0 {
		line += fmt.Sprintf(", %s of them again", count(usage.Retries))
	}
	if usage.Refused > 0 {
		line += fmt.Sprintf(", %s refused as too many", count(usage.Refused))
	}
	if usage.Waited >= toldWait {
		line += fmt.Sprintf(", %.1f s held back by %s", usage.Waited.Seconds(), usage.Limits)
	}
	return line
}

const (
	toldWait   = 100 * time.Millisecond // a wait for the limit of requests that is worth a word
	hintedWait = time.Second            // and one that is worth advice
)

// limitHint says what to do about a limit of requests that cost time, and about a server that has one of its own.
func limitHint(result collector.Result) string {
	usage := result.Usage
	switch {
	case usage.Refused > 0 && usage.Limits != "":
		return fmt.Sprintf("%s answered %s with 429, too many requests. A lower qps or burst in its provider block (now %s) or collect.concurrency spares it.\n",
			result.Cluster, plural(usage.Refused, "request"), usage.Limits)
	case usage.Refused > 0:
		return fmt.Sprintf("%s answered %s with 429, too many requests. A limit, qps, in its provider block spares it.\n",
			result.Cluster, plural(usage.Refused, "request"))
	case usage.Waited >= hintedWait:
		return fmt.Sprintf("For %.1f s requests to %s were held back by the limit of its provider block (%s). Raise qps and burst, or set qps = 0, if the server may take more.\n",
			usage.Waited.Seconds(), result.Cluster, usage.Limits)
	}
	return ""
}

// troubleLines say what the sync of one cluster could not do.
func troubleLines(result collector.Result, scope collector.Scope) string {
	if result.Err != nil {
		return fmt.Sprintf("Error: %s: %v\n", result.Cluster, result.Err)
	}
	var text strings.Builder
	var forbidden []string // that nobody named: told in one line, since a collector with few rights has many
	for _, row := range result.Rows {
		switch {
		case row.Status == lake.Complete:
		case row.Status == lake.Forbidden && !scope.Names(row.Type):
			forbidden = append(forbidden, row.Type)
		case result.Status == lake.Complete:
			fmt.Fprintf(&text, "Warning: %s: %s %s: %s\n", result.Cluster, row.Type, row.Status, row.Error)
		default:
			fmt.Fprintf(&text, "Error: %s: %s %s: %s\n", result.Cluster, row.Type, row.Status, row.Error)
		}
	}
	if len(forbidden) > 0 {
		fmt.Fprintf(&text, "Warning: %s: %s may not be listed with these credentials (forbidden): %s\n", result.Cluster, plural(int64(len(forbidden)), "type"), some(forbidden))
	}
	return text.String()
}

// some names the first few.
func some(names []string) string {
	const few = 8
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more (the table syncs has them all)", strings.Join(names[:few], ", "), len(names)-few)
}

// count writes a number with its thousands apart.
func count(n int64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func (r *syncRun) meter(cluster string) *collector.Meter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meters[cluster]
}

// waiting notes whom a cluster's sync waits for; a zero holder ends the wait.
func (r *syncRun) waiting(cluster string, holder lake.Holder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder == (lake.Holder{}) {
		delete(r.waits, cluster)
		return
	}
	if r.waits[cluster] == "" && !r.lines {
		fmt.Fprintf(r.screen, "%s: waiting for %s, which syncs it\n", cluster, holder)
	}
	r.waits[cluster] = holder.String()
}

// progress shows a line for each cluster while the run lasts, on a terminal, and says where a run starts elsewhere.
func (r *syncRun) progress(providers []config.Provider) (stop func()) {
	r.meters, r.waits = map[string]*collector.Meter{}, map[string]string{}
	widest := 0
	for _, provider := range providers {
		r.meters[provider.ID] = new(collector.Meter)
		widest = max(widest, len(provider.ID))
	}
	r.lines = isTerminal(r.errOut)
	if !r.lines {
		return func() {}
	}
	started := time.Now()
	draw := func() {
		var lines bytes.Buffer
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, provider := range providers {
			line := fmt.Sprintf("%-*s  %s", widest, provider.ID, r.progressOf(provider.ID, time.Since(started)))
			if limit := width(r.errOut); limit > 0 && len(line) >= limit {
				line = line[:limit-1]
			}
			lines.WriteString(line + "\n")
		}
		r.screen.show(lines.Bytes())
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			draw()
			select {
			case <-ticker.C:
			case <-done:
				r.screen.show(nil)
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		wait.Wait()
	}
}

func (r *syncRun) progressOf(cluster string, elapsed time.Duration) string {
	if holder := r.waits[cluster]; holder != "" {
		return fmt.Sprintf("waiting for %s, which syncs it", holder)
	}
	reading := r.meters[cluster].Read()
	switch reading.Phase {
	case "listing":
		const cells = 20
		done := 0
		if reading.Types > 0 {
			done = cells * reading.TypesDone / reading.Types
		}
		return fmt.Sprintf("[%s%s] %d/%d types  %s objects  %.0f s%s", strings.Repeat("=", done), strings.Repeat(" ", cells-done),
			reading.TypesDone, reading.Types, count(reading.Objects), elapsed.Seconds(), heldBack(reading.Usage))
	case "done":
		return fmt.Sprintf("done  %s objects", count(reading.Objects))
	}
	return reading.Phase + heldBack(reading.Usage)
}

// heldBack tells what slows a cluster's requests.
func heldBack(usage collector.Usage) string {
	told := ""
	if usage.Waited >= toldWait {
		told = fmt.Sprintf("  held back by %s: %.1f s", usage.Limits, usage.Waited.Seconds())
	}
	if usage.Refused > 0 {
		told += fmt.Sprintf("  %s refused as too many", count(usage.Refused))
	}
	return told
}
