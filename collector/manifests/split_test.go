package manifests

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	yamlv2 "go.yaml.in/yaml/v2"
)

// split gives the documents of a text.
func split(t *testing.T, input io.Reader, text string) []string {
	t.Helper()
	splitter := newSplitter(input)
	var documents []string
	var buffer []byte
	for {
		document, part, err := splitter.next(buffer)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			t.Fatal(err)
		}
		if at := text[document.offset : document.offset+document.length]; at != string(part) {
			t.Fatalf("the document at %d is %q, but %q was given", document.offset, at, part)
		}
		documents = append(documents, string(part))
		buffer = part
	}
}

func TestSplit(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":                {"", nil},
		"comments":               {"# a\n\n  # b\n", nil},
		"one":                    {"a: 1\n", []string{"a: 1\n"}},
		"no end of line":         {"a: 1", []string{"a: 1"}},
		"leading marker":         {"---\na: 1\n", []string{"---\na: 1\n"}},
		"two":                    {"a: 1\n---\nb: 2\n", []string{"a: 1\n", "---\nb: 2\n"}},
		"crlf":                   {"a: 1\r\n---\r\nb: 2\r\n", []string{"a: 1\r\n", "---\r\nb: 2\r\n"}},
		"lone cr":                {"a: 1\r---\rb: 2\r", []string{"a: 1\r", "---\rb: 2\r"}},
		"unicode breaks":         {"a: 1\u2028---\u0085b: 2", []string{"a: 1\u2028", "---\u0085b: 2"}},
		"comment on the marker":  {"a: 1\n--- # next\nb: 2\n", []string{"a: 1\n", "--- # next\nb: 2\n"}},
		"content on the marker":  {"--- {a: 1}\n--- {b: 2}\n", []string{"--- {a: 1}\n", "--- {b: 2}\n"}},
		"no marker":              {"a: 1\n----\n---b: 2\n --- \n", []string{"a: 1\n----\n---b: 2\n --- \n"}},
		"empty documents":        {"---\n---\n# x\n---\na: 1\n", []string{"---\n", "---\n# x\n", "---\na: 1\n"}},
		"end marker":             {"a: 1\n...\nb: 2\n", []string{"a: 1\n...\n", "b: 2\n"}},
		"end markers alone":      {"...\n# c\n... # d\na: 1\n", []string{"a: 1\n"}},
		"directives":             {"%YAML 1.1\n---\na: 1\n...\n%YAML 1.2\n# c\n---\nb: 2\n", []string{"%YAML 1.1\n---\na: 1\n...\n", "%YAML 1.2\n# c\n---\nb: 2\n"}},
		"byte order mark":        {"\ufeff---\na: 1\n", []string{"\ufeff---\na: 1\n"}},
		"in a block scalar":      {"a: |\n  ---\n  x\n---\nb: 1\n", []string{"a: |\n  ---\n  x\n", "---\nb: 1\n"}},
		"longer than the buffer": {"a: " + strings.Repeat("x", 200_000) + "\n---\nb: 2\n", []string{"a: " + strings.Repeat("x", 200_000) + "\n", "---\nb: 2\n"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := split(t, strings.NewReader(test.text), test.text); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if got := split(t, iotest.OneByteReader(strings.NewReader(test.text)), test.text); !reflect.DeepEqual(got, test.want) {
				t.Errorf("byte by byte: %q, want %q", got, test.want)
			}
		})
	}
}

func TestSplitError(t *testing.T) {
	broken := errors.New("broken")
	splitter := newSplitter(io.MultiReader(strings.NewReader("a: 1\n---\nb: "), iotest.ErrReader(broken)))
	if _, text, err := splitter.next(nil); err != nil || string(text) != "a: 1\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, _, err := splitter.next(nil); !errors.Is(err, broken) {
		t.Errorf("%v, want %v: half a document passes for a whole one", err, broken)
	}
}

// FuzzSplit compares with the YAML library's own idea of where documents end: wherever it can read a stream, the parts hold the same
// documents one by one.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"a: 1\n---\nb: 2\n", "--- # c\na: |\n  ---\n---\n...\n", "%YAML 1.1\n---\na\n...\n%TAG ! x\n---\nb", "\ufeffa: 1\r---\rb: 2",
		"a: \"x\n---\ny\"", "- a\n- b\n--- [c]\n--- {d: e}\n", "a: 1\u2028---\u0085b: 2\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		parts := split(t, bytes.NewReader(text), string(text))
		var want []any
		decoder := yamlv2.NewDecoder(bytes.NewReader(text))
		for {
			var value any
			err := decoder.Decode(&value)
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			if value != nil {
				want = append(want, value)
			}
		}
		var got []any
		for _, part := range parts {
			var value any
			if err := yamlv2.Unmarshal(withoutDirectives(bytes.TrimPrefix([]byte(part), byteOrderMark)), &value); err != nil {
				t.Fatalf("the part %q: %v", part, err)
			}
			if value != nil {
				got = append(got, value)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: parts %q hold %v, the stream %v", text, parts, got, want)
		}
	})
}

func TestCache(t *testing.T) {
	var cache documentCache
	large := make([]byte, cacheSize/2)
	made := 0
	get := func(n int32) {
		t.Helper()
		text, err := cache.get(documentKey{n, 0}, func() ([]byte, error) { made++; return large, nil })
		if err != nil || len(text) != len(large) {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
	}
	get(1)
	get(2)
	get(1)
	if made != 2 {
		t.Errorf("made %d times, want 2", made)
	}
	get(3)
	get(3)
	if made != 3 || cache.size > cacheSize || len(cache.order) != 2 || len(cache.texts) != 2 {
		t.Errorf("made %d times, %d bytes, %d kept", made, cache.size, len(cache.texts))
	}
	failure := errors.New("failed")
	if _, err := cache.get(documentKey{9, 0}, func() ([]byte, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
	if _, err := cache.get(documentKey{9, 0}, func() ([]byte, error) { return nil, nil }); err != nil {
		t.Errorf("a failure is kept: %v", err)
	}
	cache.put(documentKey{5, 0}, make([]byte, 2*cacheSize))
	if len(cache.texts) != 1 {
		t.Errorf("%d kept beside one that is too large", len(cache.texts))
	}
}
