package route

import "slices"

// Standing is how a server stands in its backend just now.
type Standing struct {
	Server *Server
	Grade  Grade
	Turn   bool // requests go there
	Spare  bool // they go there only where no other server is left to try
}

// Standings are those of all servers, leaving ones last. What Pick chooses has Turn, and where it may not choose that again, Spare.
func (b *Backend) Standings() []Standing {
	tier, best, _ := b.turns()
	var all []Standing
	for _, s := range b.Servers {
		st := Standing{Server: s, Grade: s.Grade()}
		st.Turn = st.Grade == best && slices.Contains(tier, s)
		st.Spare = !st.Turn && st.Grade <= max(best, Unproven) && st.Grade != Unfit
		all = append(all, st)
	}
	for _, s := range b.Leaving {
		all = append(all, Standing{Server: s, Grade: s.Grade()})
	}
	return all
}
