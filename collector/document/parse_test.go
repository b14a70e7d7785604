package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"space and order", " { \"b\" : [ 1 , 2 ] ,\n\t\"a\" : { } } ", `{"a":{},"b":[1,2]}`},
		{"byte order, not that of UTF-16", `{"\ud83d\ude00":1,"ﬀ":2,"b":3,"B":4,"":5}`, `{"":5,"B":4,"b":3,"ﬀ":2,"😀":1}`},
		{"numbers keep their text", `[9007199254740993,1.0,1,1E+5,-0,0.10]`, `[9007199254740993,1.0,1,1E+5,-0,0.10]`},
		{"escapes that need not be", `"\u003ca href=\u0022\/\u0022\u003e\u00e9\u2028"`, "\"<a href=\\\"/\\\">é\u2028\""},
		{"escapes that must be", `"\u0008\u000c\u000a\u000d\u0009\u001f\u0000\u007f\\"`, `"\b\f\n\r\t\u001f\u0000` + "\u007f" + `\\"`},
		{"surrogates", `["\ud83d\ude00","\ud83d","\ude00\ud83d","\ud83dx"]`, `["😀","` + "\ufffd\",\"\ufffd\ufffd\",\"\ufffdx\"]"},
		{"not UTF-8", "[\"a\xffb\",{\"\xc3\":1}]", "[\"a\ufffdb\",{\"\ufffd\":1}]"},
		{"the last of a key counts", `{"a":1,"b":2,"\u0061":3,"a":{"x":1}}`, `{"a":{"x":1},"b":2}`},
		{"scalars", `[true,false,null,"",[]]`, `[true,false,null,"",[]]`},
		{"long strings", `{"k":"` + strings.Repeat("x", 100) + `\n` + strings.Repeat("é", 50) + `"}`, `{"k":"` + strings.Repeat("x", 100) + `\n` + strings.Repeat("é", 50) + `"}`},
		{"many keys", `{"m":1,"l":1,"k":1,"j":1,"i":1,"h":1,"g":1,"f":1,"e":1,"d":1,"c":1,"b":1,"a":1,"z":1,"y":1,"x":1,"w":1,"v":1,"u":1,"t":1,"s":1,"r":1,"q":1,"p":1,"o":1,"n":1,"a":2}`,
			`{"a":2,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1,"s":1,"t":1,"u":1,"v":1,"w":1,"x":1,"y":1,"z":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Canonical([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, test := range []struct {
		in     string
		offset int
	}{
		{"", 0}, {"  ", 2}, {"{", 1}, {"[", 1}, {"[1", 2}, {"[1,]", 3}, {"[1 2]", 3}, {`{"a"}`, 4}, {`{"a":}`, 5}, {`{"a":1,}`, 7}, {`{a:1}`, 1}, {`{"a":1 "b":2}`, 7},
		{"tru", 0}, {"nul", 0}, {"True", 0}, {"01", 1}, {"-", 1}, {"1.", 2}, {".5", 0}, {"1e", 2}, {"+1", 0}, {"NaN", 0}, {"1 1", 2}, {"[]]", 2},
		{`"abc`, 4}, {`"abcdefghijkl`, 13}, {`"a\`, 2}, {`"a\x"`, 2}, {`"\u12g4"`, 1}, {`"\u12`, 1}, {"\"a\nb\"", 2}, {"\"abcdefgh\x00ijklmnop\"", 9}, {"\ufeff{}", 0},
		{strings.Repeat("[", 1001) + strings.Repeat("]", 1001), 1000},
	} {
		_, err := Canonical([]byte(test.in))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.20q: got error %v, want a SyntaxError", test.in, err)
		} else if syntax.Offset != test.offset {
			t.Errorf("%.20q: %v, want it at byte %d", test.in, err, test.offset)
		}
	}
	if _, err := Canonical([]byte(strings.Repeat("[", 1000) + strings.Repeat("]", 1000))); err != nil {
		t.Errorf("at the limit of nesting: %v", err)
	}
}

// meaning decodes with the standard library, numbers as their text.
func meaning(data []byte) (any, error) {
	if !json.Valid(data) { // a Decoder alone would leave what follows unread
		return nil, errors.New("not valid")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	err := decoder.Decode(&v)
	return v, err
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,-0e+1,"\u003c\ud83d\ude00\ud800"],"\u0061":null}`, "[\"\xff\xc3\xa9\"]", `{"b":{"a":{}},"a":[[],{}]}`, `[1,]`, "\"\u2028\x7f\"", `"12345678\"12345678\\"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want, wantErr := meaning(in)
		got, err := Canonical(in)
		if (err == nil) != (wantErr == nil) {
			if depth := bytes.Count(in, []byte("[")) + bytes.Count(in, []byte("{")); depth > maxDepth {
				t.Skip("nested too deep for us, but not for the standard library")
			}
			t.Fatalf("ours: %v; the standard library's: %v", err, wantErr)
		}
		if err != nil {
			return
		}
		again, err := meaning(got)
		if err != nil {
			t.Fatalf("what was written is not JSON: %v", err)
		}
		if !reflect.DeepEqual(want, again) {
			t.Fatalf("the meaning changed: %#v became %#v", want, again)
		}
		twice, err := Canonical(got)
		if err != nil || !bytes.Equal(got, twice) {
			t.Fatalf("not idempotent (%v):\n%s\n%s", err, got, twice)
		}
	})
}
