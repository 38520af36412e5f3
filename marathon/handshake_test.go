package marathon_test

import (
	"strings"
	"testing"

	"marathon-lb/internal/route"
)

func TestAVhostWhoseClientsWereToShowCertificatesIsClosedWhereVhostsAreGrouped(t *testing.T) {
	const ask = "ssl crt /x.pem ca-file /ca.pem verify required"
	for _, c := range []struct {
		grouped bool
		labels  []string
		closed  bool
	}{
		{true, []string{"HAPROXY_0_BIND_OPTIONS", ask, "HAPROXY_0_VHOST", "a.test"}, true},
		{false, []string{"HAPROXY_0_BIND_OPTIONS", ask, "HAPROXY_0_VHOST", "a.test"}, false}, // the port asks; :443 never did
		{true, []string{"HAPROXY_0_BIND_OPTIONS", ask, "HAPROXY_0_MODE", "http"}, false},
	} {
		o := external()
		o.GroupHTTPSByVHost = c.grouped
		k, v, problems := one(t, o, web("/a", 10000, c.labels...))
		if k.Closed != c.closed || (v.Why == route.FailsClosed) != c.closed || (len(problems) == 1) != c.closed {
			t.Errorf("grouped is %v, %v: closed is %v, %+v, %+v", c.grouped, c.labels, k.Closed, v, problems)
		}
	}
}

func TestATaskOfAGroupIsGuardedByTheCertificatesThatItsOwnAppAsksFor(t *testing.T) {
	old := shade("/web-b", 2, 2, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", oldDate)
	young := shade("/web-g", 1, 1, noon, "HAPROXY_DEPLOYMENT_STARTED_AT", newDate, "HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem ca-file /ca.pem verify required")
	_, change := compile(external(), old, young)
	if len(change.SetListeners) != 1 || !strings.HasSuffix(change.SetListeners[0].String(), " tls crt=/x.pem verify=required ca=/ca.pem") {
		t.Errorf("listeners %v", change.SetListeners)
	}
}

func TestAlpnOfAVhostThatIsGroupedIsToBeWrittenIntoTheTemplate(t *testing.T) {
	const template = "HTTPS_GROUPED_VHOST_FRONTEND_HEAD"
	for _, c := range []struct {
		grouped      bool
		written      string
		wantsTelling bool
	}{{false, "", false}, {true, "", true}, {true, "h2,http/1.1", false}, {true, "h2", true}} {
		o := external()
		o.GroupHTTPSByVHost, o.Heads = c.grouped, map[string]route.BindOptions{template: {ALPN: c.written}}
		_, _, problems := one(t, o, web("/a", 10000, "HAPROXY_0_BIND_OPTIONS", "ssl crt /x.pem alpn h2,http/1.1", "HAPROXY_0_VHOST", "a.test"))
		if (len(problems) == 1) != c.wantsTelling || c.wantsTelling && !strings.Contains(problems[0].Remedy, template) {
			t.Errorf("%+v: %+v", c, problems)
		}
	}
}
