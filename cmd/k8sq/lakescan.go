package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/sql"
)

func newLakeCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lake",
		Short: "Look after the lake",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError("which of them? Run %q for the subcommands.", cmd.CommandPath()+" --help")
		},
	}
	cmd.AddCommand(newLakeScanCmd(a))
	for _, sub := range cmd.Commands() {
		sub.Args = asUsage(sub.Args)
	}
	return cmd
}

type scanOptions struct {
	clusters, types []string
	output          string
	failOn          string
}

func newLakeScanCmd(a *app) *cobra.Command {
	var options scanOptions
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Find values in the lake that look like secrets",
		Long: `Reads every state and every difference in the lake and lists the values that look like secrets: the formats of known tokens
and keys, plain or in base64, passwords in URLs, and values that stand under a name like password. It prints where a value is and what
it looks like, its length and a fingerprint, which is equal for equal values of one run, and never the value.

What it finds was stored, so it has to be replaced where it is used; the redact block of the configuration keeps such values out
from the next sync on. What it does not find may still be a secret.

Exit codes: 0 ok · 1 error · 2 usage or configuration · 4 --fail-on any, and something was found · 130 interrupted.`,
		Example: `  k8sq lake scan
  k8sq lake scan --cluster prod-eu --type '*.ConfigMap' -o json
  k8sq lake scan --fail-on any`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runLakeScan(cmd.Context(), options) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&options.clusters, "cluster", nil, "only this `CLUSTER`; may be given several times")
	flags.StringArrayVar(&options.types, "type", nil, "only this resource `TYPE`, such as core.v1.ConfigMap; * stands for any run of characters; may be given several times")
	flags.StringVarP(&options.output, "output", "o", "table", "table, json, ndjson or csv")
	flags.StringVar(&options.failOn, "fail-on", "never", "any: exit with 4 if anything was found; never")
	return cmd
}

func (a *app) runLakeScan(ctx context.Context, options scanOptions) error {
	format, err := render.ParseFormat(options.output)
	if err != nil {
		return usageError("--output: %w", err)
	}
	if options.failOn != "any" && options.failOn != "never" {
		return usageError("--fail-on: %q is neither any nor never", options.failOn)
	}
	place, err := a.lakeOnly()
	if err != nil {
		return err
	}
	files, err := a.openCache()
	if err != nil {
		return err
	}
	stored, err := openStore(ctx, place, false)
	if errors.Is(err, store.ErrNoRoot) {
		return fmt.Errorf("%w\nThe first \"k8sq sync\" makes the lake. --lake and K8SQ_LAKE name another one.", err)
	}
	if err != nil {
		return err
	}
	l, err := lake.Open(ctx, stored, files)
	if err != nil {
		return err
	}
	scan := &lakeScan{lake: l, options: options, finder: document.NewFinder()}
	rows := newFindingRows(scan.findings(ctx))
	defer rows.stop()
	summary, err := render.Write(ctx, a.out, rows, format, render.Options{Width: width(a.out), Color: isTerminal(a.out) && os.Getenv("NO_COLOR") == ""})
	if err != nil {
		return err
	}
	a.hint("Read %s, %s and %s in %s: %s found.", plural(scan.read[lake.TableSnapshots], "snapshot"), plural(scan.read[lake.TableVersions], "version"),
		plural(scan.read[lake.TableChanges], "change"), plural(int64(len(scan.done)), "data file"), plural(int64(summary.Rows), "value"))
	if options.failOn == "any" && summary.Rows > 0 {
		return &exitError{code: exitFound}
	}
	return nil
}

// lakeScan reads the tables that hold objects, one file after another.
type lakeScan struct {
	lake    *lake.Lake
	options scanOptions
	finder  *document.Finder
	done    map[string]bool  // files
	read    map[string]int64 // rows, by table
}

// scanFinding is a finding and the row that it is in.
type scanFinding struct {
	document.Finding
	table, cluster, resourceType, resourceID string
	version                                  int64
}

// relists is how often the files are listed anew because some were replaced while they were read.
const relists = 10

// errStopped: nobody wants to hear of more findings.
var errStopped = errors.New("stopped")

