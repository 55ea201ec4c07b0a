package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// value is a flag's value. Its errors say what would be right: flagError puts
// the flag and the value before them.
type value struct {
	text string // as it was given, or the default
	set  func(string) error
}

func (v *value) String() string { return v.text }
func (v *value) Type() string   { return "value" }

func (v *value) Set(text string) error {
	err := v.set(text)
	if err == nil {
		v.text = text
	}
	return err
}

// flags defines the flags of one group, which is how help lists them.
type flags struct {
	set   *pflag.FlagSet
	group string
}

// The annotations of a flag that name its group, and its value.
const (
	groupOf = "syncstream/group"
	valueOf = "syncstream/value"
)

// add defines a flag, as "name" or "name,n", with the usage that help shows, in
// which the name of the value stands in backquotes.
func (f flags) add(names, def, usage string, set func(string) error) *pflag.Flag {
	name, short, _ := strings.Cut(names, ",")
	flag := f.set.VarPF(&value{text: def, set: set}, name, short, usage)
	what, plain := pflag.UnquoteUsage(flag)
	flag.Usage = plain // shells show it
	flag.Annotations = map[string][]string{groupOf: {f.group}, valueOf: {what}}
	return flag
}

// onOff defines a flag that needs no value.
func (f flags) onOff(names, usage string, set func(bool)) {
	f.add(names, "", usage, func(s string) error {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("want true or false, or nothing for true")
		}
		set(on)
		return nil
	}).NoOptDefVal = "true"
}

// settles is the annotation of a flag that says what else says the same: the
// name of one of these flags, for all of them.
const settles = "syncstream/settles"

// together marks flags of which one given is enough: no variable of another
// counts then.
func (f flags) together(names ...string) {
	for _, name := range names {
		f.set.Lookup(name).Annotations[settles] = names[:1]
	}
}

// words defines a flag whose value may be one of words: shells complete them, and
// an error names the nearest.
func (f flags) words(names, def, usage string, set func(string) error, words ...string) {
	flag := f.add(names, def, usage, func(s string) error {
		if err := set(s); err != nil {
			return fmt.Errorf("%w%s", err, meant(s, words))
		}
		return nil
	})
	flag.Annotations[wordsOf] = words
}

// choice defines a flag whose value is one of words; the first is the default.
func (f flags) choice(names, usage string, to *string, words ...string) {
	*to = words[0]
	f.words(names, words[0], usage, func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("want %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
		}
		*to = s
		return nil
	}, words...)
}

// text takes a value as it is.
func text(to *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("it is empty")
		}
		*to = s
		return nil
	}
}

// count takes a whole number from least on.
func count(to *int, least int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return fmt.Errorf("want a whole number, from %d", least)
		}
		*to = n
		return nil
	}
}

// duration takes a time that is not negative, as Go writes it, or in seconds.
func duration(to *time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil && strings.Trim(s, "0123456789.") == "" {
			d, err = time.ParseDuration(s + "s")
		}
		if err != nil || d < 0 {
			return errors.New("want a time, as in 10s, 1m30s or 250ms")
		}
		*to = d
		return nil
	}
}

// someTime takes a time that is not 0.
func someTime(to *time.Duration) func(string) error {
	take := duration(to)
	return func(s string) error {
		err := take(s)
		if err == nil && *to == 0 {
			err = errors.New("want a time over 0, as in 10s, 1m30s or 250ms")
		}
		return err
	}
}

// size takes an amount of bytes.
func size(to *int64) func(string) error {
	return func(s string) error {
		digits := strings.TrimRight(strings.TrimSuffix(s, "B"), "kMGi")
		factor, known := map[string]int64{
			"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "ki": 1 << 10, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30,
		}[strings.TrimSuffix(s[len(digits):], "B")]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || !known || n < 1 || n > (1<<62)/factor {
			return errors.New("want bytes, as in 500000, 10M or 64Mi")
		}
		*to = n * factor
		return nil
	}
}

// meant says which of words is nearest to s, if one is near.
func meant(s string, words []string) string {
	if near := nearest(s, words); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}
