package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/k8sq/k8sq/collector"
)

// reader reads indexed objects again, in any order. It keeps one file open.
type reader struct {
	index  *index
	opened *os.File
	number int32
	buffer []byte
}

// errChanged says that the index does not fit the file any more.
var errChanged = errors.New("it changed while it was read")

// object gives an object's JSON as it is handed out: with its apiVersion and kind, and with the namespace of its resource id. It is valid
// until the next call.
func (r *reader) object(resource collector.Resource, entry entry) ([]byte, error) {
	object, err := r.bytes(entry)
	if err != nil {
		return nil, err
	}
	// The file may have been written anew within the resolution of its time.
	again, err := newFinder(bytes.NewReader(object)).value()
	if err != nil || len(again) != 1 || again[0].name != entry.name || again[0].namespace != entry.namespace ||
		again[0].end != int64(len(object)) || !entry.inherits && (again[0].kind != resource.Kind || again[0].apiVersion != apiVersion(resource)) {
		return nil, fmt.Errorf("%s: %w", r.index.files[entry.file].path, errChanged)
	}
	if !entry.inherits && (entry.namespace != "") == resource.Namespaced {
		return object, nil
	}
	return complete(object, resource, entry)
}

func apiVersion(resource collector.Resource) string {
	if resource.Group == "" {
		return resource.Version
	}
	return resource.Group + "/" + resource.Version
}

// complete writes into an object what its surroundings say of it.
func complete(object []byte, resource collector.Resource, entry entry) ([]byte, error) {
	var fields, metadata map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, fmt.Errorf("complete %s %s: %w", resource.Type(), entry.id, err)
	}
	if err := json.Unmarshal(fields["metadata"], &metadata); err != nil {
		return nil, fmt.Errorf("complete %s %s: %w", resource.Type(), entry.id, err)
	}
	if resource.Namespaced {
		metadata["namespace"] = quoted(namespaceOf(entry))
	} else {
		delete(metadata, "namespace")
	}
	fields["apiVersion"], fields["kind"] = quoted(apiVersion(resource)), quoted(resource.Kind)
	var err error
	if fields["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, fmt.Errorf("complete %s %s: %w", resource.Type(), entry.id, err)
	}
	return json.Marshal(fields)
}

// quoted gives a JSON string. Marshal cannot fail on one.
func quoted(text string) json.RawMessage {
	encoded, _ := json.Marshal(text)
	return encoded
}

// bytes gives an object's JSON as it stands in the file, or as its document became JSON.
func (r *reader) bytes(entry entry) ([]byte, error) {
	if err := r.open(entry.file); err != nil {
		return nil, err
	}
	path := r.index.files[entry.file].path
	length := int(entry.end - entry.start)
	if entry.document < 0 {
		if err := r.read(entry.start, length); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return r.buffer, nil
	}
	document := r.index.files[entry.file].documents[entry.document]
	parse := func() ([]byte, error) { return r.parse(document) }
	var text []byte
	var err error
	if document.shared {
		text, err = r.index.cache.get(documentKey{entry.file, entry.document}, parse)
	} else {
		text, err = parse()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if entry.end > int64(len(text)) {
		return nil, fmt.Errorf("%s: %w", path, errChanged)
	}
	if !document.shared {
		return text[entry.start:entry.end], nil
	}
	// The cached text is everybody's, the object the caller's.
	r.buffer = append(r.buffer[:0], text[entry.start:entry.end]...)
	return r.buffer, nil
}

// parse gives the JSON of a YAML document.
func (r *reader) parse(document document) ([]byte, error) {
	if err := r.read(document.offset, int(document.length)); err != nil {
		return nil, err
	}
	text, err := yamlToJSON(r.buffer)
	if err != nil {
		// It was YAML when it was indexed.
		return nil, errChanged
	}
	return text, nil
}

// read fills the buffer with a part of the open file.
func (r *reader) read(offset int64, length int) error {
	if cap(r.buffer) < length {
		r.buffer = make([]byte, length)
	}
	r.buffer = r.buffer[:length]
	switch n, err := r.opened.ReadAt(r.buffer, offset); {
	case n == length:
		return nil
	case errors.Is(err, io.EOF):
		return errChanged
	default:
		return reason(err)
	}
}

// open makes a file the open one. A file that is not as it was indexed, before or after it was read, is an error.
func (r *reader) open(number int32) error {
	if r.opened != nil && r.number == number {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	path := r.index.files[number].path
	opened, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	r.opened, r.number = opened, number
	if err := r.unchanged(); err != nil {
		return errors.Join(err, r.abandon())
	}
	return nil
}

func (r *reader) unchanged() error {
	indexed := r.index.files[r.number]
	info, err := r.opened.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", indexed.path, reason(err))
	}
	if info.Size() != indexed.size || !info.ModTime().Equal(indexed.modified) {
		return fmt.Errorf("%s: %w", indexed.path, errChanged)
	}
	return nil
}

// close lets go of the open file. Its error is that the file changed while objects were read from it.
func (r *reader) close() error {
	if r.opened == nil {
		return nil
	}
	return errors.Join(r.unchanged(), r.abandon())
}

func (r *reader) abandon() error {
	err := r.opened.Close()
	r.opened = nil
	return err
}

// documentKey names a document of the index.
type documentKey struct{ file, document int32 }

// documentCache keeps the JSON of YAML documents that hold many objects (a List): each of them would parse the whole document again. Beyond
// cacheSize only the last one stays.
type documentCache struct {
	mu    sync.Mutex
	texts map[documentKey]*cachedDocument
	order []documentKey
	size  int
}

type cachedDocument struct {
	once sync.Once
	text []byte
	err  error
}

const cacheSize = 64 << 20

// get gives a document's JSON, which must not be written to, and makes it where it is not kept. Of several at once one makes it.
func (c *documentCache) get(key documentKey, make func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	kept := c.texts[key]
	if kept == nil {
		kept = c.insert(key)
	}
	c.mu.Unlock()
	kept.once.Do(func() {
		kept.text, kept.err = make()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.texts[key] != kept {
			return
		}
		if kept.err != nil {
			c.remove(key)
			return
		}
		c.size += len(kept.text)
		c.shrink()
	})
	return kept.text, kept.err
}

// put keeps a document that has been read anyway.
func (c *documentCache) put(key documentKey, text []byte) {
	_, _ = c.get(key, func() ([]byte, error) { return text, nil })
}

func (c *documentCache) insert(key documentKey) *cachedDocument {
	if c.texts == nil {
		c.texts = map[documentKey]*cachedDocument{}
	}
	kept := &cachedDocument{}
	c.texts[key] = kept
	c.order = append(c.order, key)
	return kept
}

func (c *documentCache) shrink() {
	for c.size > cacheSize && len(c.order) > 1 {
		c.remove(c.order[0])
	}
}

func (c *documentCache) remove(key documentKey) {
	if kept := c.texts[key]; kept != nil {
		c.size -= len(kept.text)
		delete(c.texts, key)
	}
	for i, other := range c.order {
		if other == key {
			c.order = append(c.order[:i], c.order[i+1:]...)
			return
		}
	}
}
