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
)

// Lake is what a query reads from; *lake.Lake is one.
type Lake interface {
	// Files lists the live data files of a table.
	Files(ctx context.Context, table string) ([]lake.DataFile, error)
	// CommittedBy drops the files of versions and changes that were not committed yet when the snapshots were listed.
	CommittedBy(ctx context.Context, files, snapshots []lake.DataFile) ([]lake.DataFile, error)
	// Fetch gives a local path for each file, in their order, that stays good until release is called. With copySnapshots the snapshots
	// stay as they are even where the lake is a local folder and a sync replaces them.
	Fetch(ctx context.Context, files []lake.DataFile, copySnapshots bool) (paths []string, release func(), err error)
}

// Options limit a query. The zero value is good.
type Options struct {
	MemoryLimit string // "2GB", "512MiB"; "": DuckDB's default, 80 % of the machine's
	Threads     int    // 0: one for each CPU
	TempDir     string // where a folder for the engine's own files is made; "": os.TempDir()
	MaxTempSize string // of what one query may spill to disk, "20GB"; "": DuckDB's default, 90 % of the free space
	Unsafe      bool   // let a statement write, and reach other files, extensions and settings. Each query still has its own database
	Unpruned    bool   // read every data file of the tables a query scans: for tests and for finding faults
}

// Engine runs queries, each in its own DuckDB. It may be used concurrently.
type Engine struct {
	lake    Lake
	options Options
	folder  string    // its own, removed by Close
	lock    *os.File  // held for as long as the folder is in use
	planner *database // where queries are planned, over stubs

	defining sync.Mutex
	defined  map[string]bool // in the planner

	closing  sync.Once
	closeErr error
}

// Open makes an engine. It does not touch the lake.
func Open(ctx context.Context, l Lake, options Options) (*Engine, error) {
	dir := options.TempDir
	if dir == "" {
		dir = os.TempDir()
	}
	folder, lock, err := makeFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w", err)
	}
	e := &Engine{lake: l, options: options, folder: folder, lock: lock, defined: map[string]bool{}}
	if e.planner, err = e.blank(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	var stubs []string
	for _, t := range tables {
		stubs = append(stubs, stubPaths(folder, t)...)
	}
	c, err := e.planner.connect()
	if err == nil {
		err = e.shut(ctx, c, stubs)
		c.close()
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close removes what the engine kept on disk. Every Rows must be closed before.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		if e.planner != nil {
			e.planner.close()
		}
		e.closeErr = os.RemoveAll(e.folder)
		_ = e.lock.Close()
	})
	return e.closeErr
}

// blank makes an empty database with the engine's limits.
func (e *Engine) blank() (*database, error) {
	settings := map[string]string{
		"temp_directory":               filepath.Join(e.folder, "spill"),
		"autoinstall_known_extensions": strconv.FormatBool(e.options.Unsafe),
		"autoload_known_extensions":    strconv.FormatBool(e.options.Unsafe),
	}
	if e.options.Threads > 0 {
		settings["threads"] = strconv.Itoa(e.options.Threads)
	}
	if e.options.MemoryLimit != "" {
		settings["memory_limit"] = e.options.MemoryLimit
	}
	if e.options.MaxTempSize != "" {
		settings["max_temp_directory_size"] = e.options.MaxTempSize
	}
	return openDatabase(settings)
}

// aside is a database that is being opened, which takes as long as many a query, while the lake is listed and read.
type aside struct {
	opened chan struct{}
	db     *database
	err    error
}

func (e *Engine) blankAside() *aside {
	a := &aside{opened: make(chan struct{})}
	go func() {
		defer close(a.opened)
		a.db, a.err = e.blank()
	}()
	return a
}

// take waits for the database and hands it over.
func (a *aside) take() (*database, error) {
	<-a.opened
	db := a.db
	a.db = nil
	return db, a.err
}

// drop closes the database if nobody took it.
func (a *aside) drop() {
	<-a.opened
	if a.db != nil {
		a.db.close()
	}
}

