package marathon_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"marathon-lb/marathon"
)

type deaf struct{}

func (deaf) Connected(marathon.Peer) {}
func (deaf) Event([]byte)            {}
func (deaf) Ended(error)             {}

func TestAPasswordInAURLOfMarathonIsShownNowhere(t *testing.T) {
	o := marathon.Options{Endpoints: []string{"http://u:TOPSECRET@127.0.0.1:1", "a=http://u:TOPSECRET@h:1,https://v:TOPSECRET@h/x", "http://h:1/a@b"}}
	if got := fmt.Sprint(o.ShownEndpoints()); got != "[http://u:xxxxx@127.0.0.1:1 a=http://u:xxxxx@h:1,https://v:xxxxx@h/x http://h:1/a@b]" {
		t.Errorf("got %s", got)
	}
	c, err := marathon.NewClient(marathon.ClientOptions{Endpoints: o.Endpoints[:1]})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Apps(t.Context())
	stream := marathon.NewStream(c, marathon.StreamOptions{}).Once(context.Background(), o.Endpoints[0], deaf{})
	if got := fmt.Sprint(err, stream); strings.Contains(got, "TOPSECRET") || strings.Count(got, "127.0.0.1:1") < 2 {
		t.Error(got)
	}
}
