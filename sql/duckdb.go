package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// The engine speaks DuckDB's C interface through the bindings under the database/sql driver, not through the driver itself: the driver
// holds a whole result in memory before it gives the first row, and decodes JSON into float64 and maps, which loses digits and order.

// database is one in-memory DuckDB instance.
type database struct{ handle duckdb.Database }

// openDatabase makes an instance with the settings that hold from its birth.
func openDatabase(settings map[string]string) (*database, error) {
	var config duckdb.Config
	if duckdb.CreateConfig(&config) == duckdb.StateError {
		return nil, errors.New("open DuckDB: no memory for its configuration")
	}
	defer duckdb.DestroyConfig(&config)
	for name, value := range settings {
		if duckdb.SetConfig(config, name, value) == duckdb.StateError {
			return nil, fmt.Errorf("open DuckDB: %s cannot be %q", name, value)
		}
	}
	var db database
	var message string
	if duckdb.OpenExt("", &db.handle, config, &message) == duckdb.StateError {
		duckdb.Close(&db.handle)
		return nil, fmt.Errorf("open DuckDB: %w", newFault(message))
	}
	return &db, nil
}

func (d *database) close() { duckdb.Close(&d.handle) }

// connection runs one statement at a time.
type connection struct{ handle duckdb.Connection }

func (d *database) connect() (*connection, error) {
	var c connection
	if duckdb.Connect(d.handle, &c.handle) == duckdb.StateError {
		return nil, errors.New("connect to DuckDB: refused")
	}
	return &c, nil
}

func (c *connection) close() { duckdb.Disconnect(&c.handle) }

// interruptEvery is how often a cancelled statement is told to stop, until it does: DuckDB forgets an interrupt that comes before the
// statement has begun.
const interruptEvery = 10 * time.Millisecond

// run calls work, which blocks inside DuckDB, and interrupts it once ctx is done.
func (c *connection) run(ctx context.Context, work func()) {
	if ctx.Done() == nil {
		work()
		return
	}
	finished := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-finished:
			return
		case <-ctx.Done():
		}
		for {
			duckdb.Interrupt(c.handle)
			select {
			case <-finished:
				return
			case <-time.After(interruptEvery):
			}
		}
	})
	work()
	close(finished)
	watcher.Wait()
}

// exec runs statements that give nothing back, separated by semicolons.
func (c *connection) exec(ctx context.Context, text string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var result duckdb.Result
	var state duckdb.State
	c.run(ctx, func() { state = duckdb.Query(c.handle, text, &result) })
	defer duckdb.DestroyResult(&result)
	if state == duckdb.StateError {
		return newFault(duckdb.ResultError(&result))
	}
	return nil
}

// statement is prepared: it has been parsed and bound, and not run.
type statement struct {
	connection *connection
	handle     duckdb.PreparedStatement
	kind       duckdb.StatementType
}

func (s *statement) close() { duckdb.DestroyPrepare(&s.handle) }

// errStatements is what prepare says of a text that holds more statements than one.
var errStatements = errors.New("one statement at a time")

// prepare parses and binds text, which must be exactly one statement, without running any of it.
func (c *connection) prepare(ctx context.Context, text string) (*statement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if strings.ContainsRune(text, 0) {
		return nil, &fault{class: "Parser Error", message: "Parser Error: the text holds a NUL character"}
	}
	s := &statement{connection: c}
	var err error
	c.run(ctx, func() {
		var extracted duckdb.ExtractedStatements
		count := duckdb.ExtractStatements(c.handle, text, &extracted)
		defer duckdb.DestroyExtracted(&extracted)
		switch {
		case count == 0:
			message := duckdb.ExtractStatementsError(extracted)
			if message == "" {
				message = "Parser Error: there is no statement in the text"
			}
			err = newFault(message)
			return
		case count > 1:
			err = errStatements
			return
		}
		if duckdb.PrepareExtractedStatement(c.handle, extracted, 0, &s.handle) == duckdb.StateError {
			err = newFault(duckdb.PrepareError(s.handle))
			return
		}
		s.kind = duckdb.PreparedStatementType(s.handle)
	})
	if err != nil {
		s.close()
		return nil, err
	}
	if n := duckdb.NParams(s.handle); n > 0 {
		s.close()
		return nil, &fault{class: "Binder Error", message: fmt.Sprintf("Binder Error: the statement has %d parameters ($1 or ?), and there are no values for them", n)}
	}
	return s, nil
}

// query begins the statement and gives its result as a stream of chunks.
func (s *statement) query(ctx context.Context) (*result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &result{connection: s.connection}
	var err error
	s.connection.run(ctx, func() {
		var pending duckdb.PendingResult
		defer duckdb.DestroyPending(&pending)
		if duckdb.PendingPreparedStreaming(s.handle, &pending) == duckdb.StateError {
			err = newFault(duckdb.PendingError(pending))
			return
		}
		if duckdb.ExecutePending(pending, &r.handle) == duckdb.StateError {
			err = newFault(duckdb.ResultError(&r.handle))
		}
	})
	if err != nil {
		r.close()
		return nil, err
	}
	for i := range duckdb.ColumnCount(&r.handle) {
		logical := duckdb.ColumnLogicalType(&r.handle, i)
		r.columns = append(r.columns, Column{Name: duckdb.ColumnName(&r.handle, i), Type: typeName(logical)})
		duckdb.DestroyLogicalType(&logical)
	}
	return r, nil
}

// result is a running statement's stream of chunks. It is valid only while its statement and its connection are open.
type result struct {
	connection *connection
	handle     duckdb.Result
	columns    []Column
	chunk      duckdb.DataChunk
	readers    []reader // of chunk, one a column
	rows       int      // in chunk
	row        int      // the next one to read
}

func (r *result) close() {
	duckdb.DestroyDataChunk(&r.chunk)
	duckdb.DestroyResult(&r.handle)
}

// next reads a row into values and tells whether there was one.
func (r *result) next(ctx context.Context, values []any) (bool, error) {
	for r.row == r.rows {
		duckdb.DestroyDataChunk(&r.chunk)
		r.row, r.rows = 0, 0
		if err := ctx.Err(); err != nil {
			return false, err
		}
		r.connection.run(ctx, func() { r.chunk = duckdb.FetchChunk(r.handle) })
		if r.chunk.Ptr == nil {
			if message := duckdb.ResultError(&r.handle); message != "" {
				return false, newFault(message)
			}
			return false, nil
		}
		r.rows = int(duckdb.DataChunkGetSize(r.chunk))
		r.readers = r.readers[:0]
		for i := range duckdb.DataChunkGetColumnCount(r.chunk) {
			read, err := newReader(duckdb.DataChunkGetVector(r.chunk, i))
			if err != nil {
				return false, fmt.Errorf("column %s: %w", r.columns[i].Name, err)
			}
			r.readers = append(r.readers, read)
		}
	}
	for i, read := range r.readers {
		values[i] = read(r.row)
	}
	r.row++
	return true, nil
}

// all runs text and reads every row, for the engine's own small questions.
func (c *connection) all(ctx context.Context, text string) ([][]any, error) {
	s, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r, err := s.query(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var rows [][]any
	for {
		values := make([]any, len(r.columns))
		found, err := r.next(ctx, values)
		if err != nil {
			return nil, err
		}
		if !found {
			return rows, nil
		}
		rows = append(rows, values)
	}
}

// quote makes an SQL string literal.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// identifier quotes a name.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
