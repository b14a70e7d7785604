// Package sql answers SQL about a lake, with an embedded DuckDB that sees the lake and nothing else.
//
// A query is planned before it reads anything: over empty stub files, DuckDB tells which tables the query scans, and under which
// conditions on their partition columns. Only the data files that meet them are fetched, and handed to a second, fresh DuckDB by their
// explicit paths, which are the only ones that it may open.
package sql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/views"
	"golang.org/x/sync/errgroup"
)

// Lake is what a query reads from; *lake.Lake is one.
type Lake interface {
	// Files lists the live data files of a table.
	Files(ctx context.Context, table string) ([]lake.DataFile, error)
	// OnlyCommitted drops the files of versions and changes whose generation is not committed yet.
	OnlyCommitted(ctx context.Context, files []lake.DataFile) ([]lake.DataFile, error)
	// Fetch gives a local path for each file, in their order, that stays good until release is called. With copySnapshots the snapshots
	// stay as they are even where the lake is a local folder and a sync replaces them.
	Fetch(ctx context.Context, files []lake.DataFile, copySnapshots bool) (paths []string, release func(), err error)
}

// Options limit a query. The zero value is good.
type Options struct {
	MemoryLimit string // "2GB", or "50%" of the machine's; "": DuckDB's default, 80 %
	Threads     int    // 0: one for each CPU
	TempDir     string // where a folder for the engine's own files is made; "": os.TempDir()
	MaxTempSize string // of what spills to disk from one query, "20GB"; "": DuckDB's default, 90 % of the free space
	Unsafe      bool   // let statements write, and reach other files, extensions and settings. Each query still has its own database
	Unpruned    bool   // read every data file of the tables a query scans: for tests and for finding faults
}

// Engine runs queries, each in its own DuckDB. It may be used concurrently.
type Engine struct {
	lake     Lake
	options  Options
	folder   string // its own, removed by Close
	planner  *database
	closed   sync.Once
	closeErr error
}

// Open makes an engine. It does not touch the lake.
func Open(ctx context.Context, l Lake, options Options) (*Engine, error) {
	folder, err := os.MkdirTemp(options.TempDir, "k8sq-sql-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w", err)
	}
	e := &Engine{lake: l, options: options, folder: folder}
	relations := map[string]string{}
	var allowed []string
	for _, t := range tables {
		paths, err := stubFiles(folder, t)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		allowed = append(allowed, paths...)
		relations[t.name] = t.stub(paths)
	}
	if e.planner, err = e.database(ctx, relations, allowed); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close removes what the engine kept on disk. Every Rows must be closed before.
func (e *Engine) Close() error {
	e.closed.Do(func() {
		if e.planner != nil {
			e.planner.close()
		}
		e.closeErr = os.RemoveAll(e.folder)
	})
	return e.closeErr
}

