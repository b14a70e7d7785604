package render

// Line spells text on one line as a table's cell does, with what a terminal would act upon escaped, and cuts it to a width; 0 cuts nothing.
func Line(text string, width int) string {
	c := newCell(text, width)
	if width > 0 && c.width > width {
		c = c.cut(width)
	}
	return c.text
}

// Width is the number of columns that text takes on a terminal.
func Width(text string) int { return newCell(text, 0).width }