// findings gives the findings as they are met, in the order of the files.
func (s *lakeScan) findings(ctx context.Context) iter.Seq2[*scanFinding, error] {
	s.done, s.read = map[string]bool{}, map[string]int64{}
	return func(yield func(*scanFinding, error) bool) {
		for _, table := range []string{lake.TableSnapshots, lake.TableVersions, lake.TableChanges} {
			err := s.table(ctx, table, func(f *scanFinding) error {
				if !yield(f, nil) {
					return errStopped
				}
				return nil
			})
			if errors.Is(err, errStopped) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (s *lakeScan) table(ctx context.Context, table string, found func(*scanFinding) error) error {
	for attempt := 1; ; attempt++ {
		files, err := s.lake.Files(ctx, table)
		if err != nil {
			return err
		}
		replaced := false
		for _, file := range files {
			if s.done[file.Key] || !s.wanted(file) {
				continue
			}
			err := s.file(ctx, file, found)
			switch {
			case err == nil:
				s.done[file.Key] = true
			case (errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)) && attempt < relists:
				replaced = true // by a commit, or compacted, since it was listed
			default:
				return err
			}
		}
		if !replaced {
			return nil
		}
	}
}

func (s *lakeScan) wanted(file lake.DataFile) bool {
	return (len(s.options.clusters) == 0 || slices.Contains(s.options.clusters, file.Cluster)) &&
		(len(s.options.types) == 0 || slices.ContainsFunc(s.options.types, func(pattern string) bool { return collector.MatchType(pattern, file.Type) }))
}

// file looks through one file, a row at a time.
func (s *lakeScan) file(ctx context.Context, file lake.DataFile, found func(*scanFinding) error) error {
	paths, release, err := s.lake.Fetch(ctx, []lake.DataFile{file}, true)
	if err != nil {
		return err
	}
	defer release()
	switch file.Table {
	case lake.TableSnapshots:
		return scanRows(s, file, lake.SnapshotRows(ctx, paths[0]), found, func(row *lake.Snapshot, report func(document.Finding)) (string, int64, error) {
			return row.ResourceID, row.LatestVersion, s.finder.State(row.State, report)
		})
	case lake.TableVersions:
		return scanRows(s, file, lake.VersionRows(ctx, paths[0]), found, func(row *lake.Version, report func(document.Finding)) (string, int64, error) {
			return row.ResourceID, row.Version, s.finder.State(row.State, report)
		})
	default:
		return scanRows(s, file, lake.ChangeRows(ctx, paths[0]), found, func(row *lake.Change, report func(document.Finding)) (string, int64, error) {
			return row.ResourceID, row.ToVersion, s.finder.Diff(row.Diff, report)
		})
	}
}

func scanRows[R any](s *lakeScan, file lake.DataFile, rows iter.Seq2[*R, error], found func(*scanFinding) error,
	look func(*R, func(document.Finding)) (id string, version int64, err error),
) error {
	var findings []document.Finding
	for row, err := range rows {
		if err != nil {
			return err
		}
		findings = findings[:0]
		id, version, err := look(row, func(f document.Finding) { findings = append(findings, f) })
		if err != nil {
			return fmt.Errorf("read %s: %s: %w", file.Key, id, err)
		}
		s.read[file.Table]++
		for _, finding := range findings {
			if err := found(&scanFinding{finding, file.Table, file.Cluster, file.Type, id, version}); err != nil {
				return err
			}
		}
	}
	return nil
}

// findingRows are findings as rows to render.
type findingRows struct {
	next    func() (*scanFinding, error, bool)
	stop    func()
	finding *scanFinding
	err     error
}

func newFindingRows(findings iter.Seq2[*scanFinding, error]) *findingRows {
	next, stop := iter.Pull2(findings)
	return &findingRows{next: next, stop: stop}
}

// Columns are those of a finding.
func (r *findingRows) Columns() []sql.Column {
	return []sql.Column{{Name: "cluster", Type: "VARCHAR"}, {Name: "type", Type: "VARCHAR"}, {Name: "resource_id", Type: "VARCHAR"},
		{Name: "table", Type: "VARCHAR"}, {Name: "version", Type: "BIGINT"}, {Name: "path", Type: "VARCHAR"}, {Name: "rule", Type: "VARCHAR"},
		{Name: "length", Type: "BIGINT"}, {Name: "fingerprint", Type: "VARCHAR"}}
}

// Next moves to the next finding.
func (r *findingRows) Next(context.Context) bool {
	finding, err, more := r.next()
	if !more || err != nil {
		r.err = err
		return false
	}
	r.finding = finding
	return true
}

// Values are those of the finding.
func (r *findingRows) Values() []any {
	f := r.finding
	return []any{f.cluster, f.resourceType, f.resourceID, f.table, f.version, f.Path, f.Rule, int64(f.Length), f.Fingerprint}
}

// Err is why there are no more.
func (r *findingRows) Err() error { return r.err }
