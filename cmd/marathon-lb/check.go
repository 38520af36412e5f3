package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"marathon-lb/config"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// check finds what is wrong with app definitions before they are deployed.
func (c command) check(args []string) int {
	o, err := config.ParseCheck(args, c.environ)
	if err != nil {
		return c.noWork("check", err, config.CheckUsage, nil)
	}
	k := checking{compiler: marathon.NewCompiler(o.Marathon), from: map[string]string{}}
	if o.Running {
		err = k.readMarathon(o.Marathon)
	} else {
		err = k.readFiles(o.Files, c.in)
	}
	if err != nil {
		fmt.Fprintf(c.err, "marathon-lb: check: %v\n", err)
		return cannotRun
	}
	return k.report(c.out, o.JSON)
}

// checking is a compile whose servers nobody will use.
type checking struct {
	compiler *marathon.Compiler
	apps     int
	from     map[string]string // the file of each app
	problems []route.Problem   // with apps that cannot be read
}

func (k *checking) readFiles(files []string, in io.Reader) error {
	return readDefinitions(files, in, k.take)
}

// readDefinitions hands over the apps of each file, with those that cannot be read.
func readDefinitions(files []string, in io.Reader, take func(file string, apps []marathon.App, bad []marathon.AppError)) error {
	for _, file := range files {
		data, err := readFile(file, in)
		if err != nil {
			return err
		}
		apps, bad, err := marathon.ReadDefinitions(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		take(file, apps, bad)
	}
	return nil
}

func readFile(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(file)
}

func (k *checking) readMarathon(o marathon.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	marathons, err := o.Marathons()
	if err != nil {
		return err
	}
	for _, m := range marathons {
		client, err := m.Client()
		if err != nil {
			return err
		}
		list, err := client.Apps(ctx)
		client.Close()
		if err != nil {
			return err
		}
		k.take(list.Endpoint, list.Apps, list.Bad)
	}
	return nil
}

// take has apps compiled without their tasks: whether those run is not the question.
func (k *checking) take(from string, apps []marathon.App, bad []marathon.AppError) {
	for _, a := range apps {
		k.apps++
		k.from[a.ID] = from
		a.Tasks = nil
		k.compiler.Set(a, marathon.Facts{})
	}
	for _, b := range bad {
		k.apps++
		k.from[b.ID] = from
		k.problems = append(k.problems, unreadable(b))
	}
}

func unreadable(b marathon.AppError) route.Problem {
	return route.Problem{App: b.ID, Label: fmt.Sprintf("%s[%d]", b.List, b.Index), Reason: b.Err.Error(), Remedy: "correct the app's definition"}
}

// report writes what is wrong, and what may surprise who comes from Marathon-LB.
func (k *checking) report(out io.Writer, asJSON bool) int {
	change := k.compiler.Link(time.Now())
	problems := append(k.problems, k.compiler.Problems()...)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.Encode(map[string]any{"problems": append([]route.Problem{}, problems...)})
	} else {
		for _, p := range problems {
			fmt.Fprintf(out, "%s: %s: %s=%q: %s. %s\n", k.from[p.App], p.App, p.Label, p.Value, p.Reason, sentence(p.Remedy))
		}
		for _, b := range change.SetBackends {
			if b.Auth != nil {
				fmt.Fprintf(out, "note: %s: %s: AUTH of port %d guards the service port and the app id too, unless --auth-scope=vhost\n", k.from[b.App], b.App, b.PortIndex)
			}
		}
		fmt.Fprintf(out, "%d apps, %d problems\n", k.apps, len(problems))
	}
	if len(problems) > 0 {
		return cannotRun
	}
	return clean
}

// sentence begins a remedy with a capital letter and ends it with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	end := "."
	if last := text[len(text)-1]; last == '?' || last == '.' {
		end = ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + end
}
