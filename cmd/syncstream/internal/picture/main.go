// Command picture makes an SVG of a terminal's screen: it reads what `tmux
// capture-pane -e -p` prints, text with its colours, and writes the picture.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	charWidth = 8.4 // of 14 px monospace
	rowHeight = 19
	margin    = 14
)

// palette has the 16 colours of a terminal, in the order of their SGR codes.
var palette = []string{
	"#1d1f21", "#cc6666", "#b5bd68", "#f0c674", "#81a2be", "#b294bb", "#8abeb7", "#c5c8c6",
	"#666666", "#d54e53", "#b9ca4a", "#e7c547", "#7aa6da", "#c397d8", "#70c0b1", "#eaeaea",
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// draw reads a screen and writes its picture.
func draw(r io.Reader, w io.Writer) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	rows := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	columns := 0
	for _, row := range rows {
		columns = max(columns, utf8.RuneCountInString(sgr.ReplaceAllString(row, "")))
	}
	out := bufio.NewWriter(w)
	width, height := int(float64(columns)*charWidth)+2*margin, len(rows)*rowHeight+2*margin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">`+"\n", width, height)
	fmt.Fprintf(out, `<rect width="100%%" height="100%%" rx="6" fill="%s"/>`+"\n", palette[0])
	var s style
	for i, row := range rows {
		fmt.Fprintf(out, `<text xml:space="preserve" x="%d" y="%d" fill="%s">`, margin, margin+(i+1)*rowHeight-5, palette[7])
		s.row(out, row)
		fmt.Fprintln(out, "</text>")
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

// style is how text is shown: a colour of the palette, if it is not the usual
// one, and bold.
type style struct {
	color int // 0: the usual one; else 1 and the index
	bold  bool
}

// row writes one row's text, each stretch in its style.
func (s *style) row(w io.Writer, row string) {
	for row != "" {
		at := sgr.FindStringSubmatchIndex(row)
		if at == nil {
			s.text(w, row)
			return
		}
		s.text(w, row[:at[0]])
		s.apply(row[at[2]:at[3]])
		row = row[at[1]:]
	}
}

func (s *style) text(w io.Writer, text string) {
	if text == "" {
		return
	}
	var attributes strings.Builder
	if s.color > 0 {
		fmt.Fprintf(&attributes, ` fill="%s"`, palette[s.color-1])
	}
	if s.bold {
		attributes.WriteString(` font-weight="bold"`)
	}
	fmt.Fprintf(w, "<tspan%s>%s</tspan>", attributes.String(), html.EscapeString(text))
}

// apply changes the style by the parameters of an SGR sequence.
func (s *style) apply(parameters string) {
	for p := range strings.SplitSeq(parameters, ";") {
		n, _ := strconv.Atoi(p) // an empty one is 0
		switch {
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n >= 30 && n <= 37:
			s.color = n - 30 + 1
		case n == 39:
			s.color = 0
		case n >= 90 && n <= 97:
			s.color = n - 90 + 8 + 1
		}
	}
}
