// Package queries holds ready-made questions, one a file, that `k8sq query NAME` answers.
package queries

import (
	"embed"
	"path"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Query is a ready-made question.
type Query struct {
	Name        string // its file's, without .sql
	Description string // what it answers, in a sentence or two
	SQL         string // the whole file
}

// All gives the queries by name.
func All() []Query {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // they were embedded when the program was built
	}
	var all []Query
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		all = append(all, parse(strings.TrimSuffix(path.Base(entry.Name()), ".sql"), string(text)))
	}
	return all
}

// Get finds a query by its name.
func Get(name string) (Query, bool) {
	for _, q := range All() {
		if q.Name == name {
			return q, true
		}
	}
	return Query{}, false
}

// parse reads the header: lines like "-- description: …", which may go on in lines that begin with "--   ".
func parse(name, text string) Query {
	q := Query{Name: name, SQL: text}
	key := ""
	for line := range strings.Lines(text) {
		comment, isComment := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !isComment {
			break
		}
		value := strings.TrimSpace(comment)
		if !strings.HasPrefix(comment, "   ") {
			key, value, _ = strings.Cut(value, ":")
			value = strings.TrimSpace(value)
		}
		switch key {
		case "name":
			q.Name = value
		case "description":
			q.Description = strings.TrimSpace(q.Description + " " + value)
		}
	}
	return q
}
