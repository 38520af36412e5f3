package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// value writes a row's text into its field; of a row without field it keeps the text. It is pflag's Value.
type value struct {
	row   row
	field any // pointer into Config or ZDD
	set   bool
}

// newValue binds a row to its field in c, a pointer to Config or ZDD.
func newValue(c any, r row) *value {
	if r.field == "" {
		return &value{row: r, field: new(string)}
	}
	at := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(r.field, ".") {
		at = at.FieldByName(name)
	}
	return &value{row: r, field: at.Addr().Interface()}
}

// flagSet is the rows as flags, bound to the fields of c.
func flagSet(c any, rows ...row) *pflag.FlagSet {
	flags := pflag.NewFlagSet("marathon-lb", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, r := range rows {
		f := flags.VarPF(newValue(c, r), r.long, r.short, r.help())
		if r.arg == "" {
			f.NoOptDefVal = "true"
		}
		if r.constant != "" {
			f.DefValue = "" // another constant: it means nothing to this switch
		}
	}
	return flags
}

// Type is what the value is called in the help; pflag knows a switch as "bool".
func (v *value) Type() string { return cmp.Or(v.row.arg, "bool") }

// Set reads the text of a flag or variable. The error says what would be right.
func (v *value) Set(text string) (err error) {
	if v.row.constant != "" && text == "true" {
		text = v.row.constant
	}
	switch p := v.field.(type) {
	case *string:
		*p = text
	case *bool:
		*p, err = truth(text)
	case *time.Duration:
		*p, err = duration(text, v.row.zero)
	case *netip.AddrPort:
		*p, err = address(text)
	case *netip.Addr:
		*p, err = addr(text)
	case *[]netip.Prefix:
		err = addTo(p, v.set, strings.FieldsFunc(text, isSeparator), network)
	case *[]string:
		err = v.addWords(p, text)
	case *Mode:
		*p, err = oneOf(text, SSE, Poll)
	case *Encoding:
		*p, err = oneOf(text, JSON, Console)
	case *int:
		*p, err = port(text)
	case *uint:
		*p, err = count(text)
	case *proxy.AuthScope:
		*p, err = oneOf(text, proxy.AuthAll, proxy.AuthVHost)
	case *proxy.TLSVersion:
		*p, err = oneOf(text, proxy.TLS10, proxy.TLS11, proxy.TLS12, proxy.TLS13)
	case *proxy.Engine:
		*p, err = oneOf(text, proxy.LoopEngine, proxy.NetHTTPEngine)
	case *proxy.AccessLog:
		*p, err = oneOf(text, proxy.LogErrors, proxy.LogAll, proxy.LogOff)
	case *zapcore.Level:
		*p, err = level(text)
	case **marathon.ServiceAccount:
		*p, err = marathon.ParseServiceAccount(text)
	default:
		panic("config: no way to read a " + reflect.TypeOf(v.field).String())
	}
	v.set = true
	return err
}

// String is the present value, in the form Set reads.
func (v *value) String() string {
	switch p := v.field.(type) {
	case *time.Duration:
		return durationText(*p)
	case *netip.AddrPort:
		return route.BindText(*p)
	case *netip.Addr:
		if !p.IsValid() {
			return "*"
		}
	case *[]netip.Prefix:
		texts := make([]string, len(*p))
		for i, n := range *p {
			texts[i] = n.String()
		}
		return strings.Join(texts, ", ")
	case *[]string:
		return strings.Join(*p, " ")
	case *[]proxy.CertPEM:
		return "" // a secret
	case *zapcore.Level:
		return levelText(*p)
	case **marathon.ServiceAccount:
		return (*p).String()
	}
	return fmt.Sprint(reflect.ValueOf(v.field).Elem())
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// addWords splits URLs at white space, names of groups and paths at commas: a label's groups are separated so, too.
func (v *value) addWords(p *[]string, text string) error {
	words := strings.Fields(text)
	switch {
	case v.row.zero:
		words = strings.FieldsFunc(text, isSeparator)
	case !v.row.several:
		words = strings.Split(text, ",")
	case len(words) == 0:
		return errors.New("write at least one base URL, such as http://master.mesos:8080")
	}
	return addTo(p, v.set && !v.row.several && !v.row.zero, words, func(word string) (string, error) {
		if word = strings.TrimSpace(word); word == "" {
			return "", errors.New("a name is empty; write a group's name, or * for all")
		}
		return word, nil
	})
}

// addTo reads words into the list, after what an earlier flag put there or instead of the default.
func addTo[T any](list *[]T, more bool, words []string, read func(string) (T, error)) error {
	if !more {
		*list = nil
	}
	for _, word := range words {
		item, err := read(word)
		if err != nil {
			return err
		}
		*list = append(*list, item)
	}
	return nil
}
