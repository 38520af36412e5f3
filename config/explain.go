package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// Explain is what "marathon-lb explain" was asked for.
type Explain struct {
	Question route.Question
	Balancer string   // base URL of the statistics port of a running load balancer
	Files    []string // of app definitions in its place; - is standard input
	JSON     bool
	Marathon marathon.Options // with Files
	Proxy    proxy.Options    // likewise
}

// explainRows are the flags of the load balancer that matter to where requests go.
var explainRows = []string{
	"group", "strict-mode", "health-check", "dont-bind-http-https", "http-bind", "https-bind", "appid-bind", "stats-bind", "trusted-proxies", "auth-scope",
	"hold-requests", "engine",
}

// ParseExplain reads the arguments after "explain". Its errors are usage errors, or ErrHelp.
func ParseExplain(args, environment []string) (Explain, error) {
	c := Default()
	x := Explain{}
	flags := explainFlags(&c, &x)
	if err := parse(flags, args); err != nil {
		return Explain{}, err
	}
	if flags.NArg() != 1 {
		return Explain{}, errors.New("explain needs one URL or app id")
	}
	x.Question.Target = flags.Arg(0)
	if x.Files == nil {
		for _, name := range explainRows {
			if flags.Changed(name) {
				return Explain{}, fmt.Errorf("--%s is for --file: a running load balancer has its own", name)
			}
		}
		return x, nil
	}
	if flags.Changed("lb") {
		return Explain{}, errors.New("--lb and --file exclude each other")
	}
	if err := c.obey(environOf(environment), flags); err != nil {
		return Explain{}, err
	}
	x.Marathon, x.Proxy = c.supposed(), c.Proxy
	return x, nil
}

func explainFlags(c *Config, x *Explain) *pflag.FlagSet {
	flags := verbFlags("explain")
	flags.StringVar(&x.Balancer, "lb", "http://127.0.0.1:9090", "statistics `URL` of the running load balancer to ask")
	flags.StringArrayVar(&x.Files, "file", nil, "`FILE` of app definitions to ask in its place, as check reads them; - is standard input; may be repeated")
	flags.StringArrayVar(&x.Question.Header, "header", nil, "`LINE` of the request's head, such as \"Host: www.example.com\"; may be repeated")
	flags.StringVar(&x.Question.Method, "method", "GET", "`METHOD` of the request")
	flags.StringVar(&x.Question.From, "from", "", "`ADDRESS` of the client, for lists of those allowed")
	flags.BoolVar(&x.JSON, "json", false, "the answer as JSON, as /v1/explain has it")
	c.lend(flags, explainRows, "with --file: ")
	flags.Lookup("group").Usage = "with --file: the load balancer's groups; all if not given"
	return flags
}

// ExplainUsage is the help of "marathon-lb explain".
func ExplainUsage() string {
	c := Default()
	return strings.TrimLeft(`
Usage: marathon-lb explain [flags] URL
       marathon-lb explain [flags] APPID

Says where a request goes and why: the listener that takes it, the rules in the order in which they are asked, the backend, each of its
servers, and what the client is answered if none gets the request. Of an app it says whether its ports are exposed, and why not. It asks a
running load balancer, or works out what one would do with the apps in files. A URL is http://host/path, https://host/path or
tcp://host:port; an app's id begins with a slash (or name:/ with several Marathons).

The exit code is 0 if a server gets the request, or a port of the app is exposed; 1 if not; 2 for a question or a file that cannot be read.

Flags:
`, "\n") + explainFlags(&c, &Explain{}).FlagUsagesWrapped(110)
}
