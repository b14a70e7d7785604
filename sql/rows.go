package sql

import "context"

// Stats say what a query had to read.
type Stats struct {
	Files, ReadFiles int   // data files of the tables that the query scans, and those of them that it may need and were fetched
	Bytes, ReadBytes int64 // their sizes
}

// Rows is a running query. It gives one row after the other as DuckDB finds them, and must be closed.
type Rows struct {
	database   *database // its own, or nil where the planner's serves
	connection *connection
	statement  *statement
	result     *result
	columns    []Column
	release    func()
	values     []any
	stats      Stats
	err        error
}

// begin prepares and starts a statement on the connection.
func (r *Rows) begin(ctx context.Context, text string) error {
	var err error
	if r.statement, err = r.connection.prepare(ctx, text); err != nil {
		return err
	}
	if r.result, err = r.statement.query(ctx); err != nil {
		return err
	}
	r.columns = r.result.columns
	r.values = make([]any, len(r.columns))
	return nil
}

// Columns describes the columns. Names may be equal.
func (r *Rows) Columns() []Column { return r.columns }

// Stats tells what the query had to read.
func (r *Rows) Stats() Stats { return r.stats }

// Next goes to the next row and tells whether there is one; if not, Err tells why.
func (r *Rows) Next(ctx context.Context) bool {
	if r.err != nil || r.result == nil {
		return false
	}
	found, err := r.result.next(ctx, r.values)
	r.err = explain(ctx, err)
	return found && err == nil
}

// Values are the row's, valid until the next call of Next. Their types are listed at JSON and the other types of this package.
func (r *Rows) Values() []any { return r.values }

// Err is the error that ended the rows, nil after the last one.
func (r *Rows) Err() error { return r.err }

// Close ends the query and frees what it held. It may be called more than once.
func (r *Rows) Close() error {
	if r.result != nil {
		r.result.close()
		r.result = nil
	}
	if r.statement != nil {
		r.statement.close()
		r.statement = nil
	}
	if r.connection != nil {
		r.connection.close()
		r.connection = nil
	}
	if r.database != nil {
		r.database.close()
		r.database = nil
	}
	if r.release != nil {
		r.release()
		r.release = nil
	}
	return nil
}
