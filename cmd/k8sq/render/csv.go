package render

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/k8sq/k8sq/sql"
)

// writeCSV writes RFC 4180 with a header, lines that end in \n, and nothing at all for NULL.
func writeCSV(ctx context.Context, out *bufio.Writer, rows Rows) (Summary, error) {
	var summary Summary
	w := csv.NewWriter(out)
	var record []string
	for _, c := range rows.Columns() {
		record = append(record, c.Name)
	}
	if err := w.Write(record); err != nil {
		return summary, err
	}
	for rows.Next(ctx) {
		for i, value := range rows.Values() {
			record[i] = ""
			if value != nil {
				record[i] = text(value)
			}
		}
		if err := w.Write(record); err != nil {
			return summary, err
		}
		summary.Rows++
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return summary, err
	}
	return summary, rows.Err()
}

// text spells a value on its own: strings as they are, nested values as JSON.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case *big.Int:
		return v.String()
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return formatTime(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case sql.List, sql.Struct, sql.Map:
		return string(appendJSON(nil, v))
	}
	return fmt.Sprint(value)
}
