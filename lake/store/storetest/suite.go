// Package storetest proves a store: Run is the suite that every backend passes, S3 starts a real S3 server to pass it on.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8sq/k8sq/lake/store"
)

// Run proves that what open gives, a new and empty store for each call, keeps the promises of store.Store.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"round trip", roundTrip},
		{"missing keys", missingKeys},
		{"bad keys", badKeys},
		{"ranges", ranges},
		{"large body", largeBody},
		{"body of the wrong size", wrongSize},
		{"put if absent", ifAbsent},
		{"put if match", ifMatch},
		{"etag is another for other bytes", newETag},
		{"delete", deletes},
		{"sixteen writers if absent", raceIfAbsent},
		{"sixteen writers if match", raceIfMatch},
		{"puts and deletes in one folder", raceFolder},
		{"readers during replacement", readersMeetWholeObjects},
		{"list order", listOrder},
		{"list beyond a page", listPages},
		{"list stops", listStops},
		{"odd keys", oddKeys},
		{"cancelled context", cancelled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func put(t *testing.T, s store.Store, key, content string, condition store.Condition) store.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), condition)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(content)) || info.ETag == "" || info.Modified.IsZero() {
		t.Fatalf("put %s of %d bytes gives %+v", key, len(content), info)
	}
	return info
}

func get(t *testing.T, s store.Store, key string) (string, store.Info) {
	t.Helper()
	body, info, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(content)) {
		t.Fatalf("get %s of %d bytes gives %+v", key, len(content), info)
	}
	return string(content), info
}

func keys(t *testing.T, s store.Store, prefix, after string) []string {
	t.Helper()
	found := []string{}
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("list %q after %q: %v", prefix, after, err)
		}
		found = append(found, info.Key)
	}
	return found
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func roundTrip(t *testing.T, s store.Store) {
	if s.String() == "" {
		t.Error("the store has no name")
	}
	written := put(t, s, "versions/cluster=a/1.parquet", "one", store.Condition{})
	content, read := get(t, s, "versions/cluster=a/1.parquet")
	if content != "one" || read.ETag != written.ETag {
		t.Errorf("got %q with ETag %s, put %q with %s", content, read.ETag, "one", written.ETag)
	}
	put(t, s, "versions/cluster=a/1.parquet", "another", store.Condition{})
	if content, _ := get(t, s, "versions/cluster=a/1.parquet"); content != "another" {
		t.Errorf("got %q after a second put", content)
	}
	put(t, s, "empty", "", store.Condition{})
	if content, _ := get(t, s, "empty"); content != "" {
		t.Errorf("got %q of an empty object", content)
	}
	for info, err := range s.List(t.Context(), "versions/", "") {
		if err != nil {
			t.Fatal(err)
		}
		_, read := get(t, s, info.Key)
		if info.ETag != read.ETag || info.Size != read.Size || info.Modified.IsZero() {
			t.Errorf("list gives %+v, get %+v", info, read)
		}
	}
	// A body that was read before, as one that was hashed, is put from its beginning.
	body := strings.NewReader("hashed")
	_, _ = io.Copy(io.Discard, body)
	if _, err := s.Put(t.Context(), "hashed", body, 6, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if content, _ := get(t, s, "hashed"); content != "hashed" {
		t.Errorf("got %q", content)
	}
}

func missingKeys(t *testing.T, s store.Store) {
	put(t, s, "a/b/c", "x", store.Condition{})
	for _, key := range []string{"missing", "a/missing", "a/b", "a/b/c/d", "_k8sq/missing"} {
		_, _, err := s.Get(t.Context(), key)
		wantError(t, err, store.ErrNotFound)
		_, _, err = s.GetRange(t.Context(), key, 0, 1)
		wantError(t, err, store.ErrNotFound)
		_, _, err = s.GetRange(t.Context(), key, -8, 8)
		wantError(t, err, store.ErrNotFound)
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if content, _ := get(t, s, "a/b/c"); content != "x" {
		t.Errorf("got %q", content)
	}
	if found := keys(t, s, "nothing/here/", ""); len(found) != 0 {
		t.Errorf("listed %q", found)
	}
}

func badKeys(t *testing.T, s store.Store) {
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../../b", "..", "./a", "a\x00b", "a\nb", strings.Repeat("k/", 600) + "k"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{}); err == nil {
			t.Errorf("put accepts the key %q", key)
		}
		if _, _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("get of the key %q: %v", key, err)
		}
		if _, _, err := s.GetRange(t.Context(), key, 0, 1); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("get a range of the key %q: %v", key, err)
		}
		if err := s.Delete(t.Context(), key, ""); err == nil {
			t.Errorf("delete accepts the key %q", key)
		}
	}
	for _, prefix := range []string{"../", "/", "a//", "a/../b"} {
		failed := false
		for _, err := range s.List(t.Context(), prefix, "") {
			failed = failed || err != nil
		}
		if !failed {
			t.Errorf("list accepts the prefix %q", prefix)
		}
	}
	if _, err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{IfAbsent: true, IfMatch: "e"}); err == nil {
		t.Error("put accepts two conditions")
	}
}

