package syncstream_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\[([^]\n]+)\]\(([^)\n]+)\)`)
	testName = regexp.MustCompile(`^Test\w+$`)
)

// What a page links to is there; and where it names a test, the test is in that
// file.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	tests := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			name, target := m[1], m[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "#") {
				continue
			}
			target, _, _ = strings.Cut(target, "#")
			path := filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: [%s]: %v", page, name, err)
				continue
			}
			if !testName.MatchString(name) {
				continue
			}
			tests++
			if source, err := os.ReadFile(path); err != nil || !strings.Contains(string(source), "\nfunc "+name+"(") {
				t.Errorf("%s: there is no %s in %s", page, name, path)
			}
		}
	}
	if tests < 20 {
		t.Errorf("only %d tests are named; does the page of promises still name them?", tests)
	}
}
