package manifests

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k8sq/k8sq/collector"
)

// index knows where every object of the files is, and nothing of what is in it.
type index struct {
	files    []file
	types    map[string]*typeIndex
	scopes   scopes
	failures failures // what may hide objects of any type
	cache    documentCache
}

// file is one file as it was when it was scanned.
type file struct {
	path     string
	size     int64
	modified time.Time
	// documents are the documents of a YAML file, in order; a JSON file is one text and has none.
	documents []document
	warned    bool // that something in it was skipped
}

// typeIndex are the objects of one type, sorted by resource id, each id once.
type typeIndex struct {
	resource   collector.Resource
	entries    []entry
	duplicates failures
}

// entry is where an object is.
type entry struct {
	id         string // of the resource: the namespace and the name
	namespace  string // as the object has it, which may not be that of the id
	name       string
	file       int32
	document   int32 // -1 in a JSON file
	item       int32 // its place in a List, from 1; 0 outside of one
	inherits   bool
	start, end int64 // in the file, or in the JSON of the document
}

func (x *index) typeNames() []string { return slices.Sorted(maps.Keys(x.types)) }

// scanner makes an index.
type scanner struct {
	*index
	log *slog.Logger
}

// scan reads all files once, one at a time.
func scan(ctx context.Context, dir folders, paths []string, log *slog.Logger) (*index, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &scanner{index: &index{types: map[string]*typeIndex{}, scopes: scopes{}}, log: log}
	roots, err := find(dir, paths, log, &s.failures)
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		before := s.count()
		for _, path := range root.files {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := s.file(ctx, path); err != nil {
				return nil, err
			}
		}
		// A folder that is not mounted yet looks just so. Were it believed, all that it held would be taken for deleted.
		if len(root.files) > 0 && s.count() == before || len(root.files) == 0 && !root.shared {
			log.Warn("there is no object in the path: nothing is taken for deleted", "path", root.path)
			s.failures.add(fmt.Errorf("%s: there is no object in it", root.path))
		}
	}
	if err := s.readDefinitions(ctx); err != nil {
		return nil, err
	}
	s.finish()
	return s.index, nil
}

func (s *scanner) count() int {
	n := 0
	for _, known := range s.types {
		n += len(known.entries)
	}
	return n
}

// file indexes one file. Only a cancelled context is an error; what is wrong with the file is among the failures.
func (s *scanner) file(ctx context.Context, path string) error {
	opened, err := os.Open(path)
	if err != nil {
		s.failures.add(fmt.Errorf("%s: %w", path, reason(err)))
		return nil
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		s.failures.add(fmt.Errorf("%s: %w", path, reason(err)))
		return nil
	}
	if !info.Mode().IsRegular() {
		s.failures.add(fmt.Errorf("%s: it is not a file", path))
		return nil
	}
	number := int32(len(s.files))
	s.files = append(s.files, file{path: path, size: info.Size(), modified: info.ModTime()})
	input := bufio.NewReaderSize(opened, 64<<10)
	first, _ := input.Peek(4 << 10)
	if bytes.HasPrefix(first, []byte{0xff, 0xfe}) || bytes.HasPrefix(first, []byte{0xfe, 0xff}) {
		s.failures.add(fmt.Errorf("%s: it is UTF-16; Kubernetes reads UTF-8", path))
		return nil
	}
	mark := int64(0)
	if bytes.HasPrefix(first, byteOrderMark) {
		mark = int64(len(byteOrderMark))
	}
	isJSON := strings.EqualFold(filepath.Ext(path), ".json")
	if text := bytes.TrimLeft(first[mark:], " \t\r\n"); isJSON || len(text) > 0 && text[0] == '{' {
		objects, place, err := s.json(ctx, opened, mark)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// JSON is YAML too: in a file that does not claim to be JSON, what looks like it may be {a: b}, or documents of JSON between ---.
		if err == nil || isJSON {
			s.add(number, -1, objects)
			if err != nil {
				what, _ := jsonReason(err)
				s.failures.add(fmt.Errorf("%s:%d: %s", path, s.lineAt(number, place), what))
			}
			return nil
		}
	}
	if _, err := opened.Seek(0, io.SeekStart); err != nil {
		s.failures.add(fmt.Errorf("%s: %w", path, reason(err)))
		return nil
	}
	return s.yaml(ctx, opened, number)
}

// json finds the objects of a JSON file, and where an error is.
func (s *scanner) json(ctx context.Context, opened *os.File, mark int64) (objects []found, place int64, err error) {
	if _, err := opened.Seek(mark, io.SeekStart); err != nil {
		return nil, 0, err
	}
	finder := newFinder(contextReader{ctx, opened})
	for {
		more, err := finder.next()
		for i := range more {
			more[i].start += mark
			more[i].end += mark
		}
		objects = append(objects, more...)
		if err == io.EOF {
			return objects, 0, nil
		}
		if err != nil {
			_, offset := jsonReason(err)
			return objects, max(offset, finder.decoder.InputOffset()) + mark, err
		}
	}
}

// contextReader ends the reading of a large file when the context is done.
type contextReader struct {
	ctx   context.Context
	input io.Reader
}

func (r contextReader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.input.Read(buffer)
}