func ranges(t *testing.T, s store.Store) {
	const content = "0123456789"
	put(t, s, "k", content, store.Condition{})
	put(t, s, "empty", "", store.Condition{})
	for _, test := range []struct {
		key       string
		offset, n int64
		want      string
	}{
		{"k", 0, 4, "0123"},
		{"k", 3, 4, "3456"},
		{"k", 8, 100, "89"},
		{"k", 0, 10, content},
		{"k", 9, 1, "9"},
		{"k", 10, 5, ""},
		{"k", 99, 5, ""},
		{"k", 4, 0, ""},
		{"k", -3, 3, "789"},
		{"k", -3, 0, "789"},
		{"k", -10, 10, content},
		{"k", -99, 99, content},
		{"empty", 0, 5, ""},
		{"empty", -5, 5, ""},
	} {
		body, info, err := s.GetRange(t.Context(), test.key, test.offset, test.n)
		if err != nil {
			t.Errorf("get %d bytes from %d of %s: %v", test.n, test.offset, test.key, err)
			continue
		}
		got, err := io.ReadAll(body)
		body.Close()
		_, whole := get(t, s, test.key)
		if err != nil || string(got) != test.want || info.Size != whole.Size || info.ETag != whole.ETag {
			t.Errorf("get %d bytes from %d of %s: %q %v %+v, want %q of an object of %d bytes", test.n, test.offset, test.key, got, err, info, test.want, whole.Size)
		}
	}
	if _, _, err := s.GetRange(t.Context(), "k", 0, -1); err == nil {
		t.Error("a range of -1 bytes is accepted")
	}
}

