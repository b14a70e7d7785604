package sql

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Column is a column of a result: its name and DuckDB's name for its type ("BIGINT", "VARCHAR[]", "JSON").
type Column struct{ Name, Type string }

// A value is one of: nil (NULL), bool, int64, uint64, *big.Int, float32, float64, string (also ENUM and BIT), []byte (BLOB), time.Time in
// UTC (the TIMESTAMP types), List, Struct, Map, and the texts below, which are kept apart from strings because they are written
// differently.
type (
	// JSON is a JSON text, exactly as stored.
	JSON string
	// Decimal is an exact decimal number, like "12.50".
	Decimal string
	// Text is the usual spelling of a value of another type: DATE, TIME, INTERVAL, UUID, an infinite TIMESTAMP.
	Text string
	// List is the elements of a LIST or an ARRAY.
	List []any
	// Struct is the fields of a STRUCT in order.
	Struct []Field
	// Map is the entries of a MAP in order.
	Map []Entry
)

// Field is a field of a Struct.
type Field struct {
	Name  string
	Value any
}

// Entry is an entry of a Map.
type Entry struct{ Key, Value any }

// typeName is DuckDB's name of a type.
func typeName(t duckdb.LogicalType) string {
	if alias := duckdb.LogicalTypeGetAlias(t); alias != "" {
		return alias
	}
	id := duckdb.GetTypeId(t)
	switch id {
	case duckdb.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", duckdb.DecimalWidth(t), duckdb.DecimalScale(t))
	case duckdb.TypeList:
		return childName(duckdb.ListTypeChildType(t)) + "[]"
	case duckdb.TypeArray:
		return fmt.Sprintf("%s[%d]", childName(duckdb.ArrayTypeChildType(t)), uint64(duckdb.ArrayTypeArraySize(t)))
	case duckdb.TypeMap:
		return "MAP(" + childName(duckdb.MapTypeKeyType(t)) + ", " + childName(duckdb.MapTypeValueType(t)) + ")"
	case duckdb.TypeStruct:
		var fields []string
		for i := range duckdb.StructTypeChildCount(t) {
			fields = append(fields, identifier(duckdb.StructTypeChildName(t, i))+" "+childName(duckdb.StructTypeChildType(t, i)))
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")"
	case duckdb.TypeUnion:
		var members []string
		for i := range duckdb.UnionTypeMemberCount(t) {
			members = append(members, identifier(duckdb.UnionTypeMemberName(t, i))+" "+childName(duckdb.UnionTypeMemberType(t, i)))
		}
		return "UNION(" + strings.Join(members, ", ") + ")"
	}
	if name, known := typeNames[id]; known {
		return name
	}
	return "UNKNOWN"
}

func childName(t duckdb.LogicalType) string {
	defer duckdb.DestroyLogicalType(&t)
	return typeName(t)
}

var typeNames = map[duckdb.Type]string{
	duckdb.TypeBoolean: "BOOLEAN", duckdb.TypeTinyInt: "TINYINT", duckdb.TypeSmallInt: "SMALLINT", duckdb.TypeInteger: "INTEGER",
	duckdb.TypeBigInt: "BIGINT", duckdb.TypeUTinyInt: "UTINYINT", duckdb.TypeUSmallInt: "USMALLINT", duckdb.TypeUInteger: "UINTEGER",
	duckdb.TypeUBigInt: "UBIGINT", duckdb.TypeFloat: "FLOAT", duckdb.TypeDouble: "DOUBLE", duckdb.TypeTimestamp: "TIMESTAMP",
	duckdb.TypeDate: "DATE", duckdb.TypeTime: "TIME", duckdb.TypeInterval: "INTERVAL", duckdb.TypeHugeInt: "HUGEINT",
	duckdb.TypeUHugeInt: "UHUGEINT", duckdb.TypeVarchar: "VARCHAR", duckdb.TypeBlob: "BLOB", duckdb.TypeTimestampS: "TIMESTAMP_S",
	duckdb.TypeTimestampMS: "TIMESTAMP_MS", duckdb.TypeTimestampNS: "TIMESTAMP_NS", duckdb.TypeEnum: "ENUM", duckdb.TypeUUID: "UUID",
	duckdb.TypeBit: "BIT", duckdb.TypeTimeTZ: "TIME WITH TIME ZONE", duckdb.TypeTimestampTZ: "TIMESTAMP WITH TIME ZONE",
	duckdb.TypeBigNum: "BIGNUM", duckdb.TypeSQLNull: "NULL", duckdb.TypeTimeNS: "TIME_NS", duckdb.TypeGeometry: "GEOMETRY", duckdb.TypeVariant: "VARIANT",
}

// reader gives the value in a row of a vector.
type reader func(row int) any

// newReader makes the reader of a vector, which must outlive it.
func newReader(v duckdb.Vector) (reader, error) {
	logical := duckdb.VectorGetColumnType(v)
	defer duckdb.DestroyLogicalType(&logical)
	read, err := newValueReader(v, logical)
	if err != nil {
		return nil, err
	}
	validity := duckdb.VectorGetValidity(v)
	if validity == nil {
		return read, nil
	}
	return func(row int) any {
		word := *(*uint64)(unsafe.Add(validity, row/64*8))
		if word&(1<<(row%64)) == 0 {
			return nil
		}
		return read(row)
	}, nil
}

// at reads a fixed-size element of a vector's data.
func at[T any](data unsafe.Pointer, row int) T {
	var zero T
	return *(*T)(unsafe.Add(data, uintptr(row)*unsafe.Sizeof(zero)))
}

// fixed makes the reader of a vector of T.
func fixed[T any](data unsafe.Pointer, convert func(T) any) (reader, error) {
	return func(row int) any { return convert(at[T](data, row)) }, nil
}

func newValueReader(v duckdb.Vector, logical duckdb.LogicalType) (reader, error) {
	data := duckdb.VectorGetData(v)
	switch id := duckdb.GetTypeId(logical); id {
	case duckdb.TypeSQLNull:
		return func(int) any { return nil }, nil
	case duckdb.TypeBoolean:
		return fixed(data, func(b bool) any { return b })
	case duckdb.TypeTinyInt:
		return fixed(data, func(n int8) any { return int64(n) })
	case duckdb.TypeSmallInt:
		return fixed(data, func(n int16) any { return int64(n) })
	case duckdb.TypeInteger:
		return fixed(data, func(n int32) any { return int64(n) })
	case duckdb.TypeBigInt:
		return fixed(data, func(n int64) any { return n })
	case duckdb.TypeUTinyInt:
		return fixed(data, func(n uint8) any { return uint64(n) })
	case duckdb.TypeUSmallInt:
		return fixed(data, func(n uint16) any { return uint64(n) })
	case duckdb.TypeUInteger:
		return fixed(data, func(n uint32) any { return uint64(n) })
	case duckdb.TypeUBigInt:
		return fixed(data, func(n uint64) any { return n })
	case duckdb.TypeHugeInt:
		return fixed(data, func(n wide) any { return n.signed() })
	case duckdb.TypeUHugeInt:
		return fixed(data, func(n wide) any { return n.unsigned() })
	case duckdb.TypeFloat:
		return fixed(data, func(n float32) any { return n })
	case duckdb.TypeDouble:
		return fixed(data, func(n float64) any { return n })
	case duckdb.TypeDecimal:
		return newDecimalReader(data, logical)
	case duckdb.TypeVarchar:
		if duckdb.LogicalTypeGetAlias(logical) == "JSON" {
			return func(row int) any { return JSON(textAt(data, row)) }, nil
		}
		return func(row int) any { return textAt(data, row) }, nil
	case duckdb.TypeBlob, duckdb.TypeGeometry:
		return func(row int) any { return []byte(textAt(data, row)) }, nil
	case duckdb.TypeBit:
		return func(row int) any { return bits(textAt(data, row)) }, nil
	case duckdb.TypeBigNum:
		return func(row int) any { return bigNumber(textAt(data, row)) }, nil
	case duckdb.TypeEnum:
		return newEnumReader(data, logical)
	case duckdb.TypeUUID:
		return fixed(data, func(n wide) any { return n.uuid() })
	case duckdb.TypeTimestamp, duckdb.TypeTimestampTZ:
		return fixed(data, func(n int64) any { return instant(n, time.UnixMicro) })
	case duckdb.TypeTimestampS:
		return fixed(data, func(n int64) any { return instant(n, func(n int64) time.Time { return time.Unix(n, 0) }) })
	case duckdb.TypeTimestampMS:
		return fixed(data, func(n int64) any { return instant(n, time.UnixMilli) })
	case duckdb.TypeTimestampNS:
		return fixed(data, func(n int64) any { return instant(n, func(n int64) time.Time { return time.Unix(0, n) }) })
	case duckdb.TypeDate:
		return fixed(data, func(days int32) any { return date(days) })
	case duckdb.TypeTime:
		return fixed(data, func(n int64) any { return Text(clock(n*1000, 6)) })
	case duckdb.TypeTimeNS:
		return fixed(data, func(n int64) any { return Text(clock(n, 9)) })
	case duckdb.TypeTimeTZ:
		return fixed(data, func(n uint64) any { return zonedClock(n) })
	case duckdb.TypeInterval:
		return fixed(data, func(i interval) any { return Text(i.String()) })
	case duckdb.TypeList, duckdb.TypeMap:
		return newListReader(v, data, id == duckdb.TypeMap)
	case duckdb.TypeArray:
		elements, err := newReader(duckdb.ArrayVectorGetChild(v))
		size := int(duckdb.ArrayTypeArraySize(logical))
		return func(row int) any { return list(elements, row*size, size) }, err
	case duckdb.TypeStruct:
		return newStructReader(v, logical)
	case duckdb.TypeUnion:
		return newUnionReader(v, logical)
	}
	return nil, &fault{class: "Not implemented Error", message: "Not implemented Error: a result of type " + typeName(logical) + " cannot be shown: cast it to VARCHAR"}
}

// textAt reads a string of a vector. DuckDB keeps strings of up to 12 bytes in place, and the address of longer ones.
func textAt(data unsafe.Pointer, row int) string {
	element := unsafe.Add(data, row*16)
	length := int(*(*uint32)(element))
	if length <= 12 {
		return strings.Clone(unsafe.String((*byte)(unsafe.Add(element, 4)), length))
	}
	return strings.Clone(unsafe.String(*(**byte)(unsafe.Add(element, 8)), length))
}

func newDecimalReader(data unsafe.Pointer, logical duckdb.LogicalType) (reader, error) {
	scale := int(duckdb.DecimalScale(logical))
	switch duckdb.DecimalInternalType(logical) {
	case duckdb.TypeSmallInt:
		return fixed(data, func(n int16) any { return decimal(strconv.FormatInt(int64(n), 10), scale) })
	case duckdb.TypeInteger:
		return fixed(data, func(n int32) any { return decimal(strconv.FormatInt(int64(n), 10), scale) })
	case duckdb.TypeBigInt:
		return fixed(data, func(n int64) any { return decimal(strconv.FormatInt(n, 10), scale) })
	}
	return fixed(data, func(n wide) any { return decimal(n.signed().String(), scale) })
}

// decimal puts the point before the last scale digits.
func decimal(digits string, scale int) Decimal {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if scale == 0 {
		return Decimal(sign + digits)
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return Decimal(sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:])
}

func newEnumReader(data unsafe.Pointer, logical duckdb.LogicalType) (reader, error) {
	names := make([]string, duckdb.EnumDictionarySize(logical))
	for i := range names {
		names[i] = duckdb.EnumDictionaryValue(logical, duckdb.IdxT(i))
	}
	switch duckdb.EnumInternalType(logical) {
	case duckdb.TypeUTinyInt:
		return fixed(data, func(n uint8) any { return names[n] })
	case duckdb.TypeUSmallInt:
		return fixed(data, func(n uint16) any { return names[n] })
	}
	return fixed(data, func(n uint32) any { return names[n] })
}

func list(elements reader, offset, length int) List {
	values := make(List, length)
	for i := range values {
		values[i] = elements(offset + i)
	}
	return values
}

// newListReader reads a LIST or a MAP, which is a list of key and value pairs.
func newListReader(v duckdb.Vector, data unsafe.Pointer, isMap bool) (reader, error) {
	type span struct{ offset, length uint64 }
	child := duckdb.ListVectorGetChild(v)
	if !isMap {
		elements, err := newReader(child)
		return func(row int) any {
			s := at[span](data, row)
			return list(elements, int(s.offset), int(s.length))
		}, err
	}
	keys, err := newReader(duckdb.StructVectorGetChild(child, 0))
	if err != nil {
		return nil, err
	}
	values, err := newReader(duckdb.StructVectorGetChild(child, 1))
	return func(row int) any {
		s := at[span](data, row)
		entries := make(Map, s.length)
		for i := range entries {
			entries[i] = Entry{keys(int(s.offset) + i), values(int(s.offset) + i)}
		}
		return entries
	}, err
}

func newStructReader(v duckdb.Vector, logical duckdb.LogicalType) (reader, error) {
	var names []string
	var readers []reader
	for i := range duckdb.StructTypeChildCount(logical) {
		read, err := newReader(duckdb.StructVectorGetChild(v, i))
		if err != nil {
			return nil, err
		}
		names, readers = append(names, duckdb.StructTypeChildName(logical, i)), append(readers, read)
	}
	return func(row int) any {
		fields := make(Struct, len(names))
		for i, name := range names {
			fields[i] = Field{name, readers[i](row)}
		}
		return fields
	}, nil
}

// newUnionReader reads the member that is set. A union is a struct whose first child is the member's number.
func newUnionReader(v duckdb.Vector, logical duckdb.LogicalType) (reader, error) {
	tags := duckdb.VectorGetData(duckdb.StructVectorGetChild(v, 0))
	var members []reader
	for i := range duckdb.UnionTypeMemberCount(logical) {
		read, err := newReader(duckdb.StructVectorGetChild(v, i+1))
		if err != nil {
			return nil, err
		}
		members = append(members, read)
	}
	return func(row int) any { return members[at[uint8](tags, row)](row) }, nil
}

// wide is a 128-bit integer as DuckDB lays it out.
type wide struct {
	lower uint64
	upper uint64
}

func (w wide) unsigned() *big.Int {
	n := new(big.Int).SetUint64(w.upper)
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(w.lower))
}

