package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figures are all that a run measured, as they are saved.
type figures struct {
	Date             time.Time     `json:"date"`
	CPU              string        `json:"cpu"`
	Cores            int           `json:"cores"`
	Pods             int           `json:"pods"`
	Objects          int           `json:"objects"`
	ListBytes        int64         `json:"list_bytes"`
	S3               bool          `json:"s3"`
	Raw              []float64     `json:"raw_seconds"`
	First            []syncFigures `json:"first"`
	Unchanged        []syncFigures `json:"unchanged"`
	FirstProfile     profile       `json:"first_profile"`
	UnchangedProfile profile       `json:"unchanged_profile"`
}

// print writes the medians and ratios as a table.
func (f *figures) print(w io.Writer) {
	f.machine()
	where := "a folder"
	if f.S3 {
		where = "an S3 server"
	}
	fmt.Fprintf(w, "\n%d pods, %d bytes of JSON each, from a kube-apiserver into %s; medians of %d rounds; %d × %s\n\n",
		f.Pods, f.ListBytes/int64(f.Objects), where, len(f.Raw), f.Cores, f.CPU)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\tseconds\traw = 1\tpods/s\tCPU s\tpeak MB\tlake MB\t")
	if f.S3 {
		fmt.Fprint(table, "S3 requests\t")
	}
	raw := median(f.Raw)
	fmt.Fprintf(table, "\nraw read of the pages\t%.2f\t1.00\t%.0f\t\t\t\t\n", raw, float64(f.Pods)/raw)
	for _, row := range []struct {
		name  string
		syncs []syncFigures
	}{{"k8sq sync, first", f.First}, {"k8sq sync, unchanged", f.Unchanged}} {
		of := func(figure func(syncFigures) float64) float64 {
			var values []float64
			for _, sync := range row.syncs {
				values = append(values, figure(sync))
			}
			return median(values)
		}
		seconds := of(func(s syncFigures) float64 { return s.Seconds })
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\t%.1f\t", row.name, seconds, seconds/raw, float64(f.Pods)/seconds,
			of(func(s syncFigures) float64 { return s.CPUSeconds }), of(func(s syncFigures) float64 { return float64(s.PeakBytes) })/1e6,
			of(func(s syncFigures) float64 { return float64(s.LakeBytes) })/1e6)
		if f.S3 {
			fmt.Fprintf(table, "%.0f\t", of(func(s syncFigures) float64 { return float64(s.S3Requests) }))
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // An error of w shows in what follows.
	printProfile(w, "where a first sync spends its processor time", f.FirstProfile)
	printProfile(w, "where an unchanged sync spends its processor time", f.UnchangedProfile)
}

func printProfile(w io.Writer, heading string, p profile) {
	for _, part := range []struct {
		by     string
		shares []share
	}{{"by package", p.Packages}, {"by function of k8sq, each with the libraries that it calls", p.Functions}} {
		fmt.Fprintf(w, "\n%s, %s:\n", heading, part.by)
		for _, s := range part.shares[:min(12, len(part.shares))] {
			fmt.Fprintf(w, "%6.1f %%  %s\n", s.Percent, s.Name)
		}
	}
}

// save writes the figures into the folder as <date>.json, next to those of earlier runs.
func (f *figures) save(dir string) error {
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save the figures: %w", err)
	}
	where := "folder"
	if f.S3 {
		where = "s3"
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.json", f.Date.Format("2006-01-02T150405Z"), f.Pods, where))
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("save the figures: %w", err)
	}
	return nil
}

// machine notes what the figures were taken on.
func (f *figures) machine() {
	f.Cores, f.CPU = runtime.NumCPU(), "unknown processor"
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(content)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			f.CPU = strings.TrimSpace(value)
			return
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
