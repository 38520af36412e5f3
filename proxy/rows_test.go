package proxy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rows are those of the fault catalogue in reliability.md, 3.1, 3.2 and 3.4, each with what tests it: functions, or cases of tables by a part of
// their names. Status, termination code and counter of a case are compared where the tables are run: for those of the wire in
// wireRig.try, by counted; for those of faults in TestFaultsEachHaveTheirStatusCodeAndCounter; for clients that leave in tryLeaver.
var rows = []struct {
	row   string
	tests []string
}{
	{"3.1 bad syntax", []string{"TestEveryRuleOfTheWire", "TestRequestsThatAreNotTakenAreAnsweredOrCut"}},
	{"3.1 target, head, fields too large", []string{"long target", "long head", "many fields"}},
	{"3.1 head slower than its time", []string{"a head that stops", "TestWhatComesSlowlyIsWaitedForUnlessItIsAHead"}},
	{"3.1 body stalls", []string{"a body that stalls", "the client stops sending its body"}},
	{"3.1 reads slowly", []string{"the client stops reading", "reads nothing", "TestWhoReadsNothingHoldsTheSenderBackBothWays", "TestAClientThatReadsNothingHoldsTheServerBack"}},
	{"3.1 FIN while waiting", []string{"while the server thinks", "TestServersLearnWhenManyClientsLeaveAtOnce"}},
	{"3.1 RST at any time", []string{"TestClientsThatLeaveAreNoticedWhereverTheyAre", "TestSocketsMayFailStallResetAndSplitAtEveryByte"}},
	{"3.1 aborts an upload", []string{"within a length", "within chunks", "the client leaves during its upload"}},
	{"3.1 half-close, then waits", []string{"TestClientsThatLeaveAreNoticedWhereverTheyAre", "TestTCPModePassesBytesBothWaysAndHalfCloses"}},
	{"3.1 idle keep-alive", []string{"TestAnIdleClientIsToldByFIN", "TestAClientThatIdlesGivesWayToANewOne", "TestSIGTERMLetsRequestsFinishAndTellsClientsToClose"}},
	{"3.1 TLS", []string{"TestHandshakesThatFailHarmNobodyAndAreCounted", "TestOldVersionsOfTLSAreRefusedUnlessAllowed"}},
	{"3.1 PRI", []string{"TestHTTP2WithoutTLSOnAServicePortPassesAsBytes", "TestHTTP2WithoutTLSIsNoWayRoundTheRulesOfASharedPort"}},

	{"3.2 slow heads, bodies, readers", []string{"heads byte by byte", "bodies byte by byte", "answers that are not read", "answers that are read byte by byte"}},
	{"3.2 idle and kept connections", []string{"connections that do nothing", "connections that are kept", "TestManySlowConnectionsCostLittleMemory", "TestThousandsOfClientsMayStay"}},
	{"3.2 header bombs", []string{"header bombs", "many fields", "large heads that do not end"}},
	{"3.2 connection flood, resets", []string{"connections and resets", "requests whose answers are not waited for"}},
	{"3.2 descriptors run out", []string{"TestWhoWasLetInIsServedThoughDescriptorsRunOut", "TestThereAreNoMoreClientsThanMayBe"}},
	{"3.2 memory limit", []string{"TestNearItsMemoryLimitTheProcessServesLessAndLives"}},
	{"3.2 many vhosts at random", []string{"hosts that nobody has"}},
	{"3.2 one backend slow", []string{"TestAServiceThatDoesNotAnswerLeavesRoomForOthers", "a server that never answers"}},

	{"3.4 refuses", []string{"TestAServerThatCannotBeConnectedIsLeftForAnotherOne", "TestARefusedConnectGoesToTheNextServerWhateverTheMethod", "TestAServerThatRefusesIsShunnedForAWhile"}},
	{"3.4 connect hangs", []string{"TestAServerThatCannotBeConnectedIsLeftForAnotherOne"}},
	{"3.4 accepts, never answers", []string{"the server never answers", "no answer to "}},
	{"3.4 closes a pooled connection", []string{"TestAPooledConnectionTheServerClosedLosesNoGET", "on a kept connection"}},
	{"3.4 dies before the head is whole", []string{"the server closes before a response", "half a head, then "}},
	{"3.4 dies mid-body", []string{"1.12 cuts", "the server breaks off in the body", "the server breaks off a chunked body"}},
	{"3.4 garbage", []string{"the server says garbage", "1.10 answers"}},
	{"3.4 early answer and close", []string{"an early answer"}},
	{"3.4 early answer, keeps reading", []string{", and stays", "TestAnEarlyAnswerLeavesNoHalfARequestForTheNextClient", "TestAnEarlyAnswerReachesAClientThatStillSends"}},
	{"3.4 interim answers", []string{"100 nobody asked for", "33 interim ones", "103", "TestInterimResponsesPass"}},
	{"3.4 answer without length", []string{"until it closes", "until it closes, to HTTP/1.0"}},
	{"3.4 more than announced, a second answer", []string{"more than announced", "a second answer", "TestAnAnswerNobodyAskedForReachesNobody"}},
	{"3.4 slow drip", []string{"TestADripIsPassedOnAtOnce", "TestWhatComesSlowlyIsWaitedForUnlessItIsAHead"}},
	{"3.4 a head too large", []string{"3.4 too much"}},
	{"3.4 half-closes after the answer", []string{"a half-close"}},
	{"3.4 health check fails", []string{"TestABadServerGetsNoRequestUntilItIsWellAgain", "TestWhereAllProbesFailMarathonsWordCounts"}},
	// "TLS upstream" has none: TLS to servers is not offered.
}

func TestEachRowOfTheFaultCatalogueIsTested(t *testing.T) {
	var text strings.Builder
	for _, pattern := range []string{"*_test.go", "../cmd/marathon-lb/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, f := range files {
			if f == "rows_test.go" {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
	}
	for _, r := range rows {
		for _, name := range r.tests {
			sought := name
			if strings.HasPrefix(name, "Test") {
				sought = "func " + name + "(t *testing.T)"
			}
			if !strings.Contains(text.String(), sought) {
				t.Errorf("%s: there is no %s", r.row, sought)
			}
		}
	}
}