func largeBody(t *testing.T, s store.Store) {
	content := make([]byte, 20<<20)
	_, _ = rand.Read(content)
	if _, err := s.Put(t.Context(), "large", bytes.NewReader(content), int64(len(content)), store.Condition{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, s, "large"); got != string(content) {
		t.Error("the bytes that come back are others")
	}
	body, _, err := s.GetRange(t.Context(), "large", 7<<20, 6<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content[7<<20:13<<20]) {
		t.Errorf("the bytes of a range are others: %v", err)
	}
	// Closing early must leave nothing behind that stops the next request.
	body, _, err = s.Get(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(body, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	body.Close()
	if _, info := get(t, s, "large"); info.Size != 20<<20 {
		t.Errorf("the size is %d", info.Size)
	}
}

func wrongSize(t *testing.T, s store.Store) {
	for _, size := range []int64{0, 4, 6} {
		if _, err := s.Put(t.Context(), "k", strings.NewReader("12345"), size, store.Condition{}); err == nil {
			t.Errorf("a body of 5 bytes is put as one of %d", size)
		}
	}
	_, _, err := s.Get(t.Context(), "k")
	wantError(t, err, store.ErrNotFound)
}

func ifAbsent(t *testing.T, s store.Store) {
	first := put(t, s, "f/k", "first", store.Condition{IfAbsent: true})
	_, err := s.Put(t.Context(), "f/k", strings.NewReader("second"), 6, store.Condition{IfAbsent: true})
	wantError(t, err, store.ErrConflict)
	if content, info := get(t, s, "f/k"); content != "first" || info.ETag != first.ETag {
		t.Errorf("got %q %s", content, info.ETag)
	}
	if err := s.Delete(t.Context(), "f/k", ""); err != nil {
		t.Fatal(err)
	}
	put(t, s, "f/k", "third", store.Condition{IfAbsent: true})
}

func ifMatch(t *testing.T, s store.Store) {
	_, err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{IfMatch: "0123456789abcdef0123456789abcdef"})
	wantError(t, err, store.ErrConflict)
	_, _, err = s.Get(t.Context(), "k")
	wantError(t, err, store.ErrNotFound)

	first := put(t, s, "k", "first", store.Condition{})
	second := put(t, s, "k", "second", store.Condition{IfMatch: first.ETag})
	_, err = s.Put(t.Context(), "k", strings.NewReader("third"), 5, store.Condition{IfMatch: first.ETag})
	wantError(t, err, store.ErrConflict)
	if content, info := get(t, s, "k"); content != "second" || info.ETag != second.ETag {
		t.Errorf("got %q %s", content, info.ETag)
	}
}

func newETag(t *testing.T, s store.Store) {
	seen := map[string]string{}
	for i := range 20 {
		content := fmt.Sprintf("%06d", i) // always as long
		info := put(t, s, "k", content, store.Condition{})
		if before, ok := seen[info.ETag]; ok {
			t.Fatalf("%q has the ETag of %q", content, before)
		}
		seen[info.ETag] = content
		if _, read := get(t, s, "k"); read.ETag != info.ETag {
			t.Fatalf("put gives the ETag %s, get %s", info.ETag, read.ETag)
		}
	}
}

func deletes(t *testing.T, s store.Store) {
	first := put(t, s, "a/b/k", "first", store.Condition{})
	second := put(t, s, "a/b/k", "second", store.Condition{})
	wantError(t, s.Delete(t.Context(), "a/b/k", first.ETag), store.ErrConflict)
	if content, _ := get(t, s, "a/b/k"); content != "second" {
		t.Errorf("got %q", content)
	}
	for range 2 { // the second time it is missing
		if err := s.Delete(t.Context(), "a/b/k", second.ETag); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := s.Get(t.Context(), "a/b/k")
	wantError(t, err, store.ErrNotFound)
	put(t, s, "a/b/k", "again", store.Condition{})
	put(t, s, "a/k", "beside", store.Condition{})
	if err := s.Delete(t.Context(), "a/b/k", ""); err != nil {
		t.Fatal(err)
	}
	if found := keys(t, s, "", ""); !slices.Equal(found, []string{"a/k"}) {
		t.Errorf("left: %q", found)
	}
}

// race puts 16 different bodies at once and gives the one whose put succeeded. They are also different from those of every other
// race: a put of the very bytes that are there leaves S3's ETag as it is, and the next writer's condition rightly holds too.
func race(t *testing.T, s store.Store, key string, condition store.Condition) string {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, 16)
	bodies := make([]string, len(errs))
	name := rand.Text()
	var done sync.WaitGroup
	for i := range errs {
		bodies[i] = strings.Repeat(fmt.Sprintf("%s writer %02d ", name, i), 300)
		done.Go(func() {
			<-start
			_, errs[i] = s.Put(t.Context(), key, strings.NewReader(bodies[i]), int64(len(bodies[i])), condition)
		})
	}
	close(start)
	done.Wait()
	won := ""
	for i, err := range errs {
		switch {
		case err == nil && won != "":
			t.Fatalf("two writers won")
		case err == nil:
			won = bodies[i]
		case !errors.Is(err, store.ErrConflict):
			t.Fatalf("a loser's error is %v", err)
		}
	}
	if won == "" {
		t.Fatal("no writer won")
	}
	return won
}

func raceIfAbsent(t *testing.T, s store.Store) {
	for round := range 5 {
		key := fmt.Sprintf("versions/%d.parquet", round)
		won := race(t, s, key, store.Condition{IfAbsent: true})
		if content, _ := get(t, s, key); content != won {
			t.Fatal("the winner's bytes do not stand")
		}
	}
}

func raceIfMatch(t *testing.T, s store.Store) {
	info := put(t, s, "snapshot.parquet", "first", store.Condition{})
	for range 5 {
		won := race(t, s, "snapshot.parquet", store.Condition{IfMatch: info.ETag})
		var content string
		if content, info = get(t, s, "snapshot.parquet"); content != won {
			t.Fatal("the winner's bytes do not stand")
		}
	}
}

// raceFolder puts and deletes different keys of one folder, which is empty again and again.
func raceFolder(t *testing.T, s store.Store) {
	var done sync.WaitGroup
	for i := range 8 {
		key := fmt.Sprintf("a/b/%d", i)
		done.Go(func() {
			for range 10 {
				if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{IfAbsent: true}); err != nil {
					t.Errorf("put %s: %v", key, err)
					return
				}
				if err := s.Delete(t.Context(), key, ""); err != nil {
					t.Errorf("delete %s: %v", key, err)
					return
				}
			}
		})
	}
	done.Wait()
	if found := keys(t, s, "", ""); len(found) != 0 {
		t.Errorf("left: %q", found)
	}
}

func readersMeetWholeObjects(t *testing.T, s store.Store) {
	state := func(i int) string { return strings.Repeat(fmt.Sprintf("state %02d ", i), 20_000) }
	put(t, s, "k", state(0), store.Condition{})
	over := make(chan struct{})
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				body, info, err := s.Get(t.Context(), "k")
				if err != nil {
					t.Errorf("get: %v", err)
					return
				}
				content, err := io.ReadAll(body)
				body.Close()
				if err != nil || int64(len(content)) != info.Size || strings.Count(string(content), string(content[:9])) != 20_000 {
					t.Errorf("a reader met %d bytes of a mixed object: %v", len(content), err)
					return
				}
				for info, err := range s.List(t.Context(), "", "") {
					if err != nil || info.Key != "k" || info.Size != int64(len(content)) {
						t.Errorf("a lister met %+v, %v", info, err)
						return
					}
				}
			}
		})
	}
	for i := range 20 {
		put(t, s, "k", state(i), store.Condition{})
	}
	close(over)
	done.Wait()
}

