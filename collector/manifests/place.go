package manifests

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// place names where an object is, for a message: file:line, and its number within a List.
func (x *index) place(entry entry) string {
	place := fmt.Sprintf("%s:%d", x.files[entry.file].path, x.lineOf(entry.file, entry.document, entry.start))
	if entry.item > 0 && entry.document >= 0 {
		place += fmt.Sprintf(" (item %d)", entry.item)
	}
	return place
}

// lineOf gives the line of an object: its own in a JSON file, in a YAML file that of its document.
func (x *index) lineOf(number, document int32, start int64) int {
	if document < 0 {
		return x.lineAt(number, start)
	}
	at := x.files[number].documents[document]
	return x.lineAt(number, at.offset)
}

// lineAt gives the line of a byte of a file, counted from 1. Only messages need it, so it is counted when one is made.
func (x *index) lineAt(number int32, offset int64) int {
	opened, err := os.Open(x.files[number].path)
	if err != nil {
		return 1
	}
	defer opened.Close()
	line := 1
	input := bufio.NewReaderSize(io.LimitReader(opened, offset), 64<<10)
	for {
		text, err := input.ReadSlice('\n')
		if len(text) > 0 && text[len(text)-1] == '\n' {
			line++
		}
		if err != nil && err != bufio.ErrBufferFull {
			return line
		}
	}
}
