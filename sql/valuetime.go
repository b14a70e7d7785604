package sql

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// instant makes a time of a count since the epoch. DuckDB's infinities are the ends of the range.
func instant(n int64, from func(int64) time.Time) any {
	switch n {
	case math.MaxInt64:
		return Text("infinity")
	case -math.MaxInt64:
		return Text("-infinity")
	}
	return from(n).UTC()
}

// date spells a DATE.
func date(days int32) Text {
	switch days {
	case math.MaxInt32:
		return "infinity"
	case -math.MaxInt32:
		return "-infinity"
	}
	t := time.Unix(int64(days)*86400, 0).UTC()
	if t.Year() <= 0 { // DuckDB, like PostgreSQL, has no year 0
		return Text(fmt.Sprintf("%04d-%s (BC)", 1-t.Year(), t.Format("01-02")))
	}
	return Text(t.Format("2006-01-02"))
}

// clock spells a time of day: nanoseconds since midnight, with as many digits after the second as are not zero, up to digits.
func clock(nanoseconds int64, digits int) string {
	seconds := nanoseconds / 1e9
	text := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if fraction := nanoseconds % 1e9; fraction != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", fraction)[:digits], "0")
	}
	return text
}

// zonedClock spells a TIME WITH TIME ZONE: 40 bits of microseconds, then 24 of the offset, as 15:59:59 less the offset in seconds.
func zonedClock(packed uint64) Text {
	offset := 16*3600 - 1 - int64(packed&(1<<24-1))
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	zone := fmt.Sprintf("%s%02d", sign, offset/3600)
	if offset%3600 != 0 {
		zone += fmt.Sprintf(":%02d", offset/60%60)
	}
	if offset%60 != 0 {
		zone += fmt.Sprintf(":%02d", offset%60)
	}
	return Text(clock(int64(packed>>24)*1000, 6) + zone)
}

// interval is an INTERVAL as DuckDB lays it out.
type interval struct {
	months, days int32
	micros       int64
}

// String spells the interval as DuckDB does: 1 year 2 months 3 days 04:05:06.
func (i interval) String() string {
	var parts []string
	add := func(n int32, unit string) {
		switch n {
		case 0:
		case 1, -1:
			parts = append(parts, fmt.Sprintf("%d %s", n, unit))
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	add(i.months/12, "year")
	add(i.months%12, "month")
	add(i.days, "day")
	if i.micros != 0 || len(parts) == 0 {
		micros, sign := uint64(i.micros), ""
		if i.micros < 0 {
			micros, sign = -micros, "-"
		}
		text := fmt.Sprintf("%s%02d:%02d:%02d", sign, micros/3600e6, micros/60e6%60, micros/1e6%60)
		if fraction := micros % 1e6; fraction != 0 {
			text += "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}
