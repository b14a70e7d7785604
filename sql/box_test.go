package sql

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a query must not do, and a part of what it is told. SECRET stands for a file outside the lake, FOLDER for its folder, LAKEFILE for a data file.
var forbidden = []struct{ text, message string }{
	{"SELECT 1; SELECT 2", "one statement"},
	{"SELECT 1; DROP VIEW pods", "one statement"},
	{"COPY (SELECT 1) TO 'FOLDER/out.csv'", "COPY is not allowed"},
	{"COPY pods TO 'FOLDER/out.parquet'", "COPY is not allowed"},
	{"COPY (SELECT 1) TO 'LAKEFILE'", "COPY is not allowed"},
	{"/* SELECT */ -- x\n COPY (SELECT 1) TO 'FOLDER/out.csv'", "COPY is not allowed"},
	{"EXPLAIN COPY (SELECT 1) TO 'FOLDER/out.csv'", "not allowed"},
	{"EXPLAIN ANALYZE COPY (SELECT 1) TO 'FOLDER/out.csv'", "EXPLAIN of COPY is not allowed"},
	{"/* /* nested */ */ EXPLAIN /* x */ ANALYZE -- y\n COPY (SELECT 1) TO 'FOLDER/out.csv'", "not allowed"},
	{"EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO 'FOLDER/out.csv'", "not allowed"},
	{"EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", "EXPLAIN of CREATE is not allowed"},
	{"EXPLAIN ANALYZE INSERT INTO pods SELECT * FROM pods", ""},
	{"EXPLAIN EXPLAIN SELECT 1", ""},
	{"ATTACH ':memory:' AS m", "ATTACH is not allowed"},
	{"ATTACH 'FOLDER/x.db'", ""},
	{"DETACH memory", "DETACH is not allowed"},
	{"CREATE TABLE t(i INTEGER)", "CREATE is not allowed"},
	{"CREATE TEMP TABLE t AS SELECT 1", "CREATE is not allowed"},
	{"CREATE VIEW v AS SELECT 1", "CREATE is not allowed"},
	{"CREATE OR REPLACE MACRO history(a, b) AS TABLE SELECT 1", "CREATE is not allowed"},
	{"CREATE SECRET s (TYPE s3)", ""},
	{"DROP VIEW pods", "DROP is not allowed"},
	{"ALTER VIEW pods RENAME TO p", "ALTER is not allowed"},
	{"INSERT INTO lake.snapshots SELECT * FROM lake.snapshots", ""},
	{"WITH x AS (SELECT 1) INSERT INTO lake.snapshots SELECT * FROM x", ""},
	{"DELETE FROM lake.snapshots", ""},
	{"UPDATE lake.snapshots SET name = 'x'", ""},
	{"EXPLAIN (ANALYZE) WITH x AS (SELECT 1) INSERT INTO lake.snapshots SELECT * FROM x", ""},
	{"MERGE INTO lake.snapshots USING lake.versions ON true WHEN MATCHED THEN DELETE", ""},
	{"SET memory_limit = '100GB'", ""},
	{"SET enable_external_access = true", ""},
	{"RESET memory_limit", ""},
	{"PRAGMA enable_profiling", ""},
	{"PRAGMA memory_limit='1GB'", ""},
	{"INSTALL httpfs", "INSTALL is not allowed"},
	{"LOAD 'FOLDER/x.duckdb_extension'", "LOAD is not allowed"},
	{"UPDATE EXTENSIONS", "not allowed"},
	{"CALL enable_logging()", "CALL is not allowed"},
	{"CALL pragma_version()", "CALL is not allowed"},
	{"EXPORT DATABASE 'FOLDER/dump'", "EXPORT is not allowed"},
	{"IMPORT DATABASE 'FOLDER'", ""},
	{"CHECKPOINT", ""},
	{"VACUUM", ""},
	{"BEGIN", "BEGIN is not allowed"},
	{"USE lake", ""},
	{"PREPARE p AS SELECT 1", "PREPARE is not allowed"},
	{"EXECUTE p", ""},
	{"SET VARIABLE x = 1", "SET is not allowed"},
	{"SELECT * FROM read_text('SECRET')", "nothing else"},
	{"SELECT * FROM read_blob('SECRET')", "nothing else"},
	{"SELECT * FROM read_blob('FOLDER/*')", "nothing else"},
	{"SELECT * FROM read_csv('SECRET')", "nothing else"},
	{"SELECT * FROM read_csv_auto('SECRET')", "nothing else"},
	{"SELECT * FROM sniff_csv('SECRET')", "nothing else"},
	{"SELECT * FROM read_json('SECRET')", "nothing else"},
	{"SELECT * FROM read_parquet('LAKEFILE')", "nothing else"}, // of a table that the query does not scan
	{"SELECT * FROM parquet_metadata('LAKEFILE')", "nothing else"},
	{"SELECT * FROM parquet_kv_metadata('LAKEFILE')", "nothing else"},
	{"SELECT * FROM 'SECRET'", ""},
	{"SELECT * FROM 'LAKEFILE'", ""},
	{"SELECT * FROM glob('FOLDER/*')", ""},
	{"SELECT * FROM glob('/*')", ""},
	{"SELECT * FROM query('SELECT * FROM read_text(''SECRET'')')", "nothing else"},
	{"SELECT * FROM query_table('SECRET')", ""},
	{"SELECT * FROM query('COPY (SELECT 1) TO ''FOLDER/out.csv''')", ""},
	{"SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')", ""},
	{"SELECT * FROM read_parquet('s3://bucket/x.parquet')", ""},
	{"SELECT * FROM pods, read_text('SECRET')", "nothing else"},
	{"SELECT *, (SELECT content FROM read_text('SECRET')) FROM pods", "nothing else"},
	{"SELECT getenv('HOME')", ""},
	{"SELECT * FROM enable_logging(storage := 'file', storage_path := 'FOLDER/log')", "enable_logging() is not allowed"},
	{"EXPLAIN ANALYZE SELECT * FROM system.main.enable_logging()", "enable_logging() is not allowed"},
	{"WITH x AS MATERIALIZED (SELECT * FROM enable_profiling()) SELECT (SELECT count(*) FROM x), name FROM pods", "enable_profiling() is not allowed"},
	{"SELECT * FROM query('FROM force_checkpoint()')", "force_checkpoint() is not allowed"},
	{"SELECT * FROM json_execute_serialized_sql('{}')", ""},
	{"SUMMARIZE 'SECRET'", ""},
	{"DESCRIBE 'SECRET'", ""},
	{"DESCRIBE SELECT * FROM read_csv('SECRET')", "nothing else"},
	{"EXPLAIN SELECT * FROM read_csv('SECRET')", ""},
	{"PIVOT pods ON phase", ""}, // makes a type
}

