package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake"
)

// The lake that most tests ask is written here by DuckDB's own COPY, in the layout and the columns of DESIGN.md 2, so that the views are
// tested against the contract and not against the writer. TestRealLake does the same with package lake's own writer.

// folderLake is a Lake over a folder of files, which remembers what was asked of it.
type folderLake struct {
	folder string

	mu      sync.Mutex
	listed  []string        // tables
	fetched []lake.DataFile // of the last Fetch
	open    int             // fetches not released
	fail    error           // of the next Fetch
}

func (l *folderLake) Files(_ context.Context, table string) ([]lake.DataFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = append(l.listed, table)
	var files []lake.DataFile
	err := filepath.WalkDir(filepath.Join(l.folder, table), func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(l.folder, path)
		if err != nil {
			return err
		}
		f, ok := lake.ParseKey(filepath.ToSlash(key))
		if !ok {
			return fmt.Errorf("%s is not a data file", key)
		}
		info, err := entry.Info()
		f.Size = info.Size()
		files = append(files, f)
		return err
	})
	return files, err
}

func (l *folderLake) CommittedBy(_ context.Context, files, _ []lake.DataFile) ([]lake.DataFile, error) {
	return files, nil
}

func (l *folderLake) Fetch(_ context.Context, files []lake.DataFile, copySnapshots bool) ([]string, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !copySnapshots {
		return nil, nil, errors.New("the snapshots may change while they are read")
	}
	if err := l.fail; err != nil {
		l.fail = nil
		return nil, nil, err
	}
	l.fetched = files
	l.open++
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(l.folder, filepath.FromSlash(f.Key)))
	}
	return paths, func() { l.mu.Lock(); l.open--; l.mu.Unlock() }, nil
}

// row is a row of a table by column.
type row map[string]any

// writeRows writes rows of a table into folder, one file for each partition and date, numbered as generation 1.
func writeRows(t testing.TB, folder, name string, rows []row) {
	t.Helper()
	tab, ok := tableNamed(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	db, err := openDatabase(map[string]string{"threads": "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	c, err := db.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	byPath := map[string][]row{}
	for _, r := range rows {
		path := filepath.Join(folder, name)
		for _, p := range tab.partitions {
			path = filepath.Join(path, p.name+"="+lake.Escape(fmt.Sprint(r[p.name])))
		}
		switch name {
		case lake.TableSnapshots:
			path = filepath.Join(path, "snapshot.parquet")
		case lake.TableClusters:
			path = filepath.Join(path, "cluster.parquet")
		case lake.TableSyncs:
			path = filepath.Join(path, fmt.Sprint(r["sync_id"])+".parquet")
		default:
			path = filepath.Join(path, "000000000001.parquet")
		}
		byPath[path] = append(byPath[path], r)
	}
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		var selects []string
		for _, r := range byPath[path] {
			var values []string
			for _, col := range tab.columns {
				values = append(values, literal(t, r[col.name])+"::"+col.kind+" AS "+identifier(col.name))
			}
			selects = append(selects, "SELECT "+strings.Join(values, ", "))
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := c.exec(context.Background(), "COPY ("+strings.Join(selects, " UNION ALL ")+") TO "+quote(path)+" (FORMAT parquet)"); err != nil {
			t.Fatal(err)
		}
	}
}

func literal(t testing.TB, value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case string:
		return quote(v)
	case int:
		return fmt.Sprint(v)
	case time.Time:
		return quote(v.UTC().Format(time.RFC3339Nano))
	case []string:
		quoted := []string{}
		for _, s := range v {
			quoted = append(quoted, quote(s))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case map[string]string:
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, quote(key)+": "+quote(v[key]))
		}
		return "MAP {" + strings.Join(pairs, ", ") + "}"
	}
	t.Fatalf("no literal for %T", value)
	return ""
}

// history writes the versions of objects, and the snapshots, changes and syncs that follow from them.
type history struct {
	snapshots map[string]row
	order     []string
	versions  []row
	changes   []row
	syncs     []row
	clusters  []row
}

// on is a time of the fixture: a day of January 2026 and a clock time.
func on(day int, clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", fmt.Sprintf("2026-01-%02d %s", day, clock))
	if err != nil {
		panic(err)
	}
	return t
}

// record adds a version of an object. body is its JSON (for a deletion: of what was deleted), diff the change's.
func (h *history) record(t testing.TB, place [2]string, when time.Time, operation, body, diff string) {
	t.Helper()
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string
		Metadata   json.RawMessage
		Spec       json.RawMessage
		Status     json.RawMessage
	}
	var meta struct {
		Name, Namespace, UID, CreationTimestamp string
		Labels, Annotations                     map[string]string
		OwnerReferences                         []struct {
			Kind, Name, UID string
			Controller      bool
		}
	}
	var all map[string]json.RawMessage
	for _, into := range []any{&object, &all} {
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
	}
	if err := json.Unmarshal(object.Metadata, &meta); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"apiVersion", "kind", "metadata", "spec", "status"} {
		delete(all, key)
	}
	group, version, found := strings.Cut(object.APIVersion, "/")
	if !found {
		group, version = "core", object.APIVersion
	}
	id, namespace := meta.Name, any(nil)
	if meta.Namespace != "" {
		id, namespace = meta.Namespace+"/"+meta.Name, meta.Namespace
	}
	text := func(raw json.RawMessage) any {
		if raw == nil {
			return nil
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		canonical, _ := json.Marshal(value)
		return string(canonical)
	}
	var fields any
	if len(all) > 0 {
		raw, _ := json.Marshal(all)
		fields = text(raw)
	}
	var phase any
	var withPhase struct{ Phase string }
	if json.Unmarshal(object.Status, &withPhase) == nil && withPhase.Phase != "" {
		phase = withPhase.Phase
	}
	kind := group + "." + version + "." + object.Kind
	key := place[0] + "|" + kind + "|" + id
	number, first := 1, when
	var previous any
	if last := h.snapshots[key]; last != nil {
		number, first, previous = last["latest_version"].(int)+1, last["first_seen_at"].(time.Time), last["latest_digest"]
	}
	base := row{
		"cluster": place[0], "provider": place[1], "type": kind, "api_group": group, "api_version": version, "kind": object.Kind,
		"namespace": namespace, "name": meta.Name, "resource_id": id, "uid": meta.UID, "generation": 1,
		"labels": nonNil(meta.Labels), "annotations": nonNil(meta.Annotations), "phase": phase,
	}
	for _, owner := range meta.OwnerReferences {
		if owner.Controller {
			base["owner_kind"], base["owner_name"], base["owner_uid"] = owner.Kind, owner.Name, owner.UID
		}
	}
	digest := fmt.Sprintf("sha256:%s-%d", id, number)
	parts := row{"metadata": text(object.Metadata), "spec": text(object.Spec), "status": text(object.Status), "fields": fields}
	v := maps.Clone(base)
	maps.Copy(v, row{"date": when.Format(time.DateOnly), "version": number, "operation": operation, "captured_at": when, "sync_id": "sync-" + when.Format("0102"),
		"managers": []string{"kubectl"}, "modified_at": when.Add(-time.Minute), "previous_digest": previous})
	s := maps.Clone(base)
	maps.Copy(s, parts)
	maps.Copy(s, row{"first_seen_at": first, "updated_at": when, "latest_version": number, "latest_digest": digest})
	if created, err := time.Parse(time.RFC3339, meta.CreationTimestamp); err == nil {
		s["created_at"] = created
	}
	if operation == "deleted" {
		s["deleted_at"], s["latest_digest"] = when, previous
	} else {
		maps.Copy(v, parts)
		v["digest"] = digest
	}
	h.versions = append(h.versions, v)
	if h.snapshots == nil {
		h.snapshots = map[string]row{}
	}
	if h.snapshots[key] == nil {
		h.order = append(h.order, key)
	}
	h.snapshots[key] = s
	if operation == "discovered" {
		return
	}
	c := maps.Clone(v)
	maps.Copy(c, row{"to_version": number, "from_version": nil, "added": 0, "updated": 0, "removed": 0, "paths": []string{}})
	if number > 1 {
		c["from_version"] = number - 1
	}
	if diff != "" {
		var d struct{ Added, Updated, Removed map[string]json.RawMessage }
		if err := json.Unmarshal([]byte(diff), &d); err != nil {
			t.Fatalf("%v in %s", err, diff)
		}
		paths := slices.Concat(slices.Collect(maps.Keys(d.Added)), slices.Collect(maps.Keys(d.Updated)), slices.Collect(maps.Keys(d.Removed)))
		slices.Sort(paths)
		maps.Copy(c, row{"added": len(d.Added), "updated": len(d.Updated), "removed": len(d.Removed), "paths": paths, "diff": diff})
	}
	h.changes = append(h.changes, c)
}

func nonNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (h *history) write(t testing.TB, folder string) {
	t.Helper()
	var snapshots []row
	for _, key := range h.order {
		snapshots = append(snapshots, h.snapshots[key])
	}
	writeRows(t, folder, lake.TableSnapshots, snapshots)
	writeRows(t, folder, lake.TableVersions, h.versions)
	writeRows(t, folder, lake.TableChanges, h.changes)
	writeRows(t, folder, lake.TableSyncs, h.syncs)
	writeRows(t, folder, lake.TableClusters, h.clusters)
}

// open makes an engine over a lake, closed at the end of the test.
func open(t testing.TB, l Lake, options Options) *Engine {
	t.Helper()
	options.TempDir = t.TempDir()
	if options.Threads == 0 {
		options.Threads = 1
	}
	e, err := Open(t.Context(), l, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(options.TempDir); len(left) > 0 {
			t.Errorf("the engine left %s behind", left[0].Name())
		}
	})
	return e
}

// ask runs a query and gives its rows.
func ask(t testing.TB, e *Engine, text string) ([][]any, error) {
	t.Helper()
	rows, err := e.Query(t.Context(), text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]any
	for rows.Next(t.Context()) {
		all = append(all, slices.Clone(rows.Values()))
	}
	return all, rows.Err()
}

// answer is ask with each row as its values' text, separated by a bar.
func answer(t testing.TB, e *Engine, text string) []string {
	t.Helper()
	rows, err := ask(t, e, text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	lines := []string{}
	for _, r := range rows {
		var cells []string
		for _, v := range r {
			cells = append(cells, spell(v))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

func spell(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case List:
		var parts []string
		for _, e := range v {
			parts = append(parts, spell(e))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case Map:
		var parts []string
		for _, e := range v {
			parts = append(parts, spell(e.Key)+"="+spell(e.Value))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case Struct:
		var parts []string
		for _, f := range v {
			parts = append(parts, f.Name+"="+spell(f.Value))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v)
}
