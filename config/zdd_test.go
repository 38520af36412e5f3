package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"marathon-lb/config"
	"marathon-lb/marathon/zdd"
)

func TestFlagsOfZDDAreReadAsArgparseDid(t *testing.T) {
	c, err := config.ParseZDD(strings.Fields("-fd -m http://m:8080 --marathon-lb=http://a:9090 -japp.json -s 2 -i3 --linear 4 -rcp -w 60 -n 5 --pre-kill /hook "+
		"--log-level debug --syslog-socket /dev/null --log-format x --auth-cred u:p:q --max-stall 0 --force-kill"), []string{"MARATHON_LB_MAX_WAIT=1"})
	if err != nil {
		t.Fatal(err)
	}
	want := zdd.Options{
		Marathon: []string{"http://m:8080"}, Balancers: []string{"http://a:9090"}, JSON: "app.json", DryRun: true, Force: true, StepDelay: 2 * time.Second,
		InitialInstances: 3, LinearIncrease: 4, Resume: true, MaxWait: time.Minute, NewInstances: 5, CompleteCur: true, CompletePrev: true,
		PreKillHook: "/hook", ForceKill: true,
	}
	if !reflect.DeepEqual(c.ZDD, want) {
		t.Errorf("%+v, want %+v", c.ZDD, want)
	}
	if c.Log.Level != zapcore.DebugLevel || c.Marathon.Credentials != "u:p:q" || !slices.Equal(c.Marathon.Endpoints, []string{"http://m:8080"}) {
		t.Errorf("%+v %+v", c.Log, c.Marathon)
	}
	if len(c.Notices) != 1 || c.Notices[0].Option != "--log-format" {
		t.Errorf("notices %+v", c.Notices)
	}
}

func TestDefaultsAndCredentialsOfZDD(t *testing.T) {
	c, err := config.ParseZDD(strings.Fields("-m http://m -l http://a http://b -j f"), []string{"MARATHON_USER=u", "MARATHON_PASSWORD=p:q"})
	if err != nil || c.Marathon.Credentials != "u:p:q" {
		t.Fatalf("%+v, %v", c, err)
	}
	want := zdd.Defaults()
	want.Marathon, want.Balancers, want.JSON = []string{"http://m"}, []string{"http://a", "http://b"}, "f"
	if !reflect.DeepEqual(c.ZDD, want) || want.StepDelay != 5*time.Second || want.MaxWait != 300*time.Second || want.InitialInstances != 1 {
		t.Errorf("%+v", c.ZDD)
	}
}

func TestWrongUsageOfZDD(t *testing.T) {
	for args, says := range map[string]string{
		"":                                   "--marathon is missing",
		"-m http://m":                        "--marathon-lb is missing",
		"-m http://m -l http://l":            "--json is missing",
		"-m http://m -l http://l -j f -i x":  "whole number",
		"-m http://m -l http://l -j f -n=-1": "whole number",
		"-m http://m -l http://l -j f -w x":  "length of time",
		"-m http://m -l http://l -j f g":     `"g"`,
		"--sse":                              "unknown flag --sse",
		"--force-kil --comp":                 "ambiguous",
	} {
		if _, err := config.ParseZDD(strings.Fields(args), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", args, err, says)
		}
	}
	if _, err := config.ParseZDD([]string{"-h"}, nil); !errors.Is(err, config.ErrHelp) {
		t.Error(err)
	}
	if _, err := config.ParseZDD([]string{"--longhelp"}, nil); !errors.Is(err, config.ErrLongHelp) {
		t.Error(err)
	}
}
