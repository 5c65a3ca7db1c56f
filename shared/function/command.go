package function

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Command is a one-off task that an operator runs because no API may offer it. It runs in its own
// process (a Job on a cluster) and ends. `serve NAME ARGUMENTS` runs it.
type Command struct {
	Name      string
	Domain    string   // the domain whose keys it uses
	Arguments []string // names of the arguments, such as EMAIL
	Summary   string
	Uses      []Use
	Run       func(ctx context.Context, env *Env, arguments []string) error
}

// FindCommand returns the command with the given name. It returns an error that lists the commands
// if there is none, and one that shows the usage if the number of arguments is wrong.
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
