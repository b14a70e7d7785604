package parquet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/parquet"
)

type operation string

type entry struct{ Key, Value string }

type row struct {
	ID    string
	Op    operation
	Note  string // NULL where empty
	Body  json.RawMessage
	Count int64
	Maybe int64 // NULL where 0
	Small int32
	At    time.Time
	Gone  time.Time // NULL where zero
	Names []string
	Tags  []entry
}

var table = parquet.NewTable(
	parquet.Text("id", func(r *row) *string { return &r.ID }),
	parquet.Text("op", func(r *row) *operation { return &r.Op }),
	parquet.NullText("note", func(r *row) *string { return &r.Note }),
	parquet.JSON("body", func(r *row) *json.RawMessage { return &r.Body }),
	parquet.Int64("count", func(r *row) *int64 { return &r.Count }),
	parquet.NullInt64("maybe", func(r *row) *int64 { return &r.Maybe }),
	parquet.Int32("small", func(r *row) *int32 { return &r.Small }),
	parquet.Time("at", func(r *row) *time.Time { return &r.At }),
	parquet.NullTime("gone", func(r *row) *time.Time { return &r.Gone }),
	parquet.Texts("names", func(r *row) *[]string { return &r.Names }),
	parquet.Map("tags", func(r *row) *[]entry { return &r.Tags }),
)

// random makes a row that has each kind of absence often, and lists that straddle the readers' batches.
func random(r *rand.Rand, i int) row {
	out := row{
		ID: fmt.Sprintf("namespace-%d/name-%08d", i/1000, i), Op: operation([]string{"created", "updated", ""}[r.IntN(3)]),
		Count: r.Int64(), Small: r.Int32(), At: time.UnixMicro(r.Int64N(2e15)).UTC(),
	}
	if r.IntN(2) == 0 {
		out.Note = strings.Repeat("é", r.IntN(4)) + "x"
	}
	switch r.IntN(4) {
	case 0:
	case 1:
		out.Body = json.RawMessage{}
	default:
		out.Body = json.RawMessage(fmt.Sprintf(`{"i":%d,"pad":%q}`, i, strings.Repeat("abc", r.IntN(600))))
	}
	if r.IntN(2) == 0 {
		out.Maybe = 1 + r.Int64N(100)
		out.Gone = time.UnixMicro(r.Int64N(2e15)).UTC()
	}
	n := r.IntN(5)
	if r.IntN(100) == 0 {
		n = 700
	}
	for j := range n {
		out.Names = append(out.Names, strings.Repeat("n", j%3))
		out.Tags = append(out.Tags, entry{fmt.Sprint("key-", j), strings.Repeat("v", r.IntN(3))})
	}
	return out
}

func write(t testing.TB, rows []row, meta map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := table.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if w.Rows() != int64(len(rows)) {
		t.Fatalf("the writer counts %d rows of %d", w.Rows(), len(rows))
	}
	if err := w.Close(meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, content []byte) *parquet.File {
	t.Helper()
	f, err := parquet.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 249, 250, 251, 1999, 2000, 2001, 7000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			source := rand.New(rand.NewPCG(uint64(n), 7))
			rows := make([]row, n)
			for i := range rows {
				rows[i] = random(source, i)
			}
			f := open(t, write(t, rows, nil))
			if f.NumRows() != int64(n) || f.RowGroups() != (n+1999)/2000 {
				t.Fatalf("%d rows in %d row groups", f.NumRows(), f.RowGroups())
			}
			r, err := table.Read(f)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for i := range rows {
				got, err := r.Next(t.Context())
				if err != nil {
					t.Fatalf("row %d: %v", i, err)
				}
				if !reflect.DeepEqual(*got, rows[i]) {
					t.Fatalf("row %d\ngot  %+v\nwant %+v", i, *got, rows[i])
				}
			}
			for range 2 {
				if _, err := r.Next(t.Context()); err != io.EOF {
					t.Fatalf("after the last row: %v", err)
				}
			}
		})
	}
}

