package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	wordwrap "github.com/mitchellh/go-wordwrap"
)

// Severity says whether a configuration can be used in spite of a Diagnostic.
type Severity string

// The severities, as they are printed.
const (
	Error   Severity = "Error"
	Warning Severity = "Warning"
)

// Range is a place in a file. Line and Column count from 1, columns in characters; zero where only the file is known.
type Range struct {
	File         string
	Line, Column int
}

// SourceLine is a line of the file as it may be shown, with what may be a secret replaced by (redacted).
type SourceLine struct {
	Number int
	Text   string
	// From and To are the bytes of Text that are at fault.
	From, To int
}

// Diagnostic is one thing wrong with a configuration.
type Diagnostic struct {
	Severity Severity
	Summary  string // a short sentence without a full stop
	Detail   string // what is expected, what to do
	Range    Range
	Context  string // the blocks around it: provider "kubernetes" "prod"
	Source   []SourceLine
}

// Diagnostics are all that is wrong with a configuration, in the order of the file.
type Diagnostics []Diagnostic

// HasErrors tells whether there is more than warnings.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(diagnostic Diagnostic) bool { return diagnostic.Severity == Error })
}

// Err gives the errors as one error, a line each, or nil where there are only warnings. Write shows more.
func (d Diagnostics) Err() error {
	var all []error
	for _, diagnostic := range d {
		if diagnostic.Severity != Error {
			continue
		}
		place := diagnostic.Range.File
		if diagnostic.Range.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", place, diagnostic.Range.Line, diagnostic.Range.Column)
		}
		all = append(all, fmt.Errorf("%s: %s: %s", place, diagnostic.Summary, diagnostic.Detail))
	}
	return errors.Join(all...)
}

// The terminal's sequences for colours.
const (
	red, yellow, highlight, reset = "\x1b[31m", "\x1b[33m", "\x1b[1;4m", "\x1b[0m"
)

// maxSourceLines keeps a problem with a long heredoc short.
const maxSourceLines = 4

// Write prints the diagnostics as Terraform does. Details are wrapped at width, 0 is never; colour is for terminals.
func (d Diagnostics) Write(w io.Writer, width int, colour bool) error {
	var out bytes.Buffer
	paint := func(code, text string) string {
		if !colour || text == "" {
			return text
		}
		return code + text + reset
	}
	for _, diagnostic := range d {
		code := red
		if diagnostic.Severity == Warning {
			code = yellow
		}
		fmt.Fprintf(&out, "%s: %s\n\n", paint(code, string(diagnostic.Severity)), diagnostic.Summary)
		if place := diagnostic.Range; place.Line > 0 {
			in := ""
			if diagnostic.Context != "" {
				in = ", in " + diagnostic.Context
			}
			fmt.Fprintf(&out, "  on %s line %d, column %d%s:\n", place.File, place.Line, place.Column, in)
			for _, line := range diagnostic.Source {
				fmt.Fprintf(&out, "%4d: %s%s%s\n", line.Number, line.Text[:line.From], paint(highlight, line.Text[line.From:line.To]), line.Text[line.To:])
			}
			out.WriteByte('\n')
		}
		if diagnostic.Detail != "" {
			detail := diagnostic.Detail
			if width > 0 {
				detail = wordwrap.WrapString(detail, uint(width))
			}
			fmt.Fprintf(&out, "%s\n\n", detail)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// render turns the HCL library's diagnostics into ours: in order, each once, with masked source lines. Its own writer prints neither
// columns nor leaves out the values of variables.
func render(problems hcl.Diagnostics, source []byte, root *hclsyntax.Body, sensitive map[string]bool) Diagnostics {
	slices.SortStableFunc(problems, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return 0
		}
		if a.Subject.Start.Byte != b.Subject.Start.Byte {
			return a.Subject.Start.Byte - b.Subject.Start.Byte
		}
		return strings.Compare(a.Summary+a.Detail, b.Summary+b.Detail)
	})
	masks := findMasks(source, sensitive)
	var diagnostics Diagnostics
	for _, problem := range problems {
		diagnostic := Diagnostic{Severity: Error, Summary: problem.Summary, Detail: withoutUserInfo(problem.Detail)}
		if problem.Severity == hcl.DiagWarning {
			diagnostic.Severity = Warning
		}
		if problem.Subject != nil {
			diagnostic.Range = rangeOf(*problem.Subject)
			diagnostic.Context = contextOf(root, *problem.Subject)
			diagnostic.Source = sourceLines(source, *problem.Subject, masks)
		}
		if !slices.ContainsFunc(diagnostics, func(other Diagnostic) bool {
			return other.Range == diagnostic.Range && other.Summary == diagnostic.Summary && other.Detail == diagnostic.Detail
		}) {
			diagnostics = append(diagnostics, diagnostic)
		}
	}
	return diagnostics
}

func rangeOf(place hcl.Range) Range {
	return Range{File: place.Filename, Line: place.Start.Line, Column: place.Start.Column}
}

// contextOf names the blocks that a place lies in, outermost first. Only the outermost one shows its labels: no other has any, unless
// somebody forgot the equals sign before a value.
func contextOf(root *hclsyntax.Body, place hcl.Range) string {
	block := outermost(root, place)
	if block == nil {
		return ""
	}
	name := block.Type
	for _, label := range block.Labels {
		name += fmt.Sprintf(" %q", label)
	}
	for block = outermost(block.Body, place); block != nil; block = outermost(block.Body, place) {
		name += ", " + block.Type
	}
	return name
}

// outermost finds the block of a body that a place lies in, nil where it lies in none.
func outermost(body *hclsyntax.Body, place hcl.Range) *hclsyntax.Block {
	if body == nil {
		return nil
	}
	for _, block := range body.Blocks {
		// A block that the file's end cut off has no closing brace.
		end := max(block.OpenBraceRange.End.Byte, block.CloseBraceRange.End.Byte, block.Body.EndRange.End.Byte)
		if place.Start.Byte >= block.TypeRange.Start.Byte && place.Start.Byte < end {
			return block
		}
	}
	return nil
}

// sourceLines gives the lines that a place covers.
func sourceLines(source []byte, place hcl.Range, masks []span) []SourceLine {
	start, end := min(place.Start.Byte, len(source)), min(place.End.Byte, len(source))
	if end <= start {
		end = start + 1
	}
	from := bytes.LastIndexByte(source[:start], '\n') + 1
	var lines []SourceLine
	for number := place.Start.Line; from <= len(source) && from < end && len(lines) < maxSourceLines; number++ {
		to := len(source)
		if newline := bytes.IndexByte(source[from:], '\n'); newline >= 0 {
			to = from + newline
		}
		line := maskLine(source, span{from, to}, span{max(start, from), min(end, to)}, masks)
		line.Number = number
		lines = append(lines, line)
		from = to + 1
	}
	return lines
}

var userInfo = regexp.MustCompile(`://[^/@\s"]+@`)

// withoutUserInfo takes user:password@ out of URLs.
func withoutUserInfo(text string) string { return userInfo.ReplaceAllString(text, "://(redacted)@") }

// printable replaces what would steer a terminal.
func printable(text []byte) string {
	text = bytes.TrimSuffix(text, []byte("\r"))
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, string(text))
}