// shut shuts a database in: it may open the allowed paths and nothing else, and no setting can be changed any more.
func (e *Engine) shut(ctx context.Context, c *connection, allowed []string) error {
	script := "SET GLOBAL TimeZone = 'UTC';"
	if !e.options.Unsafe {
		quoted := make([]string, len(allowed))
		for i, path := range allowed {
			quoted[i] = quote(path)
		}
		script += "SET allowed_paths = [" + strings.Join(quoted, ", ") + "]; SET allow_community_extensions = false;" +
			"SET allow_persistent_secrets = false; SET enable_external_access = false; SET lock_configuration = true;"
	}
	if err := c.exec(ctx, script); err != nil {
		return fmt.Errorf("shut DuckDB in: %w", err)
	}
	return nil
}

// fetchAttempts is how often a query lists anew because a data file was gone: compacted, or a snapshot replaced, after it was listed.
const fetchAttempts = 10

// Query plans text, fetches what it needs and begins it. Once ctx is done the query stops within about 0.1 s, also later in Rows.Next.
// Errors of the statement wrap the errors of this package; the lake's come as they are.
func (e *Engine) Query(ctx context.Context, text string) (*Rows, error) {
	rows := &Rows{}
	if err := e.query(ctx, rows, text); err != nil {
		return nil, errors.Join(explain(ctx, err), rows.Close())
	}
	return rows, nil
}

func (e *Engine) query(ctx context.Context, rows *Rows, text string) error {
	var err error
	if rows.connection, err = e.planner.connect(); err != nil {
		return err
	}
	statement, wanted, err := e.bind(ctx, rows.connection, text)
	if err != nil {
		return err
	}
	read, err := plan(ctx, rows.connection, statement.inner)
	if err != nil && (statement.reads || ctx.Err() != nil) {
		return err
	}
	if !e.options.Unsafe {
		if err := admitFunctions(read.functions); err != nil {
			return err
		}
	}
	if len(read.scans) == 0 || statement.planOnly {
		return rows.begin(ctx, statement.text)
	}
	for _, s := range read.scans {
		if !slices.Contains(wanted.tables, s.table) {
			wanted = everything() // a name that the text spells in a way of its own, and that an earlier query had made
		}
	}
	fresh := e.blankAside()
	defer fresh.drop()
	var paths map[string][]string
	for attempt := 1; ; attempt++ {
		paths, err = e.fetch(ctx, rows, read.scans)
		if err == nil {
			break
		}
		if attempt == fetchAttempts || !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	rows.connection.close()
	rows.connection = nil
	if rows.database, err = fresh.take(); err != nil {
		return err
	}
	if rows.connection, err = rows.database.connect(); err != nil {
		return err
	}
	var allowed []string
	for _, list := range paths {
		allowed = append(allowed, list...)
	}
	if err := e.shut(ctx, rows.connection, allowed); err != nil {
		return err
	}
	relation := func(t table) (string, error) { return t.relation(paths[t.name]) }
	if err := define(ctx, rows.connection, wanted, map[string]bool{}, relation); err != nil {
		return err
	}
	return rows.begin(ctx, statement.text)
}

// bind makes the views that the statement mentions in the planner, binds it there, and lets it through if it may run.
func (e *Engine) bind(ctx context.Context, c *connection, text string) (admitted, catalog, error) {
	wanted := mentioned(text)
	if err := e.defineStubs(ctx, c, wanted); err != nil {
		return admitted{}, catalog{}, err
	}
	statement, err := admit(ctx, c, text, e.options.Unsafe)
	var mistake *fault
	if errors.As(err, &mistake) && ctx.Err() == nil {
		// With every view there DuckDB can say which name was meant.
		wanted = everything()
		if err := e.defineStubs(ctx, c, wanted); err != nil {
			return admitted{}, catalog{}, err
		}
		statement, err = admit(ctx, c, text, e.options.Unsafe)
	}
	return statement, wanted, err
}

func (e *Engine) defineStubs(ctx context.Context, c *connection, wanted catalog) error {
	e.defining.Lock()
	defer e.defining.Unlock()
	return define(ctx, c, wanted, e.defined, func(t table) (string, error) { return stub(e.folder, t) })
}
