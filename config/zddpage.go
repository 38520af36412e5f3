package config

// zddPage is what stands before the tables of docs/zdd.md.
const zddPage = `# zdd: deployments without downtime

    SYNOPSIS

'marathon-lb zdd' replaces an app by its next version, a few instances at a time, while both serve: the blue/green deployment of
zdd.py in Marathon-LB, with its flags and exit codes. It works with this load balancer and with Marathon-LB; zdd.py works with this
load balancer, too. Where it differs from zdd.py is told in [differences](differences.md), D-ZDD.

## What the app needs

* the label 'HAPROXY_DEPLOYMENT_GROUP': the name under which both colours are served;
* the label 'HAPROXY_DEPLOYMENT_ALT_PORT': a second service port, since two apps cannot have the same in Marathon. Clients do not see
  it: both colours are served at the service port of the file;
* one service port, and a health check.

## How it goes

1. The first deployment of a group creates '/<id>-blue' as the file says, and is done.
2. The next one creates '/<id>-green' with '--initial-instances' instances. In the end there will be as many as '/<id>-blue' has now; the
   number in the file does not count. The one after that is blue again.
3. As new tasks come up, the load balancers take as many old ones out, which is MAINT in the statistics: no new requests, running ones finish.
4. Each '--step-delay', zdd looks at both apps and at every load balancer. When all new tasks are up on every load balancer, and as many
   tasks serve as there are to be in the end, it kills old tasks that have no session on any load balancer, and scales the new app: by
   half, or by '--linear-increase', or to the full number as soon as that step would reach the number of old ones.
5. When the new app serves alone, the old one is deleted.

With '--new-instances N' it stops at N new instances beside the rest of the old ones: a hybrid deployment. '--complete-cur' completes it,
'--complete-prev' takes it back.

Before tasks are killed, the '--pre-kill-hook' is run; then, unless '--force' is given, you are asked. Definition, questions and the step
of a '--dry-run' go to standard output, progress to standard error.

## When it is interrupted

All it knows is in labels of the two apps. After Ctrl-C, a lost connection or a declined question, the same command with '--resume' goes
on where it stopped, or '--complete-prev' goes back. A dry run tells what the next step would be.

It stops by itself, with code 2, rather than harm anyone: when old tasks still have sessions after '--max-wait' (give a longer one, or
'--force-kill'), when a hook fails, and when nothing changes for '--max-stall', for example because the new version never comes up.
The last line says what it waited for.
`
