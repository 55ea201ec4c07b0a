package cli

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix begins the variables that stand for flags: SYNCSTREAM_RUN_STOP_ON
// is --stop-on.
const envPrefix = "SYNCSTREAM_RUN_"

func envName(flag *pflag.Flag) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// flagsFromEnv sets the flags that were not given, nor another in their place,
// but have a variable that is not empty. A variable that names no flag is an
// error: it is a typing mistake.
func flagsFromEnv(cmd *cobra.Command) (err error) {
	known, settled := map[string]bool{}, map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) { settled[settledBy(f)] = true })
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f)
		known[name] = true
		value := os.Getenv(name)
		if settled[settledBy(f)] || value == "" || f.Name == "help" || err != nil {
			return
		}
		if e := f.Value.Set(value); e != nil {
			err = usagef(cmd, "%s=%q: %v", name, value, e)
		}
	})
	if err != nil {
		return err
	}
	for _, assignment := range os.Environ() {
		name, _, _ := strings.Cut(assignment, "=")
		if strings.HasPrefix(name, envPrefix) && !known[name] {
			return usagef(cmd, "%s: there is no such flag%s", name, meant(name, keys(known)))
		}
	}
	return nil
}

// settledBy returns the name of the flag that stands for f and all that say the
// same.
func settledBy(f *pflag.Flag) string {
	if by := f.Annotations[settles]; len(by) > 0 {
		return by[0]
	}
	return f.Name
}

func keys(set map[string]bool) (all []string) {
	for key := range set {
		all = append(all, key)
	}
	return all
}

// inherited is what workers get of our environment: all but what was for us.
func inherited() []string {
	var env []string
	for _, assignment := range os.Environ() {
		if !strings.HasPrefix(assignment, envPrefix) {
			env = append(env, assignment)
		}
	}
	return env
}

// without returns env without some variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(env, func(assignment string) bool {
		name, _, _ := strings.Cut(assignment, "=")
		return slices.Contains(names, name)
	})
}

// lookup returns the value of a variable in env; none is empty.
func lookup(env []string, name string) string {
	for _, assignment := range env {
		if value, ok := strings.CutPrefix(assignment, name+"="); ok {
			return value
		}
	}
	return ""
}

// assignment takes K=V.
func assignment(to *[]string) func(string) error {
	return func(s string) error {
		if name, _, ok := strings.Cut(s, "="); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return errors.New("want a name, = and a value, as in PORT=5000")
		}
		*to = append(*to, s)
		return nil
	}
}
