package sql

import (
	"slices"
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string // nil: not of the form
	}{
		{"(a = 'x')", []string{"(a = 'x')"}},
		{"(a = 'x')(b = 'y')", []string{"(a = 'x')", "(b = 'y')"}},
		{"prefix(a, 'x')contains(b, 'y')(c > 'z')", []string{"prefix(a, 'x')", "contains(b, 'y')", "(c > 'z')"}},
		{"(a = ')(')(b = '''(')", []string{"(a = ')(')", "(b = '''(')"}},
		{`("a)(" = 'x')"f"(b)`, []string{`("a)(" = 'x')`, `"f"(b)`}},
		{"(a) OR (b)(c)", []string{"(a) OR (b)", "(c)"}},
		{"CASE  WHEN ((a = 'x')) THEN (true) ELSE (b = 'y') END", []string{"CASE  WHEN ((a = 'x')) THEN (true) ELSE (b = 'y') END"}},
		{"(a IN ('x', 'y'))(NOT (b))", []string{"(a IN ('x', 'y'))", "(NOT (b))"}},
		{"", nil},
		{"(a", nil},
		{"a)", nil},
		{"(a = 'x)", nil},
	} {
		got, ok := conditions(test.text)
		if ok != (test.want != nil) || ok && !slices.Equal(got, test.want) {
			t.Errorf("%s gives %q, %v", test.text, got, ok)
		}
	}
}

func FuzzConditions(f *testing.F) {
	f.Add("(a = 'x')prefix(b, 'y')")
	f.Add("(a = '''(')((\"b\")")
	f.Fuzz(func(t *testing.T, text string) {
		if list, ok := conditions(text); ok && strings.Join(list, "") != text {
			t.Errorf("%q was split into %q", text, list)
		}
		dateFilters(text)
		skipBlank(text)
		cutParentheses(text)
	})
}

func TestDateFilters(t *testing.T) {
	const zone = "::TIMESTAMP WITH TIME ZONE"
	const one = "'2026-01-01 10:00:00+00'" + zone
	day := func(operator string) string {
		return "date " + operator + " CAST(" + one + " AT TIME ZONE 'UTC' AS DATE)"
	}
	for _, test := range []struct {
		text string
		want []string
	}{
		{"captured_at>=" + one, []string{day(">=")}},
		{"captured_at>" + one, []string{day(">=")}},
		{"captured_at<" + one, []string{day("<=")}},
		{"captured_at=" + one, []string{day("=")}},
		{"name='x'\ncaptured_at>" + one + " AND captured_at<" + one, []string{day(">="), day("<=")}},
		{"captured_at>" + one + " OR captured_at<" + one, nil},
		{"captured_at>" + one + "\nname='x' OR name='y'", nil},
		{"captured_at!=" + one, nil},
		{"optional: captured_at>" + one, nil},
		{"modified_at>" + one, nil},
		{"name='a AND captured_at>" + strings.ReplaceAll(one, "'", "''") + "'", nil},
		{"name='a\ncaptured_at>" + strings.ReplaceAll(one, "'", "''") + "'", nil},
		{"captured_at>'infinity'" + zone, nil},
		{"captured_at>'2026-01-01 10:00:00'::TIMESTAMP", nil},
		{"", nil},
	} {
		if got := dateFilters(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q gives %q", test.text, got)
		}
	}
}
