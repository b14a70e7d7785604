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
	S3               bool          `json:"s3"`
	measurement                    // of the pods
	FirstProfile     profile       `json:"first_profile"`
	UnchangedProfile profile       `json:"unchanged_profile"`
	Scale            []measurement `json:"scale,omitempty"` // of what else was asked for
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
	table := f.table(w)
	f.rows(table, f.measurement)
	_ = table.Flush() // An error of w shows in what follows.
	for _, scale := range f.Scale {
		fmt.Fprintf(w, "\n%s, %d objects together, %d bytes of JSON each:\n\n", scale.Name, scale.Objects, scale.ListBytes/int64(scale.Objects))
		table := f.table(w)
		f.rows(table, scale)
		_ = table.Flush()
		fmt.Fprintf(w, "\npeak memory, where that of one cluster's pods is 1: first %.2f, unchanged %.2f\n",
			peak(scale.First)/peak(f.First), peak(scale.Unchanged)/peak(f.Unchanged))
	}
	printProfile(w, "where a first sync spends its processor time", f.FirstProfile)
	printProfile(w, "where an unchanged sync spends its processor time", f.UnchangedProfile)
}

func (f *figures) table(w io.Writer) *tabwriter.Writer {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\tseconds\traw = 1\tobjects/s\tCPU s\tpeak MB\tlake MB\t")
	if f.S3 {
		fmt.Fprint(table, "S3 requests\t")
	}
	return table
}

// rows writes the medians of a measurement.
func (f *figures) rows(table io.Writer, m measurement) {
	raw := median(m.Raw)
	fmt.Fprintf(table, "\nraw read of the pages\t%.2f\t1.00\t%.0f\t\t\t\t\n", raw, float64(m.Objects)/raw)
	for _, row := range []struct {
		name  string
		syncs []syncFigures
	}{{"k8sq sync, first", m.First}, {"k8sq sync, unchanged", m.Unchanged}} {
		of := func(figure func(syncFigures) float64) float64 { return medianOf(row.syncs, figure) }
		seconds := of(func(s syncFigures) float64 { return s.Seconds })
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\t%.1f\t", row.name, seconds, seconds/raw, float64(m.Objects)/seconds,
			of(func(s syncFigures) float64 { return s.CPUSeconds }), peak(row.syncs)/1e6,
			of(func(s syncFigures) float64 { return float64(s.LakeBytes) })/1e6)
		if f.S3 {
			fmt.Fprintf(table, "%.0f\t", of(func(s syncFigures) float64 { return float64(s.S3Requests) }))
		}
		fmt.Fprintln(table)
	}
}

func peak(syncs []syncFigures) float64 {
	return medianOf(syncs, func(s syncFigures) float64 { return float64(s.PeakBytes) })
}

func medianOf(syncs []syncFigures, figure func(syncFigures) float64) float64 {
	var values []float64
	for _, sync := range syncs {
		values = append(values, figure(sync))
	}
	return median(values)
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
