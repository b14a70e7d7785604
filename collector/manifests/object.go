package manifests

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// found is an object in a JSON text: what names it, and where it is.
type found struct {
	apiVersion, kind, namespace, name string
	generateName                      bool
	start, end                        int64  // bytes of the text
	item                              int    // its place in a List, from 1; 0 outside of one
	inherits                          bool   // apiVersion or kind are its List's and not in its bytes
	wrong                             string // what of its head has the wrong type, "" for nothing
	notObject                         bool   // it is an array, a string, …
}

// finder reads JSON values one after the other without holding more than their heads, so that a dump of any size can be indexed.
type finder struct {
	decoder *jsontext.Decoder
	names   map[string]string // each apiVersion, kind and namespace once
}

func newFinder(input io.Reader) *finder {
	return &finder{decoder: jsontext.NewDecoder(input), names: map[string]string{}}
}

// next gives the objects of the next value: one, or a List's items. io.EOF comes after the last value. An error may come with objects:
// those that were whole before it.
func (f *finder) next() ([]found, error) {
	objects, err := f.value()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			return withHeads(objects), err
		}
		// The end is only the end between two values.
		if f.decoder.StackDepth() > 0 {
			return withHeads(objects), io.ErrUnexpectedEOF
		}
		return nil, io.EOF
	}
	return objects, nil
}

// withHeads keeps the items of a List that broke off which name their kind themselves.
func withHeads(objects []found) []found {
	var kept []found
	for _, object := range objects {
		if object.apiVersion != "" && object.kind != "" && object.wrong == "" && !object.notObject {
			kept = append(kept, object)
		}
	}
	return kept
}

func (f *finder) value() ([]found, error) {
	switch kind := f.decoder.PeekKind(); kind {
	case '{':
	default:
		if err := f.decoder.SkipValue(); err != nil {
			return nil, err
		}
		return []found{{notObject: true, end: f.decoder.InputOffset()}}, nil
	}
	if _, err := f.decoder.ReadToken(); err != nil {
		return nil, err
	}
	object := found{start: f.decoder.InputOffset() - 1}
	var items []found
	hasItems := false
	for f.decoder.PeekKind() != '}' {
		key, err := f.decoder.ReadToken()
		if err != nil {
			return items, err
		}
		switch key.String() {
		case "apiVersion":
			err = f.text(&object.apiVersion, &object, "apiVersion")
		case "kind":
			err = f.text(&object.kind, &object, "kind")
		case "metadata":
			err = f.metadata(&object)
		case "items":
			switch f.decoder.PeekKind() {
			case '[':
				hasItems = true
				items, err = f.items()
			case 'n':
				hasItems = true
				err = f.decoder.SkipValue()
			default:
				err = f.decoder.SkipValue()
			}
		default:
			err = f.decoder.SkipValue()
		}
		if err != nil {
			return items, err
		}
	}
	if _, err := f.decoder.ReadToken(); err != nil {
		return items, err
	}
	object.end = f.decoder.InputOffset()
	if itemKind, isList := strings.CutSuffix(object.kind, "List"); isList && (hasItems || itemKind == "") {
		return inherit(items, object.apiVersion, itemKind), nil
	}
	return []found{object}, nil
}

// inherit gives the items of a typed list what the API leaves out of them. Items of a plain List name their kind themselves.
func inherit(items []found, apiVersion, kind string) []found {
	if kind == "" {
		return items
	}
	for i := range items {
		if item := &items[i]; !item.notObject && item.wrong == "" {
			if item.apiVersion == "" {
				item.apiVersion, item.inherits = apiVersion, true
			}
			if item.kind == "" {
				item.kind, item.inherits = kind, true
			}
		}
	}
	return items
}

// items reads an array of objects, and Lists within it.
func (f *finder) items() ([]found, error) {
	if _, err := f.decoder.ReadToken(); err != nil {
		return nil, err
	}
	var all []found
	for number := 1; f.decoder.PeekKind() != ']'; number++ {
		objects, err := f.value()
		for i := range objects {
			objects[i].item = number
		}
		all = append(all, objects...)
		if err != nil {
			return all, err
		}
	}
	_, err := f.decoder.ReadToken()
	return all, err
}

