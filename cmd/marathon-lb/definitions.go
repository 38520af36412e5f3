package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"marathon-lb/marathon"
)

// origin is where definitions come from, a file or a Marathon, with what was read there.
type origin struct {
	name string
	apps []marathon.App
	bad  []marathon.AppError // those that cannot be read
	err  error               // why nothing, or not all, could be read

	remedy string // for err
}

// readFiles reads definitions, each file for itself.
func readFiles(files []string, in io.Reader) []origin {
	var all []origin
	for _, file := range files {
		from := origin{name: file, remedy: "correct the file, or its name"}
		data, err := readFile(file, in)
		if err == nil {
			from.apps, from.bad, err = marathon.ReadDefinitions(data)
		}
		from.err = err
		all = append(all, from)
	}
	var apps []*marathon.App
	for i := range all {
		for j := range all[i].apps {
			apps = append(apps, &all[i].apps[j])
		}
	}
	marathon.GivePorts(apps)
	return all
}

func readFile(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(file)
}

// readMarathons reads what runs.
func readMarathons(ctx context.Context, o marathon.Options) ([]origin, error) {
	marathons, err := o.Marathons()
	if err != nil {
		return nil, err
	}
	var all []origin
	for _, m := range marathons {
		from, err := readMarathon(ctx, m)
		if err != nil {
			return nil, err
		}
		all = append(all, from)
	}
	return all, nil
}

func readMarathon(ctx context.Context, m marathon.Options) (origin, error) {
	client, err := m.Client()
	if err != nil {
		return origin{}, err
	}
	defer client.Close()
	from := origin{name: m.ShownEndpoints()[0], remedy: "see that it can be reached, and with which credentials"}
	list, err := client.Apps(ctx)
	if err != nil {
		from.err = err
		return from, nil
	}
	from.name, from.apps, from.bad = list.Endpoint, list.Apps, list.Bad
	for i := range from.apps {
		from.apps[i].ID = m.AppID(from.apps[i].ID)
	}
	if list.Pods != nil {
		from.err = fmt.Errorf("pods: %w", list.Pods)
	}
	return from, nil
}
