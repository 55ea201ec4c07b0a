package host

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
)

// Access is what a token allows: Read, Write, Read|Write, or Full.
type Access uint8

const (
	// Read allows to read, follow and wait.
	Read Access = 1 << iota
	// Write allows to send messages, and to hear of a stop.
	Write
	control
	// Full allows everything, so also to stop and to clear.
	Full = Read | Write | control
)

// String returns what the access is for.
func (a Access) String() string {
	switch a {
	case Read:
		return "reading"
	case Write:
		return "writing"
	case Read | Write:
		return "reading and writing"
	case Full:
		return "everything"
	}
	return fmt.Sprintf("Access(%d)", uint8(a))
}

// Token is a secret that requests carry, and what it allows. It prints as what
// it allows; the secret shows nowhere.
type Token struct {
	// Secret is 16 to 128 letters, digits, and any of "-._~".
	Secret string `json:"-"`
	Access Access
}

// String returns what the token allows.
func (t Token) String() string { return "a token for " + t.Access.String() }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// CheckSecret returns what is wrong with the secret of a token, without a word
// of it.
func CheckSecret(secret string) error {
	if len(secret) < 16 || len(secret) > 128 {
		return fmt.Errorf("host: a token has %d characters: want 16 to 128", len(secret))
	}
	for i := range len(secret) {
		if !isWordByte(secret[i]) && secret[i] != '~' {
			return fmt.Errorf("host: character %d of a token: want letters, digits, and any of -._~", i+1)
		}
	}
	return nil
}

// hashed is a token as a host keeps it: whoever reads its memory learns nothing.
type hashed struct {
	hash   [sha256.Size]byte
	access Access
}

func hashTokens(tokens []Token) (all []hashed) {
	for i, t := range tokens {
		if err := CheckSecret(t.Secret); err != nil {
			panic(fmt.Sprintf("host: NewHandler: Config.Tokens[%d]: %v", i, err))
		}
		if t.Access == 0 || t.Access != Full && t.Access&^(Read|Write) != 0 {
			panic(fmt.Sprintf("host: NewHandler: Config.Tokens[%d].Access is %d; want Read, Write, both, or Full", i, t.Access))
		}
		all = append(all, hashed{sha256.Sum256([]byte(t.Secret)), t.Access})
	}
	return all
}

// authorize checks that a request may do what needs that access. path is the
// token in its path, if there is one.
func (h *Handler) authorize(r *http.Request, path string, need Access) error {
	if need == 0 {
		return nil
	}
	if len(h.tokens) == 0 {
		return checkHost(r)
	}
	secret := path
	if scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(rest)
	}
	hash := sha256.Sum256([]byte(secret))
	known, access := 0, Access(0)
	for i := range h.tokens { // all of them, so that the time tells nothing
		same := subtle.ConstantTimeCompare(hash[:], h.tokens[i].hash[:])
		known |= same
		access |= h.tokens[i].access & -Access(same)
	}
	switch {
	case secret == "":
		return problem{status: http.StatusUnauthorized, text: "this host wants a token: Authorization: Bearer TOKEN"}
	case known == 0:
		return problem{status: http.StatusUnauthorized, text: "the host does not know this token"}
	case access&need != need:
		return refuse(http.StatusForbidden, "this token is for %s, and this needs one for %s", access, need)
	}
	return nil
}

// checkHost refuses what a browser sends that was told a name for a loopback
// address (DNS rebinding): to the browser that is the site of the name's owner.
func checkHost(r *http.Request) error {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return nil
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(name) != nil {
		return nil
	}
	return refuse(http.StatusMisdirectedRequest,
		"a host without tokens does not answer to the name %s on a loopback address: want localhost", short(name))
}

// checkSite refuses what a web page of another site can send.
func (h *Handler) checkSite(r *http.Request) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return refuse(http.StatusForbidden, "another web site has sent this request")
	}
	if h.cross.Check(r) != nil {
		return refuse(http.StatusForbidden, "another web site has sent this request")
	}
	return nil
}
