package manifests

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// syntaxError says where and why a text cannot be read, in words of our own: a library's message quotes what it found.
type syntaxError struct {
	line   int // of the document, counted from 1
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.reason) }

// yamlToJSON turns a document into JSON as kubectl does, but for keys given twice, which are an error.
func yamlToJSON(text []byte) ([]byte, error) {
	text = withoutDirectives(bytes.TrimPrefix(text, byteOrderMark))
	json, err := yaml.YAMLToJSONStrict(text)
	if err != nil && strings.Contains(err.Error(), alreadySet) && bytes.Contains(text, []byte("<<")) {
		// The library takes a merged key (<<: *anchor) that is overridden beside it for one that is given twice. So the keys are counted in
		// a copy in which nothing is merged.
		if _, unmerged := yaml.YAMLToJSONStrict(withoutMerges(text)); unmerged == nil || !strings.Contains(unmerged.Error(), alreadySet) {
			json, err = yaml.YAMLToJSON(text)
		} else {
			err = unmerged
		}
	}
	if err != nil {
		return nil, sanitize(err.Error(), text)
	}
	return json, nil
}

const alreadySet = "already set in map"

// withoutDirectives turns the directives before a document's --- into comments. The library refuses all versions but %YAML 1.1, while what
// Kubernetes' own readers hand to it never has any.
func withoutDirectives(text []byte) []byte {
	var copied []byte
	for at := 0; at < len(text); {
		end := at + lineEnd(text[at:])
		line := text[at:end]
		if isMarkerLine(line, "---") {
			break
		}
		if line[0] == '%' {
			if copied == nil {
				copied = bytes.Clone(text)
			}
			copied[at] = '#'
		} else if !isBlankLine(line) {
			break
		}
		at = end
	}
	if copied != nil {
		return copied
	}
	return text
}

var mergeKey = regexp.MustCompile(`(?m)(^[ \t]*(?:-[ \t]+)*|[{,][ \t]*)<<([ \t]*:)`)

// withoutMerges gives each merge key a plain name of its own, on the same line.
func withoutMerges(text []byte) []byte {
	n := 0
	return mergeKey.ReplaceAllFunc(text, func(match []byte) []byte {
		n++
		return bytes.Replace(match, []byte("<<"), []byte("merged-"+strconv.Itoa(n)), 1)
	})
}

// yamlReasons are the library's words that say nothing of the content, with ours for some.
var yamlReasons = []struct{ theirs, ours string }{
	{alreadySet, "a key is given twice"},
	{"mapping values are not allowed in this context", ""},
	{"did not find expected key", ""},
	{"did not find expected '-' indicator", ""},
	{"did not find expected ',' or '}'", ""},
	{"did not find expected ',' or ']'", ""},
	{"did not find expected node content", ""},
	{"did not find expected <document start>", ""},
	{"did not find expected hexdecimal number", ""},
	{"could not find expected ':'", ""},
	{"could not find expected directive name", ""},
	{"found character that cannot start any token", "a tab or another character that cannot begin a value"},
	{"found a tab character that violates indentation", ""},
	{"found unexpected end of stream", "a quoted text does not end"},
	{"found unexpected document indicator", ""},
	{"found unknown escape character", ""},
	{"found undefined tag handle", ""},
	{"block sequence entries are not allowed in this context", ""},
	{"block mapping entries are not allowed in this context", ""},
	{"control characters are not allowed", ""},
	{"unknown anchor", "an alias (*name) without its anchor"},
	{"contains itself", "an anchor contains itself"},
	{"excessive aliasing", "aliases make it too large"},
	{"exceeded max depth", "nested too deeply"},
	{"exceeded maximum depth", "nested too deeply"},
	{"UTF-8", "not UTF-8"},
	{"unsupported map key", "a key that is no text, number or boolean"},
	{"unsupported value", "a number that JSON does not have, such as .nan"},
	{"map merge requires map", "what is merged (<<) is no mapping"},
	{"invalid map key", "a key that is no text, number or boolean"},
}

var lineNumber = regexp.MustCompile(`line ([0-9]+)`)

// sanitize makes an error of a library's message of which nothing is kept but the line and the kind of mistake.
func sanitize(message string, text []byte) *syntaxError {
	failure := &syntaxError{line: 1, reason: "this is not YAML"}
	if match := lineNumber.FindStringSubmatch(message); match != nil {
		if n, err := strconv.Atoi(match[1]); err == nil && n > 0 {
			failure.line = n
		}
	}
	for _, known := range yamlReasons {
		if strings.Contains(message, known.theirs) {
			failure.reason = known.theirs
			if known.ours != "" {
				failure.reason = known.ours
			}
			break
		}
	}
	if bytes.Contains(text, []byte("{{")) {
		failure.reason += " (is it a template? Render it first, as with helm template)"
	}
	return failure
}
