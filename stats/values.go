package stats

// never is for columns that a reader expects but that have no value here: /metrics says NaN.
func never(*row) cell { return cell{} }

func sessionLimit(r *row) cell {
	if r.kind == server {
		return cell{}
	}
	return num(r.slim)
}

// weight is 1 for a server, as all of Marathon-LB's are, and for a backend the sum over those in use.
func weight(r *row) int64 {
	if r.kind == server {
		return 1
	}
	return int64(r.inUse)
}

// throttle is the weight of a server that warms up, in percent.
func throttle(r *row) cell {
	if r.warms {
		return num(int64(r.warmth))
	}
	return cell{}
}

func active(r *row) int64 {
	if r.kind == server && !r.backup {
		return 1
	}
	return int64(r.active)
}

// downtime is not for the backend of the stats page, which never has a server.
func downtime(r *row) cell {
	if r.backend == nil {
		return cell{}
	}
	return secs(r.downtime)
}

// backups are last resorts: what HAProxy calls backup servers.
func backups(r *row) int64 {
	if r.kind == server && r.backup {
		return 1
	}
	return int64(r.backups)
}

func ifChecked(f func(*row) cell) func(*row) cell {
	return func(r *row) cell {
		if r.kind == server && r.check == nil {
			return cell{}
		}
		return f(r)
	}
}

func lastSession(r *row) cell {
	if r.lastsess < 0 {
		return num(-1)
	}
	return secs(r.lastsess)
}