func TestRowGroupsAreBoundedByBytes(t *testing.T) {
	rows := make([]row, 40)
	for i := range rows {
		rows[i] = row{ID: fmt.Sprint(i), Body: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}
	}
	if f := open(t, write(t, rows, nil)); f.RowGroups() != 3 {
		t.Errorf("40 MB lie in %d row groups; want 3 of at most 16 MB", f.RowGroups())
	}
}

func TestProjection(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 5000)
	for i := range rows {
		rows[i] = random(source, i)
	}
	content := write(t, rows, nil)
	counted := &countingReader{r: bytes.NewReader(content)}
	f, err := parquet.Open(counted, int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	counted.n = 0
	r, err := table.Read(f, "id", "maybe")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range rows {
		got, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := (row{ID: rows[i].ID, Maybe: rows[i].Maybe}); !reflect.DeepEqual(*got, want) {
			t.Fatalf("row %d: %+v, want %+v", i, *got, want)
		}
	}
	if counted.n > len(content)/4 {
		t.Errorf("two small columns of a file of %d bytes take %d bytes of reading", len(content), counted.n)
	}
	if _, err := table.Read(f, "id", "nonesuch"); err == nil {
		t.Error("a column that the table has not is no error")
	}
}

type countingReader struct {
	r io.ReaderAt
	n int
}

func (c *countingReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(p, at)
	c.n += n
	return n, err
}