func (f *finder) metadata(object *found) error {
	if f.decoder.PeekKind() != '{' {
		if f.decoder.PeekKind() != 'n' {
			object.wrong = "metadata"
		}
		return f.decoder.SkipValue()
	}
	if _, err := f.decoder.ReadToken(); err != nil {
		return err
	}
	for f.decoder.PeekKind() != '}' {
		key, err := f.decoder.ReadToken()
		if err != nil {
			return err
		}
		switch key.String() {
		case "name":
			err = f.text(&object.name, object, "metadata.name")
		case "namespace":
			err = f.text(&object.namespace, object, "metadata.namespace")
		case "generateName":
			object.generateName = true
			err = f.decoder.SkipValue()
		default:
			err = f.decoder.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := f.decoder.ReadToken()
	return err
}

// text reads a string; null is none.
func (f *finder) text(target *string, object *found, what string) error {
	switch f.decoder.PeekKind() {
	case '"':
		token, err := f.decoder.ReadToken()
		if err != nil {
			return err
		}
		text := token.String()
		if what != "metadata.name" {
			if same, known := f.names[text]; known {
				text = same
			} else {
				f.names[text] = text
			}
		}
		*target = text
		return nil
	case 'n':
	default:
		object.wrong = what
	}
	return f.decoder.SkipValue()
}

// jsonReason says what is wrong with a JSON text without quoting it, and the byte where.
func jsonReason(err error) (reason string, offset int64) {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		reason = "a key is given twice"
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = "the JSON breaks off"
	case errors.As(err, &syntax):
		reason = "this is not JSON"
	default: // reading the file failed, and what the system says of that quotes nothing
		reason = "it cannot be read: " + err.Error()
	}
	if errors.As(err, &syntax) {
		offset = syntax.ByteOffset
	}
	return reason, offset
}

var (
	versionForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	groupForm   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	kindForm    = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9]*$`)
)

func isVersion(version string) bool { return versionForm.MatchString(version) }
func isKind(kind string) bool       { return kindForm.MatchString(kind) }

// groupVersion takes an apiVersion apart.
func groupVersion(apiVersion string) (group, version string, ok bool) {
	group, version, hasGroup := strings.Cut(apiVersion, "/")
	if !hasGroup {
		group, version = "", apiVersion
	}
	return group, version, isVersion(version) && (!hasGroup || groupForm.MatchString(group))
}

// problem tells what keeps something found from being an object, "" where nothing does.
func (o found) problem() string {
	_, _, validVersion := groupVersion(o.apiVersion)
	switch {
	case o.notObject:
		return "this is no object"
	case o.wrong != "":
		return o.wrong + " has the wrong type"
	case o.apiVersion == "":
		return "it has no apiVersion"
	case o.kind == "":
		return "it has no kind"
	case !validVersion:
		return "its apiVersion is not group/version"
	case !isKind(o.kind):
		return "its kind is not a word"
	case o.name == "" && o.generateName:
		return fmt.Sprintf("the %s has only a generateName: without a metadata.name it cannot be told from others", o.kind)
	case o.name == "":
		return fmt.Sprintf("the %s has no metadata.name", o.kind)
	case strings.Contains(o.name, "/") || strings.Contains(o.namespace, "/"):
		return fmt.Sprintf("the %s has a slash in its name or namespace", o.kind)
	}
	return ""
}

// isForeign tells whether something found is not meant to be an object of a cluster: it says neither apiVersion nor kind, or it configures
// a tool.
func (o found) isForeign() bool {
	if o.item == 0 && (o.notObject || o.apiVersion == "" && (o.kind == "" || o.kind == "Kustomization") && o.wrong == "") {
		return true
	}
	group, _, _ := groupVersion(o.apiVersion)
	switch {
	case strings.HasSuffix(group, ".config.k8s.io"): // Kustomization, KubeletConfiguration, …
		return true
	case o.name != "":
		return false
	case group == "" && o.kind == "Config": // a kubeconfig
		return true
	case group == "kubeadm.k8s.io", group == "kind.x-k8s.io", group == "audit.k8s.io":
		return true
	}
	return false
}
