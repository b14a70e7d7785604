package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/k8sq/k8sq/collector"
)

// List reads a resource page by page, each page as a stream of objects that are handed on as they come.
//
// All pages are one state of the resource: the first fixes a resource version and its continue token carries it on. Hence a page that
// breaks in the middle can be asked for again, and the objects of it that were already handed on are skipped: in the same state they
// are the same objects in the same order. A page with a continue token is asked for by it; the first page, which has none, by the
// resource version that it said it was of (resourceVersionMatch=Exact). Where it had not said so yet, the list ends with an error, and
// the caller takes it for incomplete. Where the server has meanwhile compacted that state away it answers 410, which is ErrExpired.
//
// The request for the next page is sent as soon as its token is known, which is before the objects of this page: the server then
// reads it from etcd while this page is worked through. At most one page is on its way, and HTTP/2's flow control holds back its
// bytes after the first few megabytes, so that memory does not grow.
//
// Of some namespaces it lists each by itself, or all at once and leaves out what is of others: see narrow.go.
func (p *provider) List(ctx context.Context, resource collector.Resource, selection collector.Selection, each func(object []byte) error) (collector.Listing, error) {
	return p.listNarrowed(ctx, resource, selection, acceptJSON, each)
}

// listAt lists what is at a path. wanted says which objects are handed on; nil: all.
func (p *provider) listAt(ctx context.Context, path string, query url.Values, accept string, wanted func([]byte) bool, each func([]byte) error) (collector.Listing, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &list{client: p.client, path: path, query: query, accept: accept, pageSize: p.pageSize, wanted: wanted, each: each}
	defer l.dropAhead()
	defer cancel()
	return l.run(ctx)
}

// list is one list in progress.
type list struct {
	client   *client
	path     string
	query    url.Values // the selectors, which every page's request repeats
	accept   string
	pageSize int
	wanted   func(object []byte) bool
	each     func(object []byte) error

	handed int    // objects handed on so far
	object []byte // the object that is being handed on: the caller may do with it as it likes, unlike the decoder's own buffer
	ahead  *ahead // the request for the next page, where it has been sent
}

// page is one page of a list, over all attempts to read it.
type page struct {
	token           string // the continue token that asks for it, "" for the first
	resourceVersion string // of the state it is of, "" until it has said so
	next            string // the continue token of the page after it
	handed          int    // objects of it that have been handed on, or were not wanted
}

// ahead is a request that was sent before its turn.
type ahead struct {
	token  string
	done   chan struct{} // closed when the other two are set
	answer *response
	err    error
}

func (l *list) run(ctx context.Context) (collector.Listing, error) {
	var listing collector.Listing
	for token := ""; ; {
		page := &page{token: token}
		if err := l.client.retry(ctx, func() error { return l.read(ctx, page) }); err != nil {
			return collector.Listing{}, l.describe(ctx, err)
		}
		if token == "" {
			listing.ResourceVersion = page.resourceVersion
		}
		if page.next == "" {
			return listing, nil
		}
		if page.next == token {
			return collector.Listing{}, l.describe(ctx, errors.New("the server gave the same continue token twice, which would never end"))
		}
		token = page.next
	}
}

