package sql

import (
	"context"
	"errors"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// admitted is a statement that may run.
type admitted struct {
	text string
	// inner is what is planned: text, or what stands behind its EXPLAIN.
	inner    string
	planOnly bool // a plain EXPLAIN, which reads nothing
	reads    bool // a query, and not a command that Options.Unsafe let through
}

// admit parses and binds the user's statement and lets through what only reads. Options.Unsafe lets everything through.
func admit(ctx context.Context, c *connection, text string, unsafe bool) (admitted, error) {
	text = strings.TrimRight(text, "; \t\r\n")
	s, err := c.prepare(ctx, text)
	if err != nil {
		return admitted{}, err
	}
	s.close()
	a := admitted{text: text, inner: text}
	switch s.kind {
	case duckdb.StatementTypeSelect: // also SHOW, DESCRIBE, SUMMARIZE, VALUES, FROM and TABLE
		a.reads = true
		return a, nil
	case duckdb.StatementTypeExplain:
		return admitExplain(ctx, c, a, unsafe)
	}
	if unsafe {
		return a, nil
	}
	return admitted{}, refuse("%s is not allowed: a query only reads (SELECT, FROM, VALUES, WITH, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN)", verb(s.kind, text))
}

// admitExplain finds the statement behind an EXPLAIN, which EXPLAIN ANALYZE runs, so that it must pass the gate itself.
func admitExplain(ctx context.Context, c *connection, a admitted, unsafe bool) (admitted, error) {
	rest := skipBlank(a.text)
	word, rest := cutWord(rest)
	if !strings.EqualFold(word, "EXPLAIN") {
		return admitted{}, refuse("the statement is an EXPLAIN that does not begin with the word")
	}
	analyzes := false
	for {
		word, after := cutWord(skipBlank(rest))
		if !strings.EqualFold(word, "ANALYZE") && !strings.EqualFold(word, "ANALYSE") && !strings.EqualFold(word, "VERBOSE") {
			break
		}
		analyzes = analyzes || !strings.EqualFold(word, "VERBOSE")
		rest = after
	}
	s, err := c.prepare(ctx, rest)
	if err != nil && strings.HasPrefix(skipBlank(rest), "(") {
		// What is in parentheses are options, like (FORMAT json) or (ANALYZE), and not a query.
		options, after := cutParentheses(skipBlank(rest))
		analyzes = analyzes || strings.Contains(strings.ToUpper(options), "ANALY")
		rest = after
		s, err = c.prepare(ctx, rest)
	}
	if errors.Is(err, errStatements) || ctx.Err() != nil {
		return admitted{}, err
	}
	if err != nil {
		return admitted{}, refuse("only a query can be explained")
	}
	s.close()
	if s.kind != duckdb.StatementTypeSelect && !unsafe {
		return admitted{}, refuse("EXPLAIN of %s is not allowed: only a query can be explained", verb(s.kind, rest))
	}
	a.inner, a.planOnly, a.reads = rest, !analyzes, s.kind == duckdb.StatementTypeSelect
	return a, nil
}

// verb names the statement for a message: its first word, which is what the user typed.
func verb(kind duckdb.StatementType, text string) string {
	if word, _ := cutWord(skipBlank(text)); word != "" && !strings.EqualFold(word, "WITH") {
		return strings.ToUpper(word)
	}
	switch kind {
	case duckdb.StatementTypeInsert:
		return "INSERT"
	case duckdb.StatementTypeUpdate:
		return "UPDATE"
	case duckdb.StatementTypeDelete:
		return "DELETE"
	}
	return "this statement"
}

// skipBlank drops white space and comments from the beginning of a text. DuckDB nests /* */ comments.
func skipBlank(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(text, "--"):
			_, after, found := strings.Cut(text, "\n")
			if !found {
				return ""
			}
			text = after
		case strings.HasPrefix(text, "/*"):
			depth, i := 1, 2
			for ; i < len(text) && depth > 0; i++ {
				switch {
				case strings.HasPrefix(text[i:], "/*"):
					depth++
					i++
				case strings.HasPrefix(text[i:], "*/"):
					depth--
					i++
				}
			}
			text = text[min(i, len(text)):]
		default:
			return text
		}
	}
}

// cutWord cuts the letters at the beginning of a text off.
func cutWord(text string) (word, rest string) {
	i := 0
	for i < len(text) && isLetter(text[i]) {
		i++
	}
	return text[:i], text[i:]
}

// cutParentheses cuts the parenthesis at the beginning of a text off, with what is in it.
func cutParentheses(text string) (inside, rest string) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '"':
			end := skipQuoted(text, i)
			if end < 0 {
				return text, ""
			}
			i = end - 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return text[:i+1], text[i+1:]
			}
		}
	}
	return text, ""
}
