package collector

import (
	"fmt"
	"regexp"

	"github.com/k8sq/k8sq/collector/document"
)

// Redaction says what is redacted besides Secrets, as a configuration has it. The zero value has every default and nothing of one's own.
type Redaction struct {
	Types    []string // resource types of which every string is redacted, as patterns
	Names    []string // of variables, entries and fields, as patterns
	Paths    []string
	Patterns []string // regular expressions
	Keep     document.Defaults
}

// CheckRedactionPath tells what is wrong with a path of fields to redact.
func CheckRedactionPath(path string) error {
	_, err := document.ParseRedactPath(path)
	return err
}

// Redactor makes the Redactor of a key. It fails where a path or a pattern is none.
func (r Redaction) Redactor(key []byte) (*document.Redactor, error) {
	rules := document.Rules{Keep: r.Keep, Types: r.Types, Names: r.Names}
	for _, path := range r.Paths {
		parsed, err := document.ParseRedactPath(path)
		if err != nil {
			return nil, fmt.Errorf("redact: path %q: %w", path, err)
		}
		rules.Paths = append(rules.Paths, parsed)
	}
	for _, pattern := range r.Patterns {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
		rules.Patterns = append(rules.Patterns, compiled)
	}
	return document.NewRedactor(key).With(rules), nil
}
