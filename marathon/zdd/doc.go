// Package zdd deploys without downtime, as Marathon-LB's zdd.py does: beside the app that runs (say, the blue colour) it starts its
// successor (green) in the same deployment group, and moves instances over, in steps that grow. The load balancers take as many
// old tasks out as new ones serve; those without sessions are killed; in the end the old app is deleted.
//
// Nothing is remembered but in Marathon: labels of the apps say how far things are, so a deploy that was interrupted anywhere goes on
// with --resume.
//
// Read in this order: options.go (what is asked for, what may come out), definition.go (the JSON file and what is made of it),
// colours.go (who replaces whom, to what end), side.go (what can be seen of an app), next.go (the step to take, a pure function of
// what was seen), view.go and balancer.go (seeing), deploy.go (the loop), act.go (what changes something), hook.go (who may object).
package zdd
