package main

import (
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	var out strings.Builder
	if err := draw(strings.NewReader("\x1b[36mweb | \x1b[39mup <1>\n\x1b[1;92mok\x1b[0m gone\n\n"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`width="128" height="66"`,
		`<tspan fill="#8abeb7">web | </tspan><tspan>up &lt;1&gt;</tspan></text>`,
		`<tspan fill="#b9ca4a" font-weight="bold">ok</tspan><tspan> gone</tspan></text>`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s in\n%s", want, &out)
		}
	}
}
