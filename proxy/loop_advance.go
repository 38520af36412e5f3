//go:build linux && (amd64 || arm64)

package proxy

// advance lets a trip do what it can now: both ways, until there is nothing more to read, or no room to write.
func (l *loop) advance(t *trip) {
	if t.phase == tunneling {
		l.tunnelTurn(t)
		return
	}
	if l.clientGone(t) {
		return
	}
	switch t.phase {
	case connecting:
		l.connectTurn(t)
	case asking, answering:
		if l.upload(t) && l.download(t) {
			l.await(t)
		}
	case leaving:
		l.leavingTurn(t)
	}
}

// clientGone ends the trip of a client that has left: at the latest a second after that, its server is free for others.
func (l *loop) clientGone(t *trip) bool {
	c := t.client
	if t.phase == holding && (c.broken || c.ended && (t.tunnels || !t.hasBody || t.up.Done())) {
		l.fail(t, ClientLeftHeld)
		return true
	}
	if t.tunnels {
		if c.broken {
			l.fail(t, ClientLeftConnecting)
		}
		return c.broken
	}
	if !c.broken && !(c.ended && (!t.hasBody || t.up.Done())) {
		return false
	}
	switch {
	case t.phase == leaving && !c.broken: // it may still read
		return false
	case t.phase < asking:
		l.fail(t, ClientLeftConnecting)
	default:
		l.fail(t, ClientLeft)
	}
	return true
}

// await says what the trip waits for, and for how long.
func (l *loop) await(t *trip) {
	c, s := t.client, t.server
	ofClient, ofServer := false, true
	switch {
	case t.holdsDown():
		ofClient, ofServer = true, false
	case t.uploading() && t.outSent == len(t.out) && !s.pending() && !t.upPipe.pending():
		ofClient, ofServer = true, t.begun
	}
	if ofClient {
		l.watch(c)
		l.client.wait(c, l.time, t.moved)
	} else {
		c.unlist()
	}
	if ofServer {
		l.serverWait(t).wait(s, l.time, t.moved)
	} else {
		s.unlist()
	}
	l.watch(s)
	t.moved = false
}

// uploading says whether more of the request's body is to come.
func (t *trip) uploading() bool { return t.hasBody && !t.upGone && !t.up.Done() }

// clientStalled is for a client that did not go on in time.
func (l *loop) clientStalled(c *conn) {
	t := c.trip
	switch {
	case t.holdsDown():
		l.fail(t, ClientStalledReading)
	case t.begun:
		l.fail(t, ClientCut)
	default:
		l.fail(t, ClientStalled)
	}
}
