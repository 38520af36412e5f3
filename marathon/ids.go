package marathon

import (
	"regexp"
	"strconv"
)

// Task ids end in the id of their instance in a manner that changed with Marathon 1.4 and 1.8 (marathon's Task.Id patterns, in its
// order of trying).
var taskIDs = []struct {
	pattern *regexp.Regexp
	prefix  string // between app and UUID, if the pattern does not hold it
	attempt int    // group of the incarnation, 0 if there is none
}{
	{regexp.MustCompile(`^(.+)\.(instance-|marathon-)([^_.]+)[._]([^.]+)\.(\d+)$`), "", 5},
	{regexp.MustCompile(`^(.+)\.(instance-|marathon-)([^_.]+)[._]([^.]+)$`), "", 0},
	{regexp.MustCompile(`^(.+)[._]([^_.]+)\.(\d+)$`), "marathon-", 3},
	{regexp.MustCompile(`^(.+)[._]([^_.]+)$`), "marathon-", 0},
}

// InstanceOf is the id of the instance a task belongs to, as health events name it from Marathon 1.4 on, and which incarnation of
// it the task is, 0 if its id does not say. An id in no known form is its own instance.
func InstanceOf(task string) (instance string, incarnation int) {
	for _, form := range taskIDs {
		m := form.pattern.FindStringSubmatch(task)
		if m == nil {
			continue
		}
		if form.attempt > 0 {
			incarnation, _ = strconv.Atoi(m[form.attempt])
		}
		if form.prefix != "" {
			return m[1] + "." + form.prefix + m[2], incarnation
		}
		return m[1] + "." + m[2] + m[3], incarnation
	}
	return task, 0
}
