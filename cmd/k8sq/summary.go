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
	Error         string                 `json:"error,omitempty"`
	Types         []collector.TypeResult `json:"types"`
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
			Committed: result.Committed, Types: result.TypeResults(),
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
	return fmt.Sprintf("%s: %s%s objects of %d types%s (%.1f s)\n", result.Cluster, did, count(listed), complete, wrote, seconds)
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
		return fmt.Sprintf("[%s%s] %d/%d types  %s objects  %.0f s", strings.Repeat("=", done), strings.Repeat(" ", cells-done),
			reading.TypesDone, reading.Types, count(reading.Objects), elapsed.Seconds())
	case "done":
		return fmt.Sprintf("done  %s objects", count(reading.Objects))
	}
	return reading.Phase
}
