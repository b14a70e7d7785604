package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/s3"
	"github.com/k8sq/k8sq/lake/store/storetest"
)

// wire stands between the store and the real server and breaks what a real network breaks.
type wire struct {
	mu     sync.Mutex
	faults []fault // one a request that matches; what is left over never happened
	method string
	seen   int // requests that matched
	proxy  *httputil.ReverseProxy
}

// fault handles one request; forward sends it to the server and gives its answer.
type fault func(w http.ResponseWriter, r *http.Request, forward func() *httptest.ResponseRecorder)

// lost drops the connection before the server has seen the request.
func lost(http.ResponseWriter, *http.Request, func() *httptest.ResponseRecorder) {
	panic(http.ErrAbortHandler)
}

// unanswered drops the connection after the server has done what was asked.
func unanswered(_ http.ResponseWriter, _ *http.Request, forward func() *httptest.ResponseRecorder) {
	forward()
	panic(http.ErrAbortHandler)
}

// after does something else between the server's act and the loss of its answer.
func after(act func()) fault {
	return func(_ http.ResponseWriter, _ *http.Request, forward func() *httptest.ResponseRecorder) {
		forward()
		act()
		panic(http.ErrAbortHandler)
	}
}

// cut sends n bytes of a body and drops the connection.
func cut(n int) fault {
	return func(w http.ResponseWriter, _ *http.Request, forward func() *httptest.ResponseRecorder) {
		answer := forward()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// answer gives an error as S3 words it.
func answer(status int, code string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>said the server</Message></Error>`, code)
	}
}

func (x *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var f fault
	x.mu.Lock()
	if r.Method == x.method {
		if x.seen++; x.seen <= len(x.faults) {
			f = x.faults[x.seen-1]
		}
	}
	x.mu.Unlock()
	if f == nil {
		x.proxy.ServeHTTP(w, r)
		return
	}
	f(w, r, func() *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		x.proxy.ServeHTTP(recorder, r.WithContext(context.WithoutCancel(r.Context())))
		return recorder
	})
}

// next has the coming requests of that method meet the faults.
func (x *wire) next(method string, faults ...fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.method, x.faults, x.seen = method, faults, 0
}

func (x *wire) requests() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen
}

// throughWire gives a store behind a wire, and the same one without.
func throughWire(t *testing.T) (x *wire, broken, direct *s3.Store) {
	t.Helper()
	bucket := storetest.S3(t)
	server, err := url.Parse(bucket.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	x = &wire{proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		r.Out.Host = r.In.Host // it is signed
	}}}
	front := httptest.NewServer(x)
	t.Cleanup(front.Close)
	return x, open(t, bucket, s3.Config{Endpoint: front.URL}).RetryFast(), open(t, bucket, s3.Config{})
}

func put(ctx context.Context, s store.Store, key, content string, condition store.Condition) (store.Info, error) {
	return s.Put(ctx, key, strings.NewReader(content), int64(len(content)), condition)
}

func get(t *testing.T, s store.Store, key string) (string, store.Info, error) {
	t.Helper()
	body, info, err := s.Get(t.Context(), key)
	if err != nil {
		return "", info, err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	return string(content), info, err
}

func TestPutOfUnknownOutcome(t *testing.T) {
	x, s, direct := throughWire(t)
	ctx := t.Context()
	replaced := func(key string) fault {
		return after(func() {
			if _, err := put(ctx, direct, key, "another's", store.Condition{}); err != nil {
				t.Error(err)
			}
		})
	}
	for i, test := range []struct {
		name    string
		faults  []fault
		outcome string // "", "conflict" or "doubt"
		content string // what is there in the end: mine, another's, or what was before
	}{
		{"answered", nil, "", "mine"},
		{"lost once", []fault{lost}, "", "mine"},
		{"unanswered once", []fault{unanswered}, "", "mine"},
		{"unanswered always", []fault{unanswered, unanswered, unanswered, unanswered, unanswered}, "", "mine"},
		{"lost always", []fault{lost, lost, lost, lost, lost}, "doubt", "before"},
		{"unanswered, then replaced", []fault{replaced("%s")}, "doubt", "another's"},
		{"busy", []fault{answer(503, "SlowDown"), answer(500, "InternalError")}, "", "mine"},
		{"racing", []fault{answer(409, "ConditionalRequestConflict"), answer(409, "ConditionalRequestConflict")}, "", "mine"},
		{"racing always", []fault{answer(409, "ConditionalRequestConflict"), answer(409, "ConditionalRequestConflict"), answer(409, "ConditionalRequestConflict"),
			answer(409, "ConditionalRequestConflict"), answer(409, "ConditionalRequestConflict")}, "conflict", "before"},
		{"refused", []fault{answer(403, "AccessDenied")}, "forbidden", "before"},
		{"refused in the end", []fault{unanswered, answer(403, "AccessDenied")}, "", "mine"},
	} {
		for _, kind := range []string{"if absent", "if match"} {
			t.Run(test.name+" "+kind, func(t *testing.T) {
				key := fmt.Sprintf("%d/%s", i, kind)
				condition := store.Condition{IfAbsent: true}
				if kind == "if match" {
					before, err := put(ctx, direct, key, "before", store.Condition{})
					if err != nil {
						t.Fatal(err)
					}
					condition = store.Condition{IfMatch: before.ETag}
				}
				faults := test.faults
				if test.name == "unanswered, then replaced" {
					faults = []fault{replaced(key)}
				}
				x.next(http.MethodPut, faults...)
				info, err := put(ctx, s, key, "mine", condition)
				x.next("")
				outcome := ""
				switch {
				case errors.Is(err, store.ErrConflict):
					outcome = "conflict"
				case errors.Is(err, store.ErrForbidden):
					outcome = "forbidden"
				case err != nil:
					outcome = "doubt"
				}
				if outcome != test.outcome {
					t.Errorf("the put gives %q (%v), want %q", outcome, err, test.outcome)
				}
				content, found, err := get(t, direct, key)
				want := test.content
				if want == "before" && kind == "if absent" {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("there is %q, %v", content, err)
					}
					return
				}
				if err != nil || content != want {
					t.Errorf("there is %q, %v, want %q", content, err, want)
				}
				if outcome == "" && info.ETag != found.ETag {
					t.Errorf("the put gives the ETag %s, and it is %s", info.ETag, found.ETag)
				}
			})
		}
	}
}

func TestDeleteOfUnknownOutcome(t *testing.T) {
	x, s, direct := throughWire(t)
	info, err := put(t.Context(), direct, "k", "x", store.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	x.next(http.MethodDelete, unanswered)
	if err := s.Delete(t.Context(), "k", info.ETag); err != nil {
		t.Error(err)
	}
	if x.requests() < 2 {
		t.Error("the fault did not happen")
	}
}

func TestBrokenBodyIsReadOn(t *testing.T) {
	x, s, direct := throughWire(t)
	want := strings.Repeat("0123456789", 10_000)
	if _, err := put(t.Context(), direct, "k", want, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	x.next(http.MethodGet, cut(50_000), lost, cut(1), answer(503, "SlowDown"))
	if got, _, err := get(t, s, "k"); err != nil || got != want {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if x.requests() != 5 {
		t.Errorf("%d requests", x.requests())
	}

	x.next(http.MethodGet, cut(10), cut(10))
	body, _, err := s.GetRange(t.Context(), "k", -40, 40)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || string(got) != want[len(want)-40:] {
		t.Errorf("got %q, %v", got, err)
	}

	// It ends with an error, never with fewer bytes, if the connection breaks again and again.
	x.next(http.MethodGet, cut(10), cut(0), cut(0), cut(0), cut(0), cut(0), cut(0))
	if got, _, err := get(t, s, "k"); !errors.Is(err, io.ErrUnexpectedEOF) || got != want[:10] {
		t.Errorf("got %d bytes, %v", len(got), err)
	}

	// What comes after the break must be of the same state.
	x.next(http.MethodGet, func(w http.ResponseWriter, r *http.Request, forward func() *httptest.ResponseRecorder) {
		answer := forward()
		if _, err := put(t.Context(), direct, "k", strings.ToUpper(want[:1])+want[1:]+"more", store.Condition{}); err != nil {
			t.Error(err)
		}
		cut(10)(w, r, func() *httptest.ResponseRecorder { return answer })
	})
	if _, _, err := get(t, s, "k"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("an object that was replaced meanwhile gives %v", err)
	}
}

func TestSilentServer(t *testing.T) {
	bucket := storetest.S3(t)
	hold := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "half") {
			w.Header().Set("ETag", `"e"`)
			w.Header().Set("Content-Length", "10")
			if span := r.Header.Get("Range"); span != "" {
				w.Header().Set("Content-Range", "bytes 5-9/10")
				w.Header().Set("Content-Length", "5")
				w.WriteHeader(http.StatusPartialContent)
			} else {
				_, _ = w.Write([]byte("12345"))
			}
			w.(http.Flusher).Flush()
		}
		<-hold
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(hold) })
	s := open(t, bucket, s3.Config{Endpoint: silent.URL, Timeout: 100 * time.Millisecond}).RetryFast()
	for what, err := range map[string]error{
		"get":    func() error { _, _, err := get(t, s, "k"); return err }(),
		"body":   func() error { _, _, err := get(t, s, "half"); return err }(),
		"put":    func() error { _, err := put(t.Context(), s, "k", "x", store.Condition{IfAbsent: true}); return err }(),
		"delete": s.Delete(t.Context(), "k", ""),
	} {
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of a server that says nothing: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, _, err := s.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled get: %v", err)
	}
}

func TestWhatTheServerSays(t *testing.T) {
	bucket := storetest.S3(t)
	for code, test := range map[string]struct {
		status int
		class  error
		hint   string
	}{
		"NoSuchBucket":                 {404, store.ErrNoRoot, `has no bucket "` + bucket.Name},
		"NoSuchKey":                    {404, store.ErrNotFound, ""},
		"AccessDenied":                 {403, store.ErrForbidden, "s3:ListBucket on " + bucket.Name},
		"InvalidAccessKeyId":           {403, store.ErrForbidden, "AWS_ACCESS_KEY_ID"},
		"SignatureDoesNotMatch":        {403, store.ErrForbidden, "AWS_SECRET_ACCESS_KEY"},
		"RequestTimeTooSkewed":         {403, store.ErrForbidden, "clock"},
		"ExpiredToken":                 {400, store.ErrForbidden, "sign in again"},
		"PermanentRedirect":            {301, nil, "set region to eu-central-1"},
		"AuthorizationHeaderMalformed": {400, nil, "set region to eu-central-1"},
		"MethodNotAllowed":             {405, nil, "said the server"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
			answer(test.status, code)(w, r, nil)
		}))
		s := open(t, bucket, s3.Config{Endpoint: server.URL}).RetryFast()
		_, _, err := s.Get(t.Context(), "k")
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "get "+s.String()+"/k: ") || !strings.Contains(err.Error(), test.hint) {
			t.Errorf("%s gives %v", code, err)
		}
		for _, class := range []error{store.ErrNotFound, store.ErrConflict, store.ErrForbidden, store.ErrNoRoot} {
			if errors.Is(err, class) != (class == test.class) {
				t.Errorf("%s is taken for %q: %v", code, class, err)
			}
		}
		if strings.Contains(err.Error(), bucket.SecretKey) {
			t.Errorf("%s tells the secret key", code)
		}
	}
}

