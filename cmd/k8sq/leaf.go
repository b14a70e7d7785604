package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
)

// leaf is one path of a difference. from and to are JSON, and empty where there was nothing.
type leaf struct {
	path, from, to string
	who            string // who changed it, and how sure that is; "" where nothing is known
}

// sign is "+" for what was added, "-" for what was removed and "~" for what has another value.
func (l leaf) sign() string {
	switch {
	case l.from == "":
		return "+"
	case l.to == "":
		return "-"
	}
	return "~"
}

// attribute notes at each leaf who changed it, from a change's attribution.
func attribute(leaves []leaf, attribution string) error {
	if attribution == "" {
		return nil
	}
	var paths map[string][]struct{ Manager, Confidence string }
	if err := json.Unmarshal([]byte(attribution), &paths); err != nil {
		return fmt.Errorf("read an attribution: %w", err)
	}
	for i := range leaves {
		var names []string
		for _, who := range paths[leaves[i].path] {
			name := who.Manager
			if who.Confidence != "certain" {
				name += " (" + who.Confidence + ")"
			}
			names = append(names, name)
		}
		leaves[i].who = strings.Join(names, ", ")
	}
	return nil
}

// The classes of paths, as in the view field_changes, in the order in which people care for them.
var pathClasses = []string{"spec", "data", "metadata", "status"}

func classOf(path string) string {
	first := path
	if end := strings.IndexAny(path, ".["); end >= 0 {
		first = path[:end]
	}
	switch first {
	case "spec", "metadata", "status":
		return first
	}
	return "data"
}

// leavesOf reads the diff of a change. They come sorted: spec first, status last.
func leavesOf(diff string) ([]leaf, error) {
	if diff == "" {
		return nil, nil
	}
	var parts struct {
		Added   map[string]json.RawMessage `json:"added"`
		Updated map[string]struct {
			From json.RawMessage `json:"from"`
			To   json.RawMessage `json:"to"`
		} `json:"updated"`
		Removed map[string]json.RawMessage `json:"removed"`
	}
	if err := json.Unmarshal([]byte(diff), &parts); err != nil {
		return nil, fmt.Errorf("read a diff: %w", err)
	}
	leaves := make([]leaf, 0, len(parts.Added)+len(parts.Updated)+len(parts.Removed))
	for path, value := range parts.Added {
		leaves = append(leaves, leaf{path: path, to: string(value)})
	}
	for path, values := range parts.Updated {
		leaves = append(leaves, leaf{path: path, from: string(values.From), to: string(values.To)})
	}
	for path, value := range parts.Removed {
		leaves = append(leaves, leaf{path: path, from: string(value)})
	}
	slices.SortFunc(leaves, func(a, b leaf) int {
		if order := slices.Index(pathClasses, classOf(a.path)) - slices.Index(pathClasses, classOf(b.path)); order != 0 {
			return order
		}
		return comparePaths(a.path, b.path)
	})
	return leaves, nil
}

// comparePaths orders paths as people do: containers[9] before containers[10].
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if isDigit(a[i]) && isDigit(b[i]) {
			if x, y := digits(a[i:]), digits(b[i:]); x != y {
				return x - y
			}
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(text string) (n int) {
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

// line is the leaf on a line of its own: "~ spec.replicas: 2 → 5". With a width it is cut to it.
func (l leaf) line(width int) string {
	text := l.sign() + " " + l.path + ": "
	switch l.sign() {
	case "+":
		text += l.to
	case "-":
		text += l.from
	default:
		text += l.from + " → " + l.to
	}
	who := ""
	if l.who != "" {
		who = "  by " + l.who
	}
	if width > 0 && length(text)+length(who) > width && length(who) < width/2 {
		return render.Line(text, width-length(who)) + render.Line(who, 0)
	}
	return render.Line(text+who, width)
}

// brief is the leaf in a cell of a table: its path, shortened from the left, and its values, shortened to what differs.
func (l leaf) brief(width int) string {
	from, to := spoken(l.from), spoken(l.to)
	var values string
	switch l.sign() {
	case "+":
		values = "= " + to
	case "-":
		values = "removed"
	default:
		values = from + " → " + to
	}
	full := l.path + " " + values
	if width <= 0 || length(full) <= width {
		return full
	}
	path := lastSteps(l.path, max(width-length(values)-1, width/2))
	room := width - length(path) - 1
	if l.sign() == "~" && length(values) > room {
		const few = 7
		each := (room - length(" → ")) / 2
		shortFrom, shortTo := differing(from, to, max(each, few))
		values = shortFrom + " → " + shortTo
		if each < few {
			_, shortTo = differing(from, to, max(room-2, 4))
			values = "→ " + shortTo
		}
	}
	return render.Line(path+" "+values, width)
}

// spoken writes a JSON value for people: a string without its quotes.
func spoken(value string) string {
	var text string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

func length(text string) int { return render.Width(text) }

// lastSteps keeps the last steps of a path that fit, and at least the last one.
func lastSteps(path string, width int) string {
	if length(path) <= width {
		return path
	}
	best := ""
	quoted := false
	for i := len(path) - 1; i > 0; i-- {
		switch path[i] {
		case '\'':
			quoted = !quoted
		case '.', '[':
			if quoted {
				continue
			}
			step := "…" + strings.TrimPrefix(path[i:], ".")
			if best != "" && length(step) > width {
				return best
			}
			// An index alone says nothing.
			if path[i] == '.' || path[i+1] == '\'' {
				best = step
			}
		}
	}
	if best == "" {
		return path
	}
	return best
}

// differing shortens two texts to width each, from the left where they begin alike.
func differing(from, to string, width int) (string, string) {
	a, b := []rune(from), []rune(to)
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	cut := func(text []rune) string {
		if len(text) <= width {
			return string(text)
		}
		start := min(max(same-width/3, 0), max(len(text)-width+1, 0))
		if start <= 1 {
			return string(text[:max(width-1, 1)]) + "…"
		}
		text = text[start:]
		if len(text)+1 <= width {
			return "…" + string(text)
		}
		return "…" + string(text[:max(width-2, 1)]) + "…"
	}
	return cut(a), cut(b)
}

// summaryOf is what an update did in one cell: its first leaf and how many more there are.
func summaryOf(leaves []leaf, width int) string {
	if len(leaves) == 0 {
		return ""
	}
	more := ""
	if len(leaves) > 1 {
		more = fmt.Sprintf(", +%s more", count(int64(len(leaves)-1)))
	}
	if width <= 0 {
		return leaves[0].brief(0) + more
	}
	return leaves[0].brief(max(width-len(more), 12)) + more
}
