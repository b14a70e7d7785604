package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
	"github.com/k8sq/k8sq/examples/queries"
	"github.com/k8sq/k8sq/sql"
)

type queryOptions struct {
	text    string
	output  string
	timeout time.Duration
	memory  string
	threads int
	unsafe  bool
	stats   bool
}

func newQueryCmd(a *app) *cobra.Command {
	var options queryOptions
	cmd := &cobra.Command{
		Use:   "query SQL|FILE|NAME|-",
		Short: "Ask the lake in SQL",
		Long: `Runs one SQL query over the lake's views and prints the answer. The query is
given as an argument, as a file (anything that ends in .sql), as the name of a
ready-made query, or with - on standard input.

The SQL is DuckDB's. It can read the lake and nothing else: no file, network,
extension or setting.

` + readyMade() + exitCodesHelp,
		Example: `  k8sq query "SELECT namespace, name, phase FROM pods"
  k8sq query "SELECT captured_at, resource_id, path, old, new FROM field_changes ORDER BY captured_at"
  k8sq query "FROM history('apps.v1.Deployment', 'shop/web')"
  k8sq query "FROM snapshots_at(TIMESTAMPTZ '2026-11-20 12:00:00+00') WHERE kind = 'Deployment'"
  k8sq query -o csv report.sql
  echo "SELECT count(*) FROM changes" | k8sq query -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			argument := ""
			if len(args) > 0 {
				argument = args[0]
			}
			var err error
			if options.text, err = a.queryText(argument); err != nil {
				return err
			}
			return a.runQuery(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&options.output, "output", "o", "table", "table, json, ndjson or csv")
	flags.DurationVar(&options.timeout, "timeout", 5*time.Minute, "stop the query after this time; 0 for never")
	flags.StringVar(&options.memory, "memory-limit", "2GB", "memory that the query may use before it spills to disk")
	flags.IntVar(&options.threads, "threads", 0, "threads; 0 for all cores")
	flags.BoolVar(&options.unsafe, "unsafe", false, "lift the box: let the SQL read other files, write, and change settings")
	flags.BoolVar(&options.stats, "stats", false, "tell on standard error which data files were needed and fetched")
	return cmd
}

// readyMade lists the ready-made queries for the help text.
func readyMade() string {
	var text strings.Builder
	text.WriteString("Ready-made queries:\n")
	for _, query := range queries.All() {
		fmt.Fprintf(&text, "  %-22s %s\n", query.Name, query.Description)
	}
	return text.String()
}

// queryText finds the SQL behind the argument.
func (a *app) queryText(argument string) (string, error) {
	switch {
	case argument == "" && isTerminal(a.in):
		return "", usageError("no query given: k8sq query \"SELECT …\", a file, a name, or - for standard input")
	case argument == "" || argument == "-":
		text, err := io.ReadAll(a.in)
		if err != nil {
			return "", fmt.Errorf("read the query from standard input: %w", err)
		}
		if strings.TrimSpace(string(text)) == "" {
			return "", usageError("standard input holds no query")
		}
		return string(text), nil
	case strings.HasSuffix(argument, ".sql") && !strings.ContainsAny(argument, "\n;"):
		text, err := os.ReadFile(argument)
		if errors.Is(err, fs.ErrNotExist) {
			return "", usageError("no such file: %s", argument)
		}
		if err != nil {
			return "", usageError("%w", err)
		}
		return string(text), nil
	}
	if query, found := queries.Get(argument); found {
		return query.SQL, nil
	}
	if !strings.ContainsAny(strings.TrimSpace(argument), " \t\n(") {
		var names []string
		for _, query := range queries.All() {
			names = append(names, query.Name)
		}
		return "", usageError("%q is neither SQL nor the name of a ready-made query; those are %s", argument, strings.Join(names, ", "))
	}
	return argument, nil
}

func (a *app) runQuery(ctx context.Context, options queryOptions) error {
	format, err := render.ParseFormat(options.output)
	if err != nil {
		return usageError("--output: %w", err)
	}
	if options.timeout < 0 {
		return usageError("--timeout: %s is negative", options.timeout)
	}
	if !memoryLimit.MatchString(options.memory) {
		return usageError("--memory-limit: %q is no amount of memory, such as 2GB, 512MiB or 50%%", options.memory)
	}
	if options.threads < 0 {
		return usageError("--threads: %d is negative", options.threads)
	}
	if options.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, options.timeout)
		defer cancel()
	}
	err = a.answer(ctx, format, options)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, sql.ErrTimeout) {
		// The time ended where nobody knows of it, as while a bucket that does not answer was read.
		return fmt.Errorf("stopped when the --timeout of %s had passed: %w", options.timeout, err)
	}
	return err
}

// memoryLimit is what DuckDB takes for one.
var memoryLimit = regexp.MustCompile(`(?i)^(0*[1-9][0-9]*(\.[0-9]+)?|0*\.0*[1-9][0-9]*) *([kmgt]i?b|[kmgt]|b|bytes?|%)$`)

// answer opens the lake, runs the query and prints its result.
func (a *app) answer(ctx context.Context, format render.Format, options queryOptions) error {
	l, files, err := a.openLake(ctx)
	if err != nil {
		return err
	}
	engine, err := sql.Open(ctx, l, sql.Options{MemoryLimit: options.memory, Threads: options.threads, Unsafe: options.unsafe})
	if err != nil {
		return err
	}
	defer engine.Close()
	rows, err := engine.Query(ctx, options.text)
	if err != nil {
		return err
	}
	defer rows.Close()
	written, err := render.Write(ctx, a.out, rows, format, render.Options{Width: width(a.out), Color: isTerminal(a.out) && os.Getenv("NO_COLOR") == ""})
	if err != nil {
		return err
	}
	if format == render.Table && isTerminal(a.out) {
		a.hint("%s", footer(written))
	}
	if options.stats {
		read, fetched := rows.Stats(), files.Stats()
		a.hint("%s of %s (%s of %s) were needed; %s (%s) fetched", plural(int64(read.ReadFiles), "data file"), count(int64(read.Files)),
			size(read.ReadBytes), size(read.Bytes), plural(int64(fetched.Files+fetched.Tails), "object"), size(fetched.Bytes))
	}
	return nil
}

// footer says below a table on a terminal what it shows and what it had no room for.
func footer(written render.Summary) string {
	text := plural(int64(written.Rows), "row")
	if len(written.Hidden) > 0 {
		text += "; no room for " + strings.Join(written.Hidden, ", ")
	}
	if written.Cut || len(written.Hidden) > 0 {
		text += "; -o json, or a wider terminal, shows everything"
	}
	return text
}

// size writes a number of bytes.
func size(bytes int64) string {
	switch {
	case bytes < 10_000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 10_000_000:
		return fmt.Sprintf("%d kB", bytes/1000)
	}
	return fmt.Sprintf("%d MB", bytes/1_000_000)
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}