// database makes a DuckDB whose lake tables are the given relations, with the views over them, and shuts it in: it may open the allowed paths
// and nothing else.
func (e *Engine) database(ctx context.Context, relations map[string]string, allowed []string) (*database, error) {
	threads := e.options.Threads
	settings := map[string]string{
		"temp_directory":               filepath.Join(e.folder, "spill"),
		"autoinstall_known_extensions": strconv.FormatBool(e.options.Unsafe),
		"autoload_known_extensions":    strconv.FormatBool(e.options.Unsafe),
	}
	if threads > 0 {
		settings["threads"] = strconv.Itoa(threads)
	}
	if e.options.MemoryLimit != "" {
		settings["memory_limit"] = e.options.MemoryLimit
	}
	if e.options.MaxTempSize != "" {
		settings["max_temp_directory_size"] = e.options.MaxTempSize
	}
	db, err := openDatabase(settings)
	if err != nil {
		return nil, err
	}
	if err := e.prepare(ctx, db, relations, allowed); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

func (e *Engine) prepare(ctx context.Context, db *database, relations map[string]string, allowed []string) error {
	c, err := db.connect()
	if err != nil {
		return err
	}
	defer c.close()
	var script strings.Builder
	script.WriteString("BEGIN; SET GLOBAL TimeZone = 'UTC'; CREATE SCHEMA lake;")
	for _, t := range tables { // the macros are made over tables; views.Macros says why
		script.WriteString("CREATE TABLE lake." + t.name + " AS " + t.relation(nil) + ";")
	}
	for _, macro := range views.Macros() {
		script.WriteString(macro.SQL + ";")
	}
	for _, t := range tables {
		script.WriteString("DROP TABLE lake." + t.name + "; CREATE VIEW lake." + t.name + " AS " + relations[t.name] + ";")
	}
	for _, view := range views.Views() {
		script.WriteString(view.SQL + ";")
	}
	script.WriteString("COMMIT;")
	if err := c.exec(ctx, script.String()); err != nil {
		return fmt.Errorf("make the views: %w", err)
	}
	if e.options.Unsafe {
		return nil
	}
	quoted := ""
	for i, path := range allowed {
		if i > 0 {
			quoted += ", "
		}
		quoted += quote(path)
	}
	err = c.exec(ctx, "SET allowed_paths = ["+quoted+"]; SET allow_community_extensions = false; SET allow_persistent_secrets = false;"+
		"SET enable_external_access = false; SET lock_configuration = true;")
	if err != nil {
		return fmt.Errorf("shut DuckDB in: %w", err)
	}
	return nil
}

// fetchAttempts is how often a query lists anew because a data file was gone: compacted, or a snapshot replaced, after it was listed.
const fetchAttempts = 3

// Query plans text, fetches what it needs and begins it. Once ctx is done the query stops within about 0.1 s, also later in Rows.Next. Errors of the
// statement wrap the errors of this package; the lake's come as they are.
func (e *Engine) Query(ctx context.Context, text string) (*Rows, error) {
	rows, err := e.query(ctx, text)
	return rows, explain(ctx, err)
}

func (e *Engine) query(ctx context.Context, text string) (*Rows, error) {
	c, err := e.planner.connect()
	if err != nil {
		return nil, err
	}
	rows := &Rows{engine: e, connection: c}
	statement, err := admit(ctx, c, text, e.options.Unsafe)
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	scans, err := plan(ctx, c, statement.inner)
	if err != nil && ctx.Err() == nil {
		// It was bound and yet cannot be explained: a query then reads everything, and SET or ATTACH (Unsafe) nothing.
		scans, err = nil, nil
		if statement.reads {
			for _, t := range tables {
				scans = append(scans, scan{table: t.name})
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	if len(scans) == 0 || statement.planOnly {
		return rows, e.begin(ctx, rows, statement.text)
	}
	for attempt := 1; ; attempt++ {
		paths, err := e.fetch(ctx, c, scans, rows)
		if err == nil {
			c.close()
			rows.connection = nil
			return rows, e.beginOver(ctx, rows, statement.text, paths)
		}
		if attempt == fetchAttempts || !(errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict)) {
			return nil, errors.Join(err, rows.Close())
		}
	}
}

// fetch lists the tables of the scans, chooses their files and makes them local. It gives the paths of each table's.
func (e *Engine) fetch(ctx context.Context, c *connection, scans []scan, rows *Rows) (map[string][]string, error) {
	byTable := map[string][]scan{}
	for _, s := range scans {
		byTable[s.table] = append(byTable[s.table], s)
	}
	var names []string
	for _, t := range tables { // in their order, so that what is listed first does not depend on chance
		if byTable[t.name] != nil {
			names = append(names, t.name)
		}
	}
	listed := make([][]lake.DataFile, len(names))
	group, listing := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			listed[i], err = e.lake.Files(listing, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows.stats = Stats{}
	var files []lake.DataFile
	for i, name := range names {
		rows.stats.Files += len(listed[i])
		rows.stats.Bytes += bytesOf(listed[i])
		chosen := listed[i]
		if !e.options.Unpruned {
			var err error
			if chosen, err = choose(ctx, c, byTable[name], listed[i]); err != nil {
				return nil, err
			}
		}
		if name == lake.TableVersions || name == lake.TableChanges {
			var err error
			if chosen, err = e.lake.OnlyCommitted(ctx, chosen); err != nil {
				return nil, err
			}
		}
		files = append(files, chosen...)
	}
	rows.stats.ReadFiles, rows.stats.ReadBytes = len(files), bytesOf(files)
	history := slices.Contains(names, lake.TableVersions) || slices.Contains(names, lake.TableChanges)
	paths, release, err := e.lake.Fetch(ctx, files, history && slices.Contains(names, lake.TableSnapshots))
	if err != nil {
		return nil, err
	}
	rows.release = release
	byName := map[string][]string{}
	for i, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		byName[files[i].Table] = append(byName[files[i].Table], absolute)
	}
	return byName, nil
}

func bytesOf(files []lake.DataFile) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}

// beginOver begins the statement in a fresh database over the fetched files.
func (e *Engine) beginOver(ctx context.Context, rows *Rows, text string, paths map[string][]string) error {
	relations := map[string]string{}
	var allowed []string
	for _, t := range tables {
		relations[t.name] = t.relation(paths[t.name])
		allowed = append(allowed, paths[t.name]...)
	}
	var err error
	if rows.database, err = e.database(ctx, relations, allowed); err == nil {
		rows.connection, err = rows.database.connect()
	}
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	return e.begin(ctx, rows, text)
}

// begin prepares and starts the statement on the rows' connection.
func (e *Engine) begin(ctx context.Context, rows *Rows, text string) error {
	var err error
	if rows.statement, err = rows.connection.prepare(ctx, text); err == nil {
		rows.result, err = rows.statement.query(ctx)
	}
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	rows.values = make([]any, len(rows.result.columns))
	return nil
}