func TestFileWithoutAColumn(t *testing.T) {
	older := parquet.NewTable(parquet.Text("id", func(r *row) *string { return &r.ID }))
	var b bytes.Buffer
	w, err := older.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(&row{ID: "a"}), w.Close(nil)); err != nil {
		t.Fatal(err)
	}
	r, err := table.Read(open(t, b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Next(t.Context()); err != nil || !reflect.DeepEqual(*got, row{ID: "a"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFileWithAColumnOfAnotherType(t *testing.T) {
	for name, other := range map[string]*parquet.Table[row]{
		"text for integer": parquet.NewTable(parquet.Text("count", func(r *row) *string { return &r.ID })),
		"list for text":    parquet.NewTable(parquet.Texts("id", func(r *row) *[]string { return &r.Names })),
		"map for list":     parquet.NewTable(parquet.Map("names", func(r *row) *[]entry { return &r.Tags })),
		"text for map":     parquet.NewTable(parquet.Text("tags", func(r *row) *string { return &r.ID })),
	} {
		var b bytes.Buffer
		w, err := other.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(&row{ID: "a"}), w.Close(nil)); err != nil {
			t.Fatal(err)
		}
		r, err := table.Read(open(t, b.Bytes()))
		if err == nil {
			_, err = r.Next(t.Context())
		}
		if err == nil || err == io.EOF || !strings.Contains(err.Error(), "column ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataAndFooter(t *testing.T) {
	meta := map[string]string{"k8sq.generation": "7", "empty": "", "long": strings.Repeat("x", 100_000)}
	content := write(t, []row{{ID: "a"}}, meta)
	if got := open(t, content).Metadata(); !reflect.DeepEqual(got, meta) {
		t.Errorf("metadata of the file: %.100v", got)
	}
	got, need, err := parquet.Footer(content[len(content)-1000:])
	if err != nil || got != nil || need < 100_000 || need > int64(len(content)) {
		t.Fatalf("of a tail that is too short: %.100v, %d, %v", got, need, err)
	}
	if got, _, err = parquet.Footer(content[int64(len(content))-need:]); err != nil || !reflect.DeepEqual(got, meta) {
		t.Errorf("of the tail that it asks for: %.100v, %v", got, err)
	}
	for _, damaged := range [][]byte{nil, []byte("PAR1"), []byte("no parquet at all"), content[:len(content)-1]} {
		if _, _, err := parquet.Footer(damaged); err == nil {
			t.Errorf("%.20q has a footer", damaged)
		}
	}
}

// TestDamage changes bytes of a file: whatever comes, it is rows or an error, and no panic.
func TestDamage(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	rows := make([]row, 300)
	for i := range rows {
		rows[i] = random(source, i)
	}
	content := write(t, rows, map[string]string{"a": "b"})
	for range 500 {
		damaged := bytes.Clone(content)
		for range 1 + source.IntN(3) {
			damaged[source.IntN(len(damaged))] ^= byte(1 + source.IntN(255))
		}
		if source.IntN(3) == 0 { // the footer above all
			damaged[len(damaged)-1-source.IntN(2000)] ^= 0x55
		}
		f, err := parquet.Open(bytes.NewReader(damaged), int64(len(damaged)))
		if err != nil {
			continue
		}
		r, err := table.Read(f)
		for n := 0; err == nil && n < 10_000; n++ {
			_, err = r.Next(t.Context())
		}
	}
}

// large are rows of 5 to 11 kB that compress about as Kubernetes objects do.
func large(n int) []row {
	source := rand.New(rand.NewPCG(5, 6))
	words := make([]string, 400)
	for i := range words {
		words[i] = fmt.Sprintf("%q:%q,", fmt.Sprintf("word%x", source.Uint32()), fmt.Sprintf("%x", source.Uint64()))
	}
	rows := make([]row, n)
	for i := range rows {
		rows[i] = random(source, i)
		var b strings.Builder
		for size := 5000 + source.IntN(6000); b.Len() < size; {
			b.WriteString(words[source.IntN(len(words))])
			if source.IntN(4) == 0 {
				fmt.Fprintf(&b, `"uid":"%x",`, source.Uint64())
			}
		}
		rows[i].Body = json.RawMessage("{" + b.String() + "}")
		if len(rows[i].Names) > 5 {
			rows[i].Names, rows[i].Tags = nil, nil
		}
	}
	return rows
}

// TestFlatMemory copies a file of 20,000 rows and 160 MB: what lives on the heap must not grow with the file.
func TestFlatMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	some := large(500)
	var b bytes.Buffer
	w, err := table.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		if err := w.Write(&some[i%len(some)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	r, err := table.Read(open(t, b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if w, err = table.NewWriter(io.Discard); err != nil {
		t.Fatal(err)
	}
	base, peak, size := heap(), uint64(0), 0
	for i := 0; ; i++ {
		row, err := r.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		size += len(row.Body)
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 999 {
			peak = max(peak, heap())
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if grown := int64(peak) - int64(base); grown > 64<<20 {
		t.Errorf("copying %d MB keeps %d MB on the heap", size>>20, grown>>20)
	} else {
		t.Logf("copying %d MB keeps %d kB on the heap", size>>20, grown>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func BenchmarkWrite(b *testing.B) {
	rows := large(1000)
	w, err := table.NewWriter(io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := range b.N {
		if err := w.Write(&rows[i%len(rows)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkRead(b *testing.B) {
	rows := large(5000)
	f := open(b, write(b, rows, nil))
	for _, names := range [][]string{nil, {"id", "note", "maybe", "gone"}} {
		b.Run(fmt.Sprint(len(names)), func(b *testing.B) {
			r, err := table.Read(f, names...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for range b.N {
				_, err := r.Next(b.Context())
				if err == io.EOF {
					if r, err = table.Read(f, names...); err == nil {
						_, err = r.Next(b.Context())
					}
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One text that is not UTF-8 would make engines refuse the whole file.
func TestTextsAreUTF8(t *testing.T) {
	out := row{ID: "a\xff", Op: "\xc3", Note: "cut off: \xe2\x82", Names: []string{"n\xff"}, Tags: []entry{{"k\xff", "v\xff"}}}
	var b bytes.Buffer
	writer, err := table.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writer.Write(&out), writer.Close(nil)); err != nil {
		t.Fatal(err)
	}
	file, err := parquet.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := table.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got, err := reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a\uFFFD", "\uFFFD", "cut off: \uFFFD", "n\uFFFD", "k\uFFFD", "v\uFFFD"}
	if read := []string{got.ID, string(got.Op), got.Note, got.Names[0], got.Tags[0].Key, got.Tags[0].Value}; !reflect.DeepEqual(read, want) {
		t.Errorf("read %q", read)
	}
}