func TestForbidden(t *testing.T) {
	const hidden = "s3cr3t-content"
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.csv")
	if err := os.WriteFile(secret, []byte(hidden+",b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := shopLake(t)
	files, err := l.Files(t.Context(), "clusters")
	if err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer("SECRET", secret, "FOLDER", outside, "LAKEFILE", filepath.Join(l.folder, files[0].Key))
	e := open(t, l, Options{})
	before := answer(t, e, "SELECT count(*), sum(hash(snapshots)) FROM snapshots")
	for _, test := range forbidden {
		t.Run(test.text, func(t *testing.T) {
			text := test.text
			if !strings.Contains(text, "CREATE SECRET") {
				text = replace.Replace(text)
			}
			rows, err := ask(t, e, text)
			if err == nil {
				t.Fatalf("it gave %v", rows)
			}
			if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrQuery) {
				t.Errorf("%v is neither refused nor wrong", err)
			}
			if test.message != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.message)) {
				t.Errorf("got %v, want a refusal with %q", err, test.message)
			}
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("the error shows what is in the file: %v", err)
			}
		})
	}
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 1 {
		t.Errorf("%v was written (%v)", left, err)
	}
	if after := answer(t, e, "SELECT count(*), sum(hash(snapshots)) FROM snapshots"); after[0] != before[0] {
		t.Errorf("the snapshots are %v now", after)
	}
}

// What looks like it might be stopped, and must not be.
func TestAllowed(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for _, text := range []string{
		"SELECT 1;", "  SELECT 1 ;; ", "-- comment\nSELECT 1 -- end", "/* a */ FROM pods", "VALUES (1), (2)", "TABLE pods", "(SELECT 1)", "SELECT ';'",
		"SHOW TABLES", "SHOW ALL TABLES", "DESCRIBE pods", "DESCRIBE", "SUMMARIZE pods", "SHOW pods", "EXPLAIN SELECT 1", "EXPLAIN (SELECT 1)", "EXPLAIN ANALYZE SELECT * FROM pods",
		"EXPLAIN (FORMAT json) SELECT * FROM pods", "EXPLAIN (ANALYZE) SELECT * FROM pods", "EXPLAIN ANALYZE (SELECT 1)", "WITH x AS (SELECT 1) FROM x",
		"SELECT * FROM information_schema.tables", "SELECT * FROM duckdb_views()", "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_logs()", "SELECT current_setting('TimeZone')",
		"SELECT 'COPY x TO y'", "SELECT name AS \"DROP\" FROM pods", "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
	} {
		if _, err := ask(t, e, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUnsafe(t *testing.T) {
	l := shopLake(t)
	e := open(t, l, Options{Unsafe: true})
	out := filepath.Join(t.TempDir(), "out.csv")
	if _, err := ask(t, e, "COPY (SELECT name FROM pods WHERE cluster = 'prod' ORDER BY ALL) TO "+quote(out)); err != nil {
		t.Fatal(err)
	}
	if len(l.fetched) != 1 {
		t.Errorf("%d files were fetched", len(l.fetched))
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != "name\nweb-1\nweb-1\n" {
		t.Errorf("wrote %q, %v", got, err)
	}
	if got := answer(t, e, "SELECT p.name, count(*) FROM pods p JOIN read_csv("+quote(out)+") c ON c.name = p.name GROUP BY ALL"); len(got) != 1 || got[0] != "web-1|8" {
		t.Errorf("got %v", got)
	}
}
