package render

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/k8sq/k8sq/sql"
	"golang.org/x/text/width"
)

const (
	sample   = 1000 // rows from which the widths are taken
	gap      = 2    // between columns
	narrow   = 12   // no column is cut below this, or its own width if that is less
	ellipsis = "…"
	bold     = "\x1b[1m"
	dim      = "\x1b[2m"
	plain    = "\x1b[0m"
)

// cell is a value's spelling on one line, and the columns it takes on a terminal.
type cell struct {
	text  string
	width int
	null  bool
}

// grid is a table being written.
type grid struct {
	out     *bufio.Writer
	options Options
	header  []cell
	widths  []int // of the columns that are shown
	right   []bool
	summary Summary
}

func writeTable(ctx context.Context, out *bufio.Writer, rows Rows, options Options) (Summary, error) {
	g := &grid{out: out, options: options}
	columns := rows.Columns()
	if len(columns) == 2 && columns[0].Name == "explain_key" && columns[1].Name == "explain_value" {
		return writePlan(ctx, out, rows)
	}
	for _, c := range columns {
		g.header = append(g.header, newCell(c.Name, options.Width))
		g.right = append(g.right, isNumber(c.Type))
	}
	var first [][]cell
	for len(first) < sample && rows.Next(ctx) {
		first = append(first, g.cells(rows.Values()))
	}
	g.measure(columns, first)
	g.line(g.header, bold)
	rules := make([]cell, len(g.widths))
	for i, w := range g.widths {
		rules[i] = cell{text: strings.Repeat("─", w), width: w}
	}
	g.line(rules, dim)
	for _, row := range first {
		g.line(row, "")
	}
	g.summary.Rows = len(first)
	for g.summary.Rows >= sample && rows.Next(ctx) {
		g.line(g.cells(rows.Values()), "")
		g.summary.Rows++
	}
	return g.summary, rows.Err()
}

// writePlan writes what EXPLAIN gives: drawings of several lines, which no table can hold.
func writePlan(ctx context.Context, out *bufio.Writer, rows Rows) (Summary, error) {
	var summary Summary
	for rows.Next(ctx) {
		fmt.Fprintln(out, strings.TrimRight(text(rows.Values()[1]), "\n"))
		summary.Rows++
	}
	return summary, rows.Err()
}

func isNumber(kind string) bool {
	name, _, _ := strings.Cut(kind, "(")
	switch name {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BIGNUM", "FLOAT", "DOUBLE", "DECIMAL":
		return !strings.HasSuffix(kind, "]")
	}
	return false
}

func (g *grid) cells(values []any) []cell {
	cells := make([]cell, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case nil:
			cells[i] = cell{"NULL", 4, true}
		case time.Time:
			cells[i] = newCell(v.Format("2006-01-02 15:04:05.999999999"), 0)
		case string:
			if v == "NULL" {
				v = "'NULL'"
			}
			cells[i] = newCell(v, g.options.Width)
		default:
			cells[i] = newCell(text(v), g.options.Width)
		}
	}
	return cells
}

// newCell spells text on one line. What a terminal would act upon, or not show, is escaped, because the objects' authors are not to
// be trusted with it. With a limit, what is far beyond it is not even looked at.
func newCell(text string, limit int) cell {
	var b strings.Builder
	c := cell{}
	for i, r := range text {
		if limit > 0 && c.width > limit {
			break
		}
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
			c.width += 4
		case unicode.IsPrint(r):
			b.WriteRune(r)
			c.width += runeWidth(r)
		default:
			escaped := escape(r)
			b.WriteString(escaped)
			c.width += len(escaped)
		}
	}
	c.text = b.String()
	return c
}

func escape(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\t':
		return `\t`
	case '\r':
		return `\r`
	}
	if r < 0x80 {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u{%x}`, r)
}

// runeWidth is the number of columns that a printable rune takes.
func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// measure decides the columns' widths, and on a terminal which columns there is room for.
func (g *grid) measure(columns []sql.Column, rows [][]cell) {
	g.widths = make([]int, len(g.header))
	for i, c := range g.header {
		g.widths[i] = c.width
		for _, row := range rows {
			g.widths[i] = max(g.widths[i], row[i].width)
		}
	}
	if g.options.Width <= 0 {
		return
	}
	room := func() int {
		left := g.options.Width + gap
		for _, w := range g.widths {
			left -= w + gap
		}
		return left
	}
	for room() < 0 { // take from the widest column until all fit or none can give
		widest := -1
		for i, w := range g.widths {
			// Half a time would be of no use.
			if !strings.HasPrefix(columns[i].Type, "TIMESTAMP") && (widest < 0 || w > g.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 || g.widths[widest] <= narrow {
			break
		}
		second := narrow
		for i, w := range g.widths {
			if i != widest && !strings.HasPrefix(columns[i].Type, "TIMESTAMP") {
				second = max(second, w)
			}
		}
		target := max(g.widths[widest]+room(), min(second, g.widths[widest]-1))
		g.widths[widest] = target
	}
	for room() < 0 && len(g.widths) > 1 {
		last := len(g.widths) - 1
		g.summary.Hidden = append([]string{columns[last].Name}, g.summary.Hidden...)
		g.widths = g.widths[:last]
	}
	if room() < 0 {
		g.widths[0] = g.options.Width
	}
}

// line writes a row. Errors stay in the writer, whose Flush gives them.
func (g *grid) line(cells []cell, style string) {
	for i, w := range g.widths {
		c := cells[i]
		if g.options.Width > 0 && c.width > w {
			c = c.cut(w)
			g.summary.Cut = true
		}
		pad := strings.Repeat(" ", max(0, w-c.width))
		if g.right[i] {
			g.out.WriteString(pad)
		}
		paint := style
		if c.null {
			paint = dim
		}
		if g.options.Color && paint != "" {
			g.out.WriteString(paint + c.text + plain)
		} else {
			g.out.WriteString(c.text)
		}
		if last := i == len(g.widths)-1; !last {
			if !g.right[i] {
				g.out.WriteString(pad)
			}
			g.out.WriteString(strings.Repeat(" ", gap))
		}
	}
	g.out.WriteByte('\n')
}

// cut shortens a cell to a width, with an ellipsis for what is missing.
func (c cell) cut(w int) cell {
	used := 0
	for i, r := range c.text {
		if used+runeWidth(r) > w-1 {
			return cell{text: c.text[:i] + ellipsis, width: used + 1, null: c.null}
		}
		used += runeWidth(r)
	}
	return c
}
