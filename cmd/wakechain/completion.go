package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// completionVerb is a function because it needs all verbs, including itself.
func completionVerb() *verb {
	return &verb{
		name: "completion", args: "bash|zsh|fish", short: "write a script that completes verbs and flags in a shell",
		examples: []example{
			{"source <(wakechain completion bash)", "in this bash; zsh has the same with zsh"},
			{"wakechain completion fish > wakechain.fish", "for fish, in ~/.config/fish/completions"},
		},
		setup: func(f *flags) {
			f.run = func(s *session, args []string) error {
				if len(args) != 1 {
					return usagef("one of bash, zsh and fish")
				}
				return complete(s.out, args[0])
			}
		},
	}
}

func complete(w io.Writer, shell string) error {
	var b strings.Builder
	switch shell {
	case "bash":
		bash(&b)
	case "zsh":
		zsh(&b)
	case "fish":
		fish(&b)
	default:
		return usagef("one of bash, zsh and fish, not %q", printable(shell))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// eachFlag calls do for each flag of the verb. takes is true if the flag has a value, and
// values are the possible ones, or nil if there are others.
func eachFlag(v *verb, do func(name, usage string, takes bool, values []string)) {
	newFlags(v).set.VisitAll(func(fl *flag.Flag) {
		_, usage := flag.UnquoteUsage(fl)
		b, ok := fl.Value.(interface{ IsBoolFlag() bool })
		takes := !ok || !b.IsBoolFlag()
		var values []string
		if c, ok := fl.Value.(choice); ok {
			values = c.of
		}
		do("-"+fl.Name, usage, takes, values)
	})
}

// words returns the possible arguments of a verb that takes neither files nor URLs.
func (v *verb) words() []string {
	switch v.name {
	case "completion":
		return []string{"bash", "zsh", "fish"}
	case "help":
		return verbNames()
	default:
		return nil
	}
}

func verbNames() (names []string) {
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return names
}

func bash(b *strings.Builder) {
	b.WriteString("# wakechain completion for bash\n_wakechain() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tlocal words=''\n\tCOMPREPLY=()\n")
	fmt.Fprintf(b, "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\t\treturn\n\tfi\n", strings.Join(verbNames(), " "))
	b.WriteString("\tcase ${COMP_WORDS[1]}:$prev in\n")
	for _, v := range verbs() {
		eachFlag(v, func(name, _ string, _ bool, values []string) {
			if len(values) > 0 {
				fmt.Fprintf(b, "\t%s:%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", v.name, name, strings.Join(values, " "))
			}
		})
	}
	b.WriteString("\tesac\n\tcase ${COMP_WORDS[1]} in\n")
	for _, v := range verbs() {
		words := v.words()
		eachFlag(v, func(name, _ string, _ bool, _ []string) { words = append(words, name) })
		fmt.Fprintf(b, "\t%s) words='%s' ;;\n", v.name, strings.Join(words, " "))
	}
	b.WriteString("\tesac\n\tif [[ $cur == -* || ${COMP_WORDS[1]} == help || ${COMP_WORDS[1]} == completion ]]; then\n" +
		"\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n}\n" +
		"complete -o filenames -F _wakechain wakechain\n")
}

func zsh(b *strings.Builder) {
	b.WriteString("#compdef wakechain\n# wakechain completion for zsh\n_wakechain() {\n\tlocal -a verbs\n\tverbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(b, "\t\t%s\n", quoted(v.name+":"+v.short))
	}
	b.WriteString("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tlocal verb=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $verb in\n")
	for _, v := range verbs() {
		fmt.Fprintf(b, "\t%s)\n\t\t_arguments", v.name)
		eachFlag(v, func(name, usage string, takes bool, values []string) {
			spec := name + "[" + strings.NewReplacer("[", "(", "]", ")", ":", ",").Replace(usage) + "]"
			switch {
			case len(values) > 0:
				spec += ":value:(" + strings.Join(values, " ") + ")"
			case takes && name == "-o":
				spec += ":file:_files"
			case takes:
				spec += ":value:"
			}
			fmt.Fprintf(b, " \\\n\t\t\t%s", quoted(spec))
		})
		if w := v.words(); w != nil {
			fmt.Fprintf(b, " \\\n\t\t\t%s", quoted("1:word:("+strings.Join(w, " ")+")"))
		} else if v.args != "" {
			b.WriteString(" \\\n\t\t\t'*:source:_files'")
		}
		b.WriteString("\n\t\t;;\n")
	}
	b.WriteString("\tesac\n}\nif [ \"$funcstack[1]\" = _wakechain ]; then\n\t_wakechain \"$@\"\nelse\n\tcompdef _wakechain wakechain\nfi\n")
}

func fish(b *strings.Builder) {
	b.WriteString("# wakechain completion for fish\ncomplete -c wakechain -f -n __fish_use_subcommand\n")
	for _, v := range verbs() {
		fmt.Fprintf(b, "complete -c wakechain -n __fish_use_subcommand -a %s -d %s\n", v.name, quoted(v.short))
	}
	for _, v := range verbs() {
		when := "'__fish_seen_subcommand_from " + v.name + "'"
		eachFlag(v, func(name, usage string, takes bool, values []string) {
			fmt.Fprintf(b, "complete -c wakechain -n %s -o %s -d %s", when, name[1:], quoted(usage))
			switch {
			case len(values) > 0:
				fmt.Fprintf(b, " -x -a '%s'", strings.Join(values, " "))
			case takes:
				b.WriteString(" -r")
			}
			b.WriteByte('\n')
		})
		if w := v.words(); w != nil {
			fmt.Fprintf(b, "complete -c wakechain -f -n %s -a '%s'\n", when, strings.Join(w, " "))
		}
	}
}

// quoted returns s quoted for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