func listOrder(t *testing.T, s store.Store) {
	// '!' < '-' < '.' < '/' < '0' < '=' < 'A' < '_' < 'a' < '~': none of these folders is walked where its name would sort.
	all := []string{"a!/x", "a-b/x", "a-b/y", "a.b", "a.c/x", "a/b-c/x", "a/b.parquet", "a/b/x", "a/b/y/z", "a/b0", "a0/x", "a=1/b=2/x", "a_k8sq/x", "aa", "b", "~"}
	if !slices.IsSorted(all) {
		t.Fatal("the test's own list is not in byte order")
	}
	for _, key := range []int{7, 3, 11, 0, 15, 8, 1, 13, 5, 2, 10, 4, 14, 6, 9, 12} {
		put(t, s, all[key], "x", store.Condition{})
	}
	var edges []string
	for _, key := range all {
		edges = append(edges, key, key[:len(key)-1], key+"!", key+"~")
		if cut := strings.IndexByte(key, '/'); cut > 0 {
			edges = append(edges, key[:cut], key[:cut+1], key[:cut]+"~")
		}
	}
	edges = append(edges, "", "A", "zzz")
	for _, prefix := range edges {
		if strings.HasSuffix(prefix, "//") {
			continue
		}
		for _, after := range edges {
			want := []string{}
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			// An S3 server needs no proof of all pairs, and a request for each takes its time.
			if prefix != "" && after != "" && prefix != "a" && prefix != "a/" && prefix != "a/b" {
				continue
			}
			if found := keys(t, s, prefix, after); !slices.Equal(found, want) {
				t.Fatalf("list %q after %q: %q, want %q", prefix, after, found, want)
			}
		}
	}
}

