package cli

import (
	"strings"
	"testing"
)

func TestParseProcfile(t *testing.T) {
	for _, c := range []struct{ text, want, why string }{
		{"web: npm start\ndb: ./db --port 1", "web=npm start, db=./db --port 1", "a command for each line"},
		{"web:npm start  \r\n", "web=npm start", "spaces around the command and a CR are not part of it"},
		{"# web\n\n   \n  # db\na_B-1: x: y # z", "a_B-1=x: y # z", "comments begin a line; what follows the first colon is the shell's"},
		{"", "Procfile:1:1: there is no command in it: want lines such as web: npm start", "an empty file"},
		{"# none\n\n", "Procfile:2:1: there is no command in it: want lines such as web: npm start", "comments only"},
		{"web: x\nnpm start\n", `Procfile:2:4: want a colon behind the name, not " "`, "a command without a name"},
		{"web", `Procfile:1:4: the line ends behind "web"; want a colon and a command there`, "a name alone"},
		{" web: x", `Procfile:1:1: want a name of letters, digits, _ and -, and a colon, as in web: npm start, not " "`, "a name begins its line"},
		{"größe: x", `Procfile:1:3: want a colon behind the name, not "ö"`, "a name is ASCII"},
		{"web:  ", "Procfile:1:5: want a command for web behind the colon", "no command"},
		{"web: x\ndb: y\nweb: z", `Procfile:3:1: "web" stands in line 1 too; want each worker's own name`, "a name twice"},
		{strings.Repeat("x", maxName+1) + ": y", "Procfile:1:101: the name is 101 bytes long; want at most 100", "a long name"},
	} {
		workers, err := parseProcfile("Procfile", c.text)
		var got []string
		for _, w := range workers {
			got = append(got, w.name+"="+w.argv[2])
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %q gives\n%s; want\n%s", c.why, c.text, got, c.want)
		}
	}
}

func TestParseDotenv(t *testing.T) {
	for _, c := range []struct{ text, want, why string }{
		{"A=1\nB=two words\n", "A=1|B=two words", "up to the end of the line"},
		{"  A = 1  \r\n\r\nexport  B=2", "A=1|B=2", "spaces around the name and the value, export and a CR are not part of it"},
		{"# A=1\n  # B\nC=x#y #z\nD=#", "C=x#y|D=", "a comment begins a line or follows a space"},
		{`A='$HOME "x" \n # y' # z`, `A=$HOME "x" \n # y`, "in single quotes nothing is special"},
		{`A="a\nb\t\"c\"\\ \$d \'"`, "A=a\nb\t\"c\"\\ $d '", "in double quotes a backslash is"},
		{"A=\"one\ntwo\"\nB='three\nfour'", "A=one\ntwo|B=three\nfour", "a quoted value may go over several lines"},
		{"A=$HOME/x ${B}", "A=$HOME/x ${B}", "nothing is expanded"},
		{"A=\nB=''", "A=|B=", "an empty value"},
		{"A=it's", "A=it's", "a quote within a value is text"},
		{"A=1\n  =2", `.env:2:3: want a name of letters, digits and _, and =, as in PORT=5000, not "="`, "no name"},
		{"1A=2", `.env:1:1: want a name of letters, digits and _, and =, as in PORT=5000, not "1"`, "a name begins with no digit"},
		{"A B=2", ".env:1:3: want = behind A", "a name has no space"},
		{"ä=2", `.env:1:1: want a name of letters, digits and _, and =, as in PORT=5000, not "ä"`, "a name is ASCII"},
		{"A=1\nB", ".env:2:2: want = behind B", "a name alone"},
		{"A=1\n\nB=\"two\nC=3", `.env:3:3: the quote " that begins here has no end`, "an open quote"},
		{"A='ü' x", ".env:1:7: want nothing behind the closing quote but a comment", "text behind a quote"},
		{"A=1\nB=x\x00y", ".env:2:3: there is a NUL in the value, which no variable can have", "what no variable can be"},
		{"export ", `.env:1:8: want a name of letters, digits and _, and =, as in PORT=5000, not ""`, "export alone"},
	} {
		env, err := parseDotenv(".env", c.text)
		if err != nil {
			env = []string{err.Error()}
		}
		if got := strings.Join(env, "|"); got != c.want {
			t.Errorf("%s: %q gives\n%s; want\n%s", c.why, c.text, got, c.want)
		}
	}
}

// FuzzFiles checks that no file of a user makes the parsers panic, and that an
// error says a place that is in the file.
func FuzzFiles(f *testing.F) {
	for _, text := range []string{"web: npm start\n", "A='b\nc'\n#", "export ", "ä: x", "A=\"\\"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		_, procErr := parseProcfile("f", text)
		_, envErr := parseDotenv("f", text)
		for _, err := range []error{procErr, envErr} {
			if e, ok := err.(*fileError); ok && (e.line < 1 || e.line > lines || e.column < 1 || e.column > len(text)+1) {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
