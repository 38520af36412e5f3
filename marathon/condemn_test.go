package marathon_test

import (
	"strings"
	"testing"
	"time"
)

// silent is a stage whose Marathon says nothing of a kill until it is done.
func silent(t *testing.T, apps ...string) *stage {
	t.Helper()
	return silentFor(t, 0, apps...)
}

// silentFor is one on which a task that was not killed so long after it was to be is a server again.
func silentFor(t *testing.T, condemn time.Duration, apps ...string) *stage {
	t.Helper()
	s := newStage(t, apps...)
	s.feature, s.condemn = "", condemn
	s.load("rolling-deploy-no-task-killing")
	s.run(external(), nil)
	s.until(func() bool {
		return s.logs.FilterMessageSnippet("without --enable_features task_killing").Len() > 0
	}, func() string { return "it does not know that Marathon is silent" })
	return s
}

func TestWithoutKillingATaskDrainsOnceMarathonHasDecided(t *testing.T) {
	s := silent(t, twoOld())
	s.want("31100 ready, 31200 ready")
	fresh := strings.Replace(running(new0, 3, 31310), "2020-03-02T", "2020-03-03T", 1) // it has not run for long when its events come
	s.have(shopWeb(newVersion, running(old0, 1, 31100), running(old1, 2, 31200), fresh))
	s.play(`"Running"`, new0)
	s.want("31100 ready, 31200 ready, 31310 ready")
	s.play(`"Running"`, old0)
	s.want("31100 draining, 31200 ready, 31310 ready")
	s.resync() // Marathon still says RUNNING
	if got := s.servers(); got != "31100 draining, 31200 ready, 31310 ready" {
		t.Errorf("got %s", got)
	}
	s.have(shopWeb(newVersion, running(old1, 2, 31200), fresh))
	s.play("TASK_KILLED", old0)
	s.want("31200 ready, 31310 ready")
}

func TestATaskThatIsNotKilledAfterAllIsAServerAgain(t *testing.T) {
	s := silentFor(t, 300*time.Millisecond, twoOld())
	s.want("31100 ready, 31200 ready")
	s.play(`"Running"`, old0)
	s.want("31100 draining, 31200 ready")
	s.want("31100 ready, 31200 ready")
}

// Agents that check health repeat it with each verdict; where Marathon says TASK_KILLING it is not needed; and the last server stays.
func TestARepeatedRunningThatMayMeanAnythingDrainsNothing(t *testing.T) {
	const repeat = `"Running"`
	for name, s := range map[string]*stage{
		"Mesos checks": silent(t, strings.Replace(twoOld(), `"protocol":"HTTP"`, `"protocol":"MESOS_HTTP"`, 1)),
		"killing":      start(t, "rolling-deploy-no-task-killing", external(), twoOld()),
		"the last one": silent(t, shopWeb(oldVersion, running(old0, 1, 31100))),
	} {
		want := "31100 ready, 31200 ready"
		if name == "the last one" {
			want = "31100 ready"
		}
		s.want(want)
		s.play(repeat, old0)
		s.resync()
		if got := s.servers(); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
