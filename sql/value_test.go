package sql

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// DuckDB's own sample of every type reads as DuckDB itself spells it.
func TestAllTypes(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	rows, err := e.Query(t.Context(), "FROM test_all_types()")
	if err != nil {
		t.Fatal(err)
	}
	columns := rows.Columns()
	rows.Close()
	compared := 0
	for _, c := range columns {
		name := identifier(c.Name)
		got, err := ask(t, e, "SELECT "+name+", "+name+"::VARCHAR FROM test_all_types()")
		if err != nil {
			t.Errorf("%s %s: %v", c.Name, c.Type, err)
			continue
		}
		for _, r := range got {
			var spelled string
			switch v := r[0].(type) {
			case nil:
				if r[1] != nil {
					t.Errorf("%s %s is NULL and not %v", c.Name, c.Type, r[1])
				}
				continue
			case float32, float64, []byte, List, Struct, Map:
				continue // spelled in other ways; below
			case time.Time:
				if v.Year() < 1 || v.Year() > 9999 {
					continue
				}
				spelled = v.Format("2006-01-02 15:04:05.999999999")
				r[1] = strings.TrimSuffix(r[1].(string), "+00")
			default:
				spelled = fmt.Sprint(v)
			}
			compared++
			if spelled != r[1] {
				t.Errorf("%s %s reads %q, DuckDB has %q", c.Name, c.Type, spelled, r[1])
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d values were compared", compared)
	}
}

func TestValues(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for _, test := range []struct{ text, kind, want string }{
		{"1", "INTEGER", "int64 1"},
		{"170141183460469231731687303715884105727::HUGEINT", "HUGEINT", "*big.Int 170141183460469231731687303715884105727"},
		{"'-170141183460469231731687303715884105728'::HUGEINT", "HUGEINT", "*big.Int -170141183460469231731687303715884105728"},
		{"340282366920938463463374607431768211455::UHUGEINT", "UHUGEINT", "*big.Int 340282366920938463463374607431768211455"},
		{"18446744073709551615::UBIGINT", "UBIGINT", "uint64 18446744073709551615"},
		{"-0.05::DECIMAL(4,2)", "DECIMAL(4,2)", "sql.Decimal -0.05"},
		{"12345678901234567890.123456789::DECIMAL(38,9)", "DECIMAL(38,9)", "sql.Decimal 12345678901234567890.123456789"},
		{"0.1::FLOAT", "FLOAT", "float32 0.1"},
		{"'NaN'::DOUBLE", "DOUBLE", "float64 NaN"},
		{"'{\"b\": 12345678901234567890, \"a\": null}'::JSON", "JSON", `sql.JSON {"b": 12345678901234567890, "a": null}`},
		{"NULL", "INTEGER", "<nil> NULL"},
		{"'null'::JSON", "JSON", "sql.JSON null"},
		{"[1, NULL, 3]", "INTEGER[]", "sql.List [1 NULL 3]"},
		{"[[], NULL, ['a']]", "VARCHAR[][]", "sql.List [[] NULL [a]]"},
		{"[1, 2]::INTEGER[2]", "INTEGER[2]", "sql.List [1 2]"},
		{"{'b': 1, 'a': {'c': [true]}}", `STRUCT("b" INTEGER, "a" STRUCT("c" BOOLEAN[]))`, "sql.Struct {b=1 a={c=[true]}}"},
		{"MAP {'b': 1, 'a': NULL}", "MAP(VARCHAR, INTEGER)", "sql.Map {b=1 a=NULL}"},
		{"MAP {'k': '[1]'::JSON}", "MAP(VARCHAR, JSON)", "sql.Map {k=[1]}"},
		{"union_value(num := 2)", `UNION("num" INTEGER)`, "int64 2"},
		{"'a'::ENUM('b', 'a')", "ENUM", "string a"},
		{"'\\xAA\\x00b'::BLOB", "BLOB", "[]uint8 [170 0 98]"},
		{"'0101'::BIT", "BIT", "string 0101"},
		{"'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID", "UUID", "sql.Text eeccb8c5-9943-b2bb-bb5e-222f4e14b687"},
		{"INTERVAL '1 year 2 months -3 days 04:05:06.789'", "INTERVAL", "sql.Text 1 year 2 months -3 days 04:05:06.789"},
		{"INTERVAL '0 days'", "INTERVAL", "sql.Text 00:00:00"},
		{"DATE '2026-02-28'", "DATE", "sql.Text 2026-02-28"},
		{"DATE 'infinity'", "DATE", "sql.Text infinity"},
		{"TIMESTAMPTZ '2026-01-01 12:00:00.000001+02'", "TIMESTAMP WITH TIME ZONE", "time.Time 2026-01-01T10:00:00.000001Z"},
		{"TIMESTAMP '-infinity'", "TIMESTAMP", "sql.Text -infinity"},
		{"TIMESTAMP_NS '2026-01-01 12:00:00.123456789'", "TIMESTAMP_NS", "time.Time 2026-01-01T12:00:00.123456789Z"},
		{"TIME '01:02:03.4'", "TIME", "sql.Text 01:02:03.4"},
		{"TIMETZ '01:02:03+05:30'", "TIME WITH TIME ZONE", "sql.Text 01:02:03+05:30"},
		{"'12 characters' || repeat('é', 3)", "VARCHAR", "string 12 charactersééé"},
		{"123456789012345678901234567890::BIGNUM", "BIGNUM", "*big.Int 123456789012345678901234567890"},
		{"-5::BIGNUM", "BIGNUM", "*big.Int -5"},
	} {
		rows, err := e.Query(t.Context(), "SELECT "+test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if !rows.Next(t.Context()) {
			t.Errorf("%s: no row: %v", test.text, rows.Err())
			continue
		}
		value := rows.Values()[0]
		got := fmt.Sprintf("%T ", value) + spell(value)
		if f, ok := value.(float64); ok && math.IsNaN(f) {
			got = "float64 NaN"
		}
		if got != test.want || rows.Columns()[0].Type != test.kind {
			t.Errorf("%s gives %s %s, want %s %s", test.text, rows.Columns()[0].Type, got, test.kind, test.want)
		}
		if rows.Next(t.Context()) || rows.Err() != nil {
			t.Errorf("%s: another row, or %v", test.text, rows.Err())
		}
		rows.Close()
		rows.Close()
	}
}

// Rows come over many chunks, with NULLs and long and short strings in any place.
func TestChunks(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	got, err := ask(t, e, "SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('x', (i % 30)::BIGINT) END, [i, NULL] FROM range(10000) t(i)")
	if err != nil || len(got) != 10000 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, r := range got {
		want := strings.Repeat("x", i%30)
		if r[0] != int64(i) || i%3 == 0 != (r[1] == nil) || i%3 != 0 && r[1] != want || spell(r[2]) != fmt.Sprintf("[%d NULL]", i) {
			t.Fatalf("row %d is %v", i, r)
		}
	}
}
