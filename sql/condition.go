package sql

import (
	"regexp"
	"strings"
)

// conditions splits the text of "File Filters", in which DuckDB writes one condition after the other with nothing in between, as in
//
//	(type = 'core.v1.Pod')prefix(cluster, 'eu-')(date >= '2026-01-01'::DATE)
//
// A condition ends where no parenthesis is open any more and another condition, not an operator, follows. ok is false where the text is not
// of that form.
func conditions(text string) (list []string, ok bool) {
	begin, depth := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"':
			end := skipQuoted(text, i)
			if end < 0 {
				return nil, false
			}
			i = end - 1
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
			if depth < 0 {
				return nil, false
			}
			if depth == 0 && i+1 < len(text) && (text[i+1] == '(' || text[i+1] == '"' || isLetter(text[i+1])) {
				list = append(list, text[begin:i+1])
				begin = i + 1
			}
		}
	}
	if depth != 0 || begin == len(text) {
		return nil, false
	}
	return append(list, text[begin:]), true
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

// skipQuoted gives the index after the string or the quoted name that begins at i, or -1 where it does not end. A doubled quote stands for
// one.
func skipQuoted(text string, i int) int {
	for j := i + 1; j < len(text); j++ {
		if text[j] != text[i] {
			continue
		}
		if j+1 < len(text) && text[j+1] == text[i] {
			j++
			continue
		}
		return j + 1
	}
	return -1
}

// capturedAt is a comparison in the text of a scan's "Filters".
var capturedAt = regexp.MustCompile(`^captured_at(>=|>|<=|<|=)('[0-9:. +-]+'::TIMESTAMP WITH TIME ZONE)$`)

// dateFilters turns a scan's conditions on captured_at into conditions on date, which is the UTC day of captured_at. The text has a line
// for each column, which joins its conditions with AND, without parentheses; where there is any OR in it, nothing is concluded.
func dateFilters(text string) []string {
	var parts []string
	begin := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'' || text[i] == '"':
			end := skipQuoted(text, i)
			if end < 0 {
				return nil
			}
			i = end - 1
		case strings.HasPrefix(text[i:], " OR "):
			return nil
		case text[i] == '\n':
			parts = append(parts, text[begin:i])
			begin = i + 1
		case strings.HasPrefix(text[i:], " AND "):
			parts = append(parts, text[begin:i])
			begin = i + len(" AND ")
		}
	}
	var filters []string
	for _, part := range append(parts, text[begin:]) {
		match := capturedAt.FindStringSubmatch(part)
		if match == nil {
			continue
		}
		operator := strings.TrimSuffix(match[1], "=") + "=" // an instant strictly after another can be of the same day
		if match[1] == "=" {
			operator = "="
		}
		filters = append(filters, "date "+operator+" CAST("+match[2]+" AT TIME ZONE 'UTC' AS DATE)")
	}
	return filters
}