func listPages(t *testing.T, s store.Store) {
	const n = 1100
	var done sync.WaitGroup
	for part := range 8 {
		done.Go(func() {
			for i := part; i < n; i += 8 {
				key := fmt.Sprintf("changes/cluster=a/%06d.parquet", i)
				if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{IfAbsent: true}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
	found := keys(t, s, "changes/", "")
	if len(found) != n || !slices.IsSorted(found) {
		t.Fatalf("listed %d keys of %d, sorted: %v", len(found), n, slices.IsSorted(found))
	}
	if rest := keys(t, s, "changes/", found[599]); !slices.Equal(rest, found[600:]) {
		t.Errorf("listed %d keys after the 600th, want %d", len(rest), n-600)
	}
}

func listStops(t *testing.T, s store.Store) {
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		put(t, s, key, "x", store.Condition{})
	}
	for stop := 1; stop <= 3; stop++ {
		met := 0
		for _, err := range s.List(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			if met++; met == stop {
				break
			}
		}
		if met != stop {
			t.Errorf("met %d keys, want %d", met, stop)
		}
	}
}

func oddKeys(t *testing.T, s store.Store) {
	all := []string{
		"snapshots/cluster=aws-us-east/provider=aws/type=rbac.authorization.k8s.io.v1.Role/snapshot.parquet",
		"snapshots/cluster=%C3%BC%20%2F%25/provider=a%3Ab/type=core.v1.Pod/snapshot.parquet",
		"%", "%2F", "a b/c d", "a+b", "a&b=c;d", "a?b#c", "'quoted'", "(x)[y]{z}", "~tilde", "a,b@c$d!e*f", "ünï/cödé/日本", "..a/b..", "...",
	}
	for _, key := range all {
		put(t, s, key, "content of "+key, store.Condition{IfAbsent: true})
	}
	for _, key := range all {
		if content, _ := get(t, s, key); content != "content of "+key {
			t.Errorf("%q holds %q", key, content)
		}
		if found := keys(t, s, key, ""); !slices.Contains(found, key) {
			t.Errorf("list %q: %q", key, found)
		}
	}
	slices.Sort(all)
	if found := keys(t, s, "", ""); !slices.Equal(found, all) {
		t.Errorf("listed %q, want %q", found, all)
	}
	for _, key := range all {
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Error(err)
		}
	}
	if found := keys(t, s, "", ""); len(found) != 0 {
		t.Errorf("left: %q", found)
	}
}

func cancelled(t *testing.T, s store.Store) {
	info := put(t, s, "k", "kept", store.Condition{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, "k", strings.NewReader("new"), 3, store.Condition{})
	wantError(t, err, context.Canceled)
	_, err = s.Put(ctx, "k", strings.NewReader("new"), 3, store.Condition{IfMatch: info.ETag})
	wantError(t, err, context.Canceled)
	wantError(t, s.Delete(ctx, "k", ""), context.Canceled)
	met := false
	for _, err := range s.List(ctx, "", "") {
		met = true
		wantError(t, err, context.Canceled)
	}
	if !met {
		t.Error("a cancelled listing says nothing")
	}
	if content, _ := get(t, s, "k"); content != "kept" {
		t.Errorf("got %q", content)
	}
}
