package cli

import (
	"errors"
	"fmt"
	"strings"
)

// parseDotenv reads the assignments of a .env file, as foreman and its kin do:
//
//	PLAIN=up to the end of the line   # or to a comment
//	export LITERAL='nothing is special in here, $HOME neither'
//	ESCAPES="two\nlines, and \"quotes\""
//
// A quoted value may go over several lines. Nothing is expanded: the shell that
// runs a command does that. What is no assignment is a *fileError.
func parseDotenv(file, text string) ([]string, error) {
	p := dotenv{file: file, text: strings.ReplaceAll(text, "\r\n", "\n")}
	var env []string
	for p.skipBlank() {
		assignment, err := p.assignment()
		if err != nil {
			return nil, p.errorAt(err)
		}
		env = append(env, assignment)
	}
	return env, nil
}

// dotenv is a .env file that is being read.
type dotenv struct {
	file, text string
	at         int // what comes next
}

// errorAt says where in the file err is.
func (p *dotenv) errorAt(err error) error {
	before := p.text[:p.at]
	start := strings.LastIndexByte(before, '\n') + 1
	return &fileError{p.file, strings.Count(before, "\n") + 1, columnOf(before[start:], len(before)-start), err}
}

// skipBlank goes to the next assignment, and reports whether there is one.
func (p *dotenv) skipBlank() bool {
	for p.at < len(p.text) {
		line, _, _ := strings.Cut(p.text[p.at:], "\n")
		rest := strings.TrimLeft(line, " \t")
		if rest != "" && rest[0] != '#' {
			p.at += len(line) - len(rest)
			return true
		}
		p.at += len(line) + 1
	}
	return false
}

// assignment reads "NAME=value" and the end of its line.
func (p *dotenv) assignment() (string, error) {
	if rest, ok := strings.CutPrefix(p.text[p.at:], "export "); ok {
		p.at = len(p.text) - len(strings.TrimLeft(rest, " \t"))
	}
	rest := p.text[p.at:]
	n := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
	if n == 0 || rest[0] <= '9' {
		return "", fmt.Errorf("want a name of letters, digits and _, and =, as in PORT=5000, not %q", rest[:firstRune(rest)])
	}
	name := rest[:n]
	p.at += n
	p.skipSpace()
	if p.at == len(p.text) || p.text[p.at] != '=' {
		return "", fmt.Errorf("want = behind %s", name)
	}
	p.at++
	p.skipSpace()
	begin := p.at
	value, err := p.value()
	if err == nil && strings.ContainsRune(value, 0) {
		p.at, err = begin, errors.New("there is a NUL in the value, which no variable can have")
	}
	return name + "=" + value, err
}

func (p *dotenv) skipSpace() {
	p.at = len(p.text) - len(strings.TrimLeft(p.text[p.at:], " \t"))
}

// value reads a value and the end of its line.
func (p *dotenv) value() (string, error) {
	if p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		return p.quoted(p.text[p.at])
	}
	line, _, _ := strings.Cut(p.text[p.at:], "\n")
	p.at += len(line)
	for i := range line {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimRight(line, " \t"), nil
}

// escapes are what a backslash in double quotes may make of a letter; of any
// other character it makes that character.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}

// quoted reads a value in quotes. In single ones a backslash is one.
func (p *dotenv) quoted(quote byte) (string, error) {
	var value []byte
	for i := p.at + 1; i < len(p.text); i++ {
		c := p.text[i]
		if c == quote {
			p.at = i + 1
			return string(value), p.lineEnd()
		}
		if c == '\\' && quote == '"' && i+1 < len(p.text) {
			i++
			c = p.text[i]
			if e, ok := escapes[c]; ok {
				c = e
			}
		}
		value = append(value, c)
	}
	return "", fmt.Errorf("the quote %c that begins here has no end", quote)
}

// lineEnd allows nothing but a comment behind a quoted value.
func (p *dotenv) lineEnd() error {
	p.skipSpace()
	line, _, _ := strings.Cut(p.text[p.at:], "\n")
	if line != "" && line[0] != '#' {
		return errors.New("want nothing behind the closing quote but a comment")
	}
	p.at += len(line)
	return nil
}