func (w wide) signed() *big.Int {
	n := big.NewInt(int64(w.upper))
	n.Lsh(n, 64)
	return n.Add(n, new(big.Int).SetUint64(w.lower))
}

// uuid spells a UUID, whose first bit DuckDB keeps inverted so that signed order is byte order.
func (w wide) uuid() Text {
	digits := fmt.Sprintf("%016x%016x", w.upper^1<<63, w.lower)
	return Text(digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:])
}

// bits spells a BIT: a byte that counts the padding bits, then the bits.
func bits(raw string) string {
	if raw == "" {
		return ""
	}
	var b strings.Builder
	for i := 1; i < len(raw); i++ {
		fmt.Fprintf(&b, "%08b", raw[i])
	}
	return b.String()[min(int(raw[0]), b.Len()):]
}

// bigNumber reads a BIGNUM: three bytes of header, whose first bit is set for positive numbers, then the magnitude, big-endian, all
// inverted for negative ones.
func bigNumber(raw string) *big.Int {
	if len(raw) < 4 {
		return new(big.Int)
	}
	magnitude := []byte(raw[3:])
	if raw[0]&0x80 != 0 {
		return new(big.Int).SetBytes(magnitude)
	}
	for i := range magnitude {
		magnitude[i] = ^magnitude[i]
	}
	n := new(big.Int).SetBytes(magnitude)
	return n.Neg(n)
}
