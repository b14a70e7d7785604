package render

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/k8sq/k8sq/sql"
)

func writeJSON(ctx context.Context, out *bufio.Writer, rows Rows, format Format) (Summary, error) {
	var summary Summary
	keys := uniqueNames(rows.Columns())
	for i, key := range keys {
		keys[i] = string(appendString(nil, key)) + ":"
	}
	var line []byte
	for rows.Next(ctx) {
		line = line[:0]
		switch {
		case format == NDJSON:
		case summary.Rows == 0:
			line = append(line, "[\n"...)
		default:
			line = append(line, ",\n"...)
		}
		line = append(line, '{')
		for i, value := range rows.Values() {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(line, keys[i]...)
			line = appendJSON(line, value)
		}
		line = append(line, '}')
		if format == NDJSON {
			line = append(line, '\n')
		}
		if _, err := out.Write(line); err != nil {
			return summary, err
		}
		summary.Rows++
	}
	if err := rows.Err(); err != nil || format == NDJSON {
		return summary, err
	}
	end := "\n]\n"
	if summary.Rows == 0 {
		end = "[]\n"
	}
	_, err := out.WriteString(end)
	return summary, err
}

// uniqueNames gives the columns' names, and to a name that was there before a number: name, name_1, name_2.
func uniqueNames(columns []sql.Column) []string {
	taken := map[string]bool{}
	for _, c := range columns {
		taken[c.Name] = true
	}
	seen := map[string]bool{}
	var names []string
	for _, c := range columns {
		name := c.Name
		for n := 1; seen[name] || name != c.Name && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", c.Name, n)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

// appendJSON appends a value as JSON on one line.
func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case *big.Int:
		return v.Append(b, 10)
	case sql.Decimal:
		return append(b, v...)
	case float32:
		return appendFloat(b, float64(v), 32)
	case float64:
		return appendFloat(b, v, 64)
	case sql.JSON:
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(v)) != nil {
			return appendString(b, string(v))
		}
		return append(b, compact.Bytes()...)
	case time.Time:
		return append(append(append(b, '"'), formatTime(v)...), '"')
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v), '"')
	case sql.List:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, element)
		}
		return append(b, ']')
	case sql.Struct:
		return appendStruct(b, v)
	case sql.Map:
		b = append(b, '{')
		for i, entry := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, text(entry.Key)), ':')
			b = appendJSON(b, entry.Value)
		}
		return append(b, '}')
	}
	return appendString(b, fmt.Sprint(value)) // string and sql.Text
}

// appendStruct appends an object, or, for the nameless fields of row(…), an array.
func appendStruct(b []byte, fields sql.Struct) []byte {
	if len(fields) > 0 && fields[0].Name == "" {
		list := make(sql.List, len(fields))
		for i, f := range fields {
			list[i] = f.Value
		}
		return appendJSON(b, list)
	}
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, f.Name), ':')
		b = appendJSON(b, f.Value)
	}
	return append(b, '}')
}

// appendFloat appends the shortest number that reads back as the same, and null for what JSON has no number for.
func appendFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if magnitude := math.Abs(f); magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, bits)
}

// appendString appends a JSON string, with < > and & as they are.
func appendString(b []byte, s string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always can
	return append(b, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}

func formatTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.999999999Z07:00") }