// yaml indexes the documents of a YAML file.
func (s *scanner) yaml(ctx context.Context, opened io.Reader, number int32) error {
	splitter := newSplitter(opened)
	var buffer []byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		document, text, err := splitter.next(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.failures.add(fmt.Errorf("%s: %w", s.files[number].path, reason(err)))
			return nil
		}
		buffer = text
		json, err := yamlToJSON(text)
		if err != nil {
			var syntax *syntaxError
			if errors.As(err, &syntax) {
				s.failures.addLazily(func() error {
					return fmt.Errorf("%s:%d: %s", s.files[number].path, s.lineAt(number, document.offset)+syntax.line-1, syntax.reason)
				})
			}
			continue
		}
		if string(json) == "null" {
			continue
		}
		objects, err := newFinder(bytes.NewReader(json)).next()
		if err != nil {
			what, _ := jsonReason(err)
			s.failures.addLazily(func() error {
				return fmt.Errorf("%s:%d: %s", s.files[number].path, s.lineAt(number, document.offset), what)
			})
			continue
		}
		if document.shared = len(objects) > 1; document.shared {
			s.cache.put(documentKey{number, int32(len(s.files[number].documents))}, json)
		}
		s.files[number].documents = append(s.files[number].documents, document)
		s.add(number, int32(len(s.files[number].documents)-1), objects)
	}
}

// add indexes what was found in a JSON file or in one document.
func (s *scanner) add(number, document int32, objects []found) {
	path := s.files[number].path
	for _, object := range objects {
		isChart := filepath.Base(path) == "Chart.yaml" && object.kind == "" && !object.notObject
		if object.isForeign() || isChart {
			if f := &s.files[number]; !f.warned && !isKustomization(path) && (object.apiVersion == "" || isChart) {
				f.warned = true
				s.log.Warn("skipped: this is no Kubernetes object", "path", path, "line", s.lineOf(number, document, object.start))
			}
			continue
		}
		entry := entry{
			namespace: object.namespace, name: object.name, file: number, document: document, item: int32(object.item),
			inherits: object.inherits, start: object.start, end: object.end,
		}
		if problem := object.problem(); problem != "" {
			s.failures.addLazily(func() error { return fmt.Errorf("%s: %s", s.place(entry), problem) })
			continue
		}
		group, version, _ := groupVersion(object.apiVersion)
		resource := collector.Resource{Group: group, Version: version, Kind: object.kind, Ordered: true}
		known := s.types[resource.Type()]
		if known == nil {
			known = &typeIndex{resource: resource}
			s.types[resource.Type()] = known
		}
		known.entries = append(known.entries, entry)
	}
}

// isKustomization tells whether a file is kustomize's, which need not say apiVersion or kind.
func isKustomization(path string) bool {
	name := filepath.Base(path)
	return name == "kustomization.yaml" || name == "kustomization.yml"
}

// readDefinitions learns the scope of custom resources from the CustomResourceDefinitions among the files.
func (s *scanner) readDefinitions(ctx context.Context) error {
	reader := reader{index: s.index}
	defer reader.close()
	for _, version := range []string{"v1beta1", "v1"} {
		known := s.types["apiextensions.k8s.io."+version+".CustomResourceDefinition"]
		if known == nil {
			continue
		}
		for _, entry := range known.entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			object, err := reader.bytes(entry)
			var crd struct {
				Spec struct {
					Group, Scope string
					Names        struct{ Kind, Plural string }
				}
			}
			// List reads the definition again and tells of an error; without it the scope is only guessed.
			if err != nil || json.Unmarshal(object, &crd) != nil || crd.Spec.Names.Kind == "" {
				continue
			}
			s.scopes[groupKind{crd.Spec.Group, crd.Spec.Names.Kind}] = definition{namespaced: crd.Spec.Scope != "Cluster", plural: crd.Spec.Names.Plural}
		}
	}
	return nil
}

// finish gives every object its resource id, and sorts.
func (s *scanner) finish() {
	// A kind is namespaced or not whatever the version.
	named := map[groupKind]bool{}
	for _, known := range s.types {
		if slices.ContainsFunc(known.entries, func(entry entry) bool { return entry.namespace != "" }) {
			named[groupKind{known.resource.Group, known.resource.Kind}] = true
		}
	}
	for _, known := range s.types {
		group, kind := known.resource.Group, known.resource.Kind
		known.resource.Namespaced = s.scopes.namespaced(group, kind, named[groupKind{group, kind}])
		known.resource.Plural = s.scopes.plural(group, kind)
		for i := range known.entries {
			entry := &known.entries[i]
			entry.id = entry.name
			if known.resource.Namespaced {
				entry.id = namespaceOf(*entry) + "/" + entry.name
			}
		}
		slices.SortStableFunc(known.entries, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
		known.unique(s)
	}
}

// defaultNamespace is where kubectl puts a namespaced object that names none.
const defaultNamespace = "default"

func namespaceOf(entry entry) string {
	if entry.namespace == "" {
		return defaultNamespace
	}
	return entry.namespace
}

// unique keeps the first of the entries with the same id.
func (t *typeIndex) unique(s *scanner) {
	kept := t.entries[:0]
	for _, candidate := range t.entries {
		if len(kept) > 0 && kept[len(kept)-1].id == candidate.id {
			first := kept[len(kept)-1]
			t.duplicates.addLazily(func() error {
				return fmt.Errorf("%s is declared twice: %s and %s", candidate.id, s.place(first), s.place(candidate))
			})
			continue
		}
		kept = append(kept, candidate)
	}
	t.entries = kept
}
