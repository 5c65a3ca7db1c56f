package function

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Command is a one-off act of whoever operates the platform, for what no API may offer:
// it runs in a process of its own (a Job on a cluster) and ends. `serve NAME ARGUMENTS`
// runs it.
type Command struct {
	Name      string
	Domain    string   // whose keys it uses
	Arguments []string // what each one is, such as EMAIL
	Summary   string
	Uses      []Use
	Run       func(ctx context.Context, env *Env, arguments []string) error
}

// FindCommand is the command of a name, whose arguments are as many as it takes. The
// error lists the commands.
func FindCommand(commands []Command, name string, arguments []string) (Command, error) {
	i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == name })
	if i < 0 {
		var known []string
		for _, c := range commands {
			known = append(known, "  "+c.usage()+"\n      "+c.Summary)
		}
		return Command{}, fmt.Errorf("there is no command %q; the commands are:\n%s", name, strings.Join(known, "\n"))
	}
	if c := commands[i]; len(arguments) != len(c.Arguments) {
		return Command{}, fmt.Errorf("usage: %s", c.usage())
	}
	return commands[i], nil
}

func (c Command) usage() string { return strings.Join(append([]string{c.Name}, c.Arguments...), " ") }
