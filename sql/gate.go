package sql

import (
	"context"
	"errors"
	"slices"
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
	if !unsafe {
		if err := admitWords(text); err != nil {
			return admitted{}, err
		}
	}
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
	return admitted{}, notAllowed(verb(s.kind, text))
}

func notAllowed(what string) error {
	return refuse("%s is not allowed: a query only reads (SELECT, FROM, VALUES, WITH, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN)", what)
}

// commands are the first words of statements that do more than read. The statement's type, which is looked at later, decides; this list is
// there because to bind a COPY or an EXPORT fails already, in a way that helps nobody.
var commands = strings.Fields("ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE DEALLOCATE DELETE DETACH DROP EXECUTE EXPORT FORCE IMPORT " +
	"INSERT INSTALL LOAD MERGE PRAGMA PREPARE RESET ROLLBACK SET START TRUNCATE UPDATE USE VACUUM")

// admitWords refuses a text that begins with one of commands, also behind EXPLAIN.
func admitWords(text string) error {
	rest, _, explains := cutExplain(text)
	if !explains {
		return admitWord(text, "")
	}
	if err := admitWord(rest, "EXPLAIN of "); err != nil {
		return err
	}
	if rest = skipBlank(rest); strings.HasPrefix(rest, "(") {
		_, rest = cutParentheses(rest)
		return admitWord(rest, "EXPLAIN of ")
	}
	return nil
}

func admitWord(text, prefix string) error {
	word, _ := cutWord(skipBlank(text))
	if word = strings.ToUpper(word); slices.Contains(commands, word) {
		return notAllowed(prefix + word)
	}
	return nil
}

// cutExplain cuts EXPLAIN off a statement, with the words that may follow it.
func cutExplain(text string) (rest string, analyzes, explains bool) {
	word, rest := cutWord(skipBlank(text))
	if !strings.EqualFold(word, "EXPLAIN") {
		return text, false, false
	}
	for {
		word, after := cutWord(skipBlank(rest))
		switch strings.ToUpper(word) {
		case "ANALYZE", "ANALYSE":
			analyzes = true
		case "VERBOSE":
		default:
			return rest, analyzes, true
		}
		rest = after
	}
}

// admitExplain finds the statement behind an EXPLAIN, which EXPLAIN ANALYZE runs, so that it must pass the gate itself.
func admitExplain(ctx context.Context, c *connection, a admitted, unsafe bool) (admitted, error) {
	rest, analyzes, explains := cutExplain(a.text)
	if !explains {
		return admitted{}, refuse("the statement is an EXPLAIN that does not begin with the word")
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
		return admitted{}, notAllowed("EXPLAIN of " + verb(s.kind, rest))
	}
	a.inner, a.planOnly, a.reads = rest, !analyzes, s.kind == duckdb.StatementTypeSelect
	return a, nil
}

// harmless are the table functions that a query may call, and the beginnings of their names where it ends with a *. The others change the
// database in a SELECT, as enable_logging does, which a locked configuration does not prevent and which can write files.
var harmless = []string{
	"DUCKDB_*", "PRAGMA_*", "PARQUET_*", "READ_*", "SNIFF_CSV", "GLOB", "JSON_EACH", "JSON_TREE", "GENERATE_SERIES", "RANGE", "UNNEST", "REPEAT",
	"REPEAT_ROW", "SUMMARY", "TEST_ALL_TYPES", "TEST_VECTOR_TYPES", "ICU_CALENDAR_NAMES", "PG_TIMEZONE_NAMES", "WHICH_SECRET", "SQL_AUTO_COMPLETE",
}

// admitFunctions refuses the table functions that are not harmless.
func admitFunctions(functions []string) error {
	for _, function := range functions {
		if !slices.ContainsFunc(harmless, func(name string) bool {
			prefix, open := strings.CutSuffix(name, "*")
			return function == name || open && strings.HasPrefix(function, prefix)
		}) {
			return refuse("%s() is not allowed: a query only reads", strings.ToLower(function))
		}
	}
	return nil
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