// describe says how far the list came, and gives the callback's own error and the context's as they are.
func (l *list) describe(ctx context.Context, err error) error {
	var (
		callback *callbackError
		status   *statusError
	)
	if errors.As(err, &callback) {
		return callback.err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !errors.As(err, &status) || isUnauthorized(err) {
		err = l.client.explain(err)
	}
	if l.handed > 0 {
		return fmt.Errorf("the list broke off after %d objects: %w", l.handed, err)
	}
	return err
}

// read makes one attempt at a page.
func (l *list) read(ctx context.Context, page *page) error {
	answer, err := l.request(ctx, page)
	if err != nil {
		return err
	}
	defer answer.close()
	err = l.split(ctx, answer.body, page)
	if failed := answer.body.failed; failed != nil && err != nil && !isCallback(err) {
		// The decoder may take what was cut off for a mistake in the JSON.
		err = fmt.Errorf("read the answer to GET %s: %w", l.path, failed)
	}
	if err != nil && page.handed > 0 && page.token == "" && !isState(page.resourceVersion) {
		return &finalError{err}
	}
	return err
}

// isState tells a resource version that can be asked for exactly. "0" means any state, and some aggregated APIs give none.
func isState(resourceVersion string) bool { return resourceVersion != "" && resourceVersion != "0" }

func (l *list) request(ctx context.Context, page *page) (*response, error) {
	if a := l.ahead; a != nil && a.token == page.token {
		l.ahead = nil
		<-a.done
		return a.answer, a.err
	}
	query := l.pageQuery()
	switch {
	case page.token != "":
		query.Set("continue", page.token)
	case page.handed > 0:
		query.Set("resourceVersion", page.resourceVersion)
		query.Set("resourceVersionMatch", "Exact")
	}
	return l.client.open(ctx, l.path, query, l.accept)
}

func (l *list) pageQuery() url.Values {
	query := url.Values{"limit": {strconv.Itoa(l.pageSize)}}
	maps.Copy(query, l.query)
	return query
}

// sendAhead sends the request for the page after this one, once.
func (l *list) sendAhead(ctx context.Context, token string) {
	if l.ahead != nil && l.ahead.token == token {
		return
	}
	l.dropAhead()
	a := &ahead{token: token, done: make(chan struct{})}
	l.ahead = a
	query := l.pageQuery()
	query.Set("continue", token)
	go func() {
		defer close(a.done)
		a.answer, a.err = l.client.open(ctx, l.path, query, l.accept)
	}()
}

// dropAhead lets go of a request that is not wanted any more. It waits for the answer's head, unless the list's context has ended.
func (l *list) dropAhead() {
	if l.ahead == nil {
		return
	}
	<-l.ahead.done
	if l.ahead.answer != nil {
		l.ahead.answer.close()
	}
	l.ahead = nil
}

// split reads a List and hands on its items one by one. Its keys may come in any order; Go's encoder puts metadata before the items.
func (l *list) split(ctx context.Context, body io.Reader, page *page) error {
	// Names are not checked for being unique: that costs a quarter of the time, and the server's encoder writes each once.
	decoder := jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true))
	if kind := decoder.PeekKind(); kind != '{' && kind != 0 {
		return l.malformed("is not an object")
	}
	if _, err := decoder.ReadToken(); err != nil {
		return l.streamError(err)
	}
	sawItems := false
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return l.streamError(err)
		}
		switch name.String() {
		case "metadata":
			err = l.metadata(ctx, decoder, page)
		case "items":
			sawItems = true
			err = l.items(ctx, decoder, page)
		default:
			err = l.streamError(decoder.SkipValue())
		}
		if err != nil {
			return err
		}
	}
	// The closing brace, and then the end of the body, which gives the connection back.
	if _, err := decoder.ReadToken(); err != nil {
		return l.streamError(err)
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			return l.malformed("goes on after its end")
		}
		return l.streamError(err)
	}
	if !sawItems {
		return l.malformed("has no items")
	}
	return nil
}

// metadata reads what the list says of itself.
func (l *list) metadata(ctx context.Context, decoder *jsontext.Decoder, page *page) error {
	value, err := decoder.ReadValue()
	if err != nil {
		return l.streamError(err)
	}
	var metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	}
	if err := json.Unmarshal(value, &metadata); err != nil {
		return l.malformed("has metadata that is not a list's")
	}
	if page.handed > 0 && page.resourceVersion != "" && metadata.ResourceVersion != page.resourceVersion {
		return &finalError{fmt.Errorf("a page that was asked for again is of resource version %q, not %q", metadata.ResourceVersion, page.resourceVersion)}
	}
	page.resourceVersion, page.next = metadata.ResourceVersion, metadata.Continue
	if page.next != "" && page.next != page.token {
		l.sendAhead(ctx, page.next)
	}
	return nil
}

// items hands on the objects that earlier attempts at this page have not.
func (l *list) items(ctx context.Context, decoder *jsontext.Decoder, page *page) error {
	start, err := decoder.ReadToken()
	if err != nil {
		return l.streamError(err)
	}
	if start.Kind() == 'n' {
		return nil
	}
	if start.Kind() != '[' {
		return l.malformed("has items that are no array")
	}
	for skip := page.handed; decoder.PeekKind() != ']'; {
		value, err := decoder.ReadValue()
		if err != nil {
			return l.streamError(err)
		}
		if value.Kind() != '{' {
			return l.malformed("has an item that is not an object")
		}
		if skip > 0 {
			skip--
			continue
		}
		page.handed++
		if l.wanted != nil && !l.wanted(value) {
			continue
		}
		l.object = append(l.object[:0], value...)
		l.handed++
		if err := l.each(l.object); err != nil {
			return &callbackError{err}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	_, err = decoder.ReadToken()
	return l.streamError(err)
}

// streamError keeps a decoder's error from quoting the object it stands in.
func (l *list) streamError(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the answer to GET %s ended in the middle: %w", l.path, io.ErrUnexpectedEOF)
	case errors.As(err, &syntax):
		return l.malformed(fmt.Sprintf("is not JSON at byte %d", syntax.ByteOffset))
	}
	return err
}

func (l *list) malformed(what string) error {
	return &finalError{decodeError(l.path, errors.New("it "+what))}
}

// callbackError is an error of the caller's own callback, to be given back as it is.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

func isCallback(err error) bool {
	var callback *callbackError
	return errors.As(err, &callback)
}

// finalError is an error that asking again would not help.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }
