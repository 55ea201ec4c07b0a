package python

// What tests see besides.
var (
	DecodePost  = decodePost
	DecodeState = decodeState
)

// Text returns what a post says.
func (p *post) Text() string { return p.text }
