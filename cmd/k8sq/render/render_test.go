package render

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/sql"
)

// rows is a list of rows, and the error after them.
type rows struct {
	columns []sql.Column
	rows    [][]any
	err     error
	at      int
}

func (r *rows) Columns() []sql.Column { return r.columns }
func (r *rows) Next(context.Context) bool {
	r.at++
	return r.at <= len(r.rows)
}
func (r *rows) Values() []any { return r.rows[r.at-1] }
func (r *rows) Err() error    { return r.err }

func write(t *testing.T, r *rows, format Format, options Options) (string, Summary, error) {
	t.Helper()
	r.at = 0
	var b bytes.Buffer
	summary, err := Write(t.Context(), &b, r, format, options)
	return b.String(), summary, err
}

func every() *rows {
	return &rows{
		columns: []sql.Column{{Name: "s", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "j", Type: "JSON"}, {Name: "n", Type: "DECIMAL(4,2)"}, {Name: "x", Type: "MAP(VARCHAR, INTEGER)"}},
		rows: [][]any{
			{"a<b>&\"\n", int64(math.MaxInt64), sql.JSON("{\"b\": 12345678901234567890,\n \"a\": null}"), sql.Decimal("-0.50"), sql.Map{{Key: "k", Value: int64(1)}, {Key: int64(2), Value: nil}}},
			{nil, nil, nil, nil, nil},
		},
	}
}

func TestJSON(t *testing.T) {
	const one = `{"s":"a<b>&\"\n","n":9223372036854775807,"j":{"b":12345678901234567890,"a":null},"n_1":-0.50,"x":{"k":1,"2":null}}`
	const two = `{"s":null,"n":null,"j":null,"n_1":null,"x":null}`
	got, summary, err := write(t, every(), JSON, Options{Width: 10, Color: true})
	if want := "[\n" + one + ",\n" + two + "\n]\n"; got != want || err != nil || summary.Rows != 2 {
		t.Errorf("got\n%s%v %+v", got, err, summary)
	}
	got, _, err = write(t, every(), NDJSON, Options{})
	if want := one + "\n" + two + "\n"; got != want || err != nil {
		t.Errorf("got\n%s%v", got, err)
	}
	empty := &rows{columns: every().columns}
	if got, _, _ := write(t, empty, JSON, Options{}); got != "[]\n" {
		t.Errorf("no rows are %q", got)
	}
	if got, _, _ := write(t, empty, NDJSON, Options{}); got != "" {
		t.Errorf("no rows are %q", got)
	}
	broken := every()
	broken.err = errors.New("broken")
	if got, _, err := write(t, broken, JSON, Options{}); !errors.Is(err, broken.err) || json.Valid([]byte(got)) {
		t.Errorf("after an error %v there is\n%s", err, got)
	}
}

func TestJSONValues(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 600000000, time.UTC)
	huge, _ := new(big.Int).SetString("-170141183460469231731687303715884105728", 10)
	for want, value := range map[string]any{
		"true": true, "18446744073709551615": uint64(math.MaxUint64), huge.String(): huge, "0.1": float32(0.1), "1e+21": 1e21, "1e-07": 1e-7, "100000": 1e5,
		`"2026-01-02T03:04:05.6Z"`: when, `"qgBi"`: []byte{0xaa, 0, 'b'}, `"infinity"`: sql.Text("infinity"), `[1,null,["x"]]`: sql.List{int64(1), nil, sql.List{"x"}},
		`{"a":1,"b":{"c":[]}}`: sql.Struct{{Name: "a", Value: int64(1)}, {Name: "b", Value: sql.Struct{{Name: "c", Value: sql.List{}}}}},
		`[1,"x"]`:              sql.Struct{{Value: int64(1)}, {Value: "x"}}, `{}`: sql.Map{}, `"not json"`: sql.JSON("not json"), `"\u2028é\u0000"`: "\u2028é\x00", `"<"`: "<",
	} {
		if got := string(appendJSON(nil, value)); got != want {
			t.Errorf("%v is %s, want %s", value, got, want)
		}
	}
	for _, value := range []any{math.NaN(), math.Inf(1), float32(math.Inf(-1))} {
		if got := string(appendJSON(nil, value)); got != "null" {
			t.Errorf("%v is %s", value, got)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	got := uniqueNames([]sql.Column{{Name: "a"}, {Name: "a"}, {Name: "a_1"}, {Name: "a"}, {Name: "b"}})
	if fmt.Sprint(got) != "[a a_2 a_1 a_3 b]" {
		t.Errorf("got %v", got)
	}
}

func TestCSV(t *testing.T) {
	got, summary, err := write(t, every(), CSV, Options{Width: 10})
	if err != nil || summary.Rows != 2 {
		t.Fatal(err, summary)
	}
	records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"s", "n", "j", "n", "x"},
		{"a<b>&\"\n", "9223372036854775807", "{\"b\": 12345678901234567890,\n \"a\": null}", "-0.50", `{"k":1,"2":null}`},
		{"", "", "", "", ""},
	}
	if fmt.Sprint(records) != fmt.Sprint(want) {
		t.Errorf("got %q", records)
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got, _, _ = write(t, &rows{columns: []sql.Column{{Name: "a"}, {Name: "b"}}, rows: [][]any{{when, sql.List{"x,y"}}}}, CSV, Options{})
	if got != "a,b\n2026-01-02T03:04:05Z,\"[\"\"x,y\"\"]\"\n" {
		t.Errorf("got %q", got)
	}
}