func TestListingThatCannotBeRight(t *testing.T) {
	bucket := storetest.S3(t)
	object := func(key, etag string) string {
		return "<Contents><Key>k8s/lake/" + key + "</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified><ETag>" + etag + "</ETag><Size>1</Size></Contents>"
	}
	for name, test := range map[string]struct{ page, want string }{
		"out of order":    {object("a/x", "e") + object("a-b/x", "e"), "out of byte order"},
		"no etag":         {object("a", ""), "no ETag"},
		"no way to go on": {object("a", "e") + "<IsTruncated>true</IsTruncated>", "how to ask for it"},
		"an endless page": {"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>", "how to ask for it"},
		"right":           {object("a-b/x", "e") + object("a/", "e") + object("a/x", "e"), ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			body := `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>` + test.page + `</ListBucketResult>`
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = io.WriteString(w, body)
		}))
		s := open(t, bucket, s3.Config{Endpoint: server.URL})
		var last error
		n := 0
		for _, err := range s.List(t.Context(), "", "") {
			last = err
			n++
		}
		server.Close()
		if test.want == "" && (last != nil || n != 2) || test.want != "" && (last == nil || !strings.Contains(last.Error(), test.want)) {
			t.Errorf("%s: %d objects, %v", name, n, last)
		}
	}
}