func table(width int, color bool, r *rows, t *testing.T) (string, Summary) {
	t.Helper()
	got, summary, err := write(t, r, Table, Options{Width: width, Color: color})
	if err != nil {
		t.Fatal(err)
	}
	return got, summary
}

func TestTable(t *testing.T) {
	r := &rows{
		columns: []sql.Column{{Name: "name", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "when", Type: "TIMESTAMP WITH TIME ZONE"}, {Name: "tags", Type: "VARCHAR[]"}},
		rows: [][]any{
			{"web", int64(7), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), sql.List{"a"}},
			{"日本é", int64(12345), nil, nil},
			{"NULL", nil, sql.Text("infinity"), sql.List{}},
			{"evil\x1b[31m\n\u202e\xff", int64(1), nil, sql.List{"long long long long long long long"}},
		},
	}
	got, summary := table(0, false, r, t)
	if summary.Rows != 4 || summary.Cut || len(summary.Hidden) > 0 {
		t.Errorf("%+v", summary)
	}
	for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		if strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("line %d has control characters: %q", i, line)
		}
	}
	for _, part := range []string{"\nweb ", "2026-01-02 03:04:05  [\"a\"]\n", "\n日本é ", " 12345  NULL", "\n'NULL' ", `evil\x1b[31m\n\u{202e}\xff      1  NULL`, `["long long long long long long long"]` + "\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
	if !strings.HasPrefix(got, "name ") || strings.Count(got, "\n") != 6 {
		t.Errorf("got\n%s", got)
	}
	for _, width := range []int{1, 2, 10, 20, 40, 60, 80} {
		got, summary := table(width, false, r, t)
		for _, line := range strings.Split(got, "\n") {
			if newCell(line, 0).width > width {
				t.Errorf("a line is wider than %d: %q", width, line)
			}
		}
		if width < 80 && !summary.Cut && len(summary.Hidden) == 0 {
			t.Errorf("at %d nothing was cut", width)
		}
	}
	if _, summary := table(20, false, r, t); fmt.Sprint(summary.Hidden) != "[when tags]" {
		t.Errorf("hidden are %v", summary.Hidden)
	}
	colored, _ := table(0, true, r, t)
	if !strings.Contains(colored, bold+"name"+plain) || !strings.Contains(colored, dim+"NULL"+plain) || strings.Contains(colored, dim+"'NULL'") {
		t.Errorf("got %q", colored)
	}
}

// After the sample the widths stand, and nothing is lost in a pipe.
func TestLongTable(t *testing.T) {
	r := &rows{columns: []sql.Column{{Name: "a", Type: "VARCHAR"}, {Name: "b", Type: "VARCHAR"}}}
	for i := range 3000 {
		r.rows = append(r.rows, []any{strings.Repeat("x", 1+i/500), "end"})
	}
	got, summary := table(0, false, r, t)
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if summary.Rows != 3000 || len(lines) != 3002 || lines[3001] != "xxxxxx  end" || lines[2] != "x   end" {
		t.Errorf("%d rows in %d lines, the last %q", summary.Rows, len(lines), lines[len(lines)-1])
	}
	got, summary = table(80, false, r, t)
	lines = strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if !summary.Cut || lines[3001] != "x…  end" {
		t.Errorf("on a terminal the last line is %q", lines[3001])
	}
}

func TestPlanIsNotATable(t *testing.T) {
	r := &rows{columns: []sql.Column{{Name: "explain_key", Type: "VARCHAR"}, {Name: "explain_value", Type: "VARCHAR"}}, rows: [][]any{{"physical_plan", "┌──┐\n└──┘\n"}}}
	if got, _ := table(80, true, r, t); got != "┌──┐\n└──┘\n" {
		t.Errorf("got %q", got)
	}
}

func TestErrors(t *testing.T) {
	if _, err := ParseFormat("xml"); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "table, json, ndjson, csv") {
		t.Error(err)
	}
	for _, format := range Formats {
		if f, err := ParseFormat(string(format)); f != format || err != nil {
			t.Error(err)
		}
		broken := every()
		broken.err = errors.New("broken")
		if _, _, err := write(t, broken, format, Options{}); !errors.Is(err, broken.err) {
			t.Errorf("%s: %v", format, err)
		}
		if _, err := Write(t.Context(), full{}, every(), format, Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s to a full disk: %v", format, err)
		}
	}
}

var errFull = errors.New("no space left")

// full is a writer without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestTimesAreNotCut: in a narrow terminal other columns give way to times.
func TestTimesAreNotCut(t *testing.T) {
	r := &rows{
		columns: []sql.Column{{Name: "captured_at", Type: "TIMESTAMP WITH TIME ZONE"}, {Name: "path", Type: "VARCHAR"}, {Name: "new", Type: "VARCHAR"}},
		rows:    [][]any{{time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC), strings.Repeat("path", 20), strings.Repeat("new", 20)}},
	}
	got, summary, err := write(t, r, Table, Options{Width: 60})
	if err != nil || !summary.Cut || len(summary.Hidden) > 0 || !strings.Contains(got, "2026-01-02 03:04:05.6789  ") {
		t.Errorf("%+v, %v\n%s", summary, err, got)
	}
}
