// Package probe asks servers about themselves and puts their answers into
// values: who is connected, whose ephemerals are whose, who watches what, how a
// server stands.
//
// A server has two ways to answer, and either may be shut: the four-letter
// words of its client port, which 4lw.commands.whitelist allows one by one
// (srvr alone when it is not set, since 3.5.3), and the AdminServer's HTTP
// commands (3.5 and later; port 8080 unless admin.serverPort says otherwise).
// Every question tries the word, then the AdminServer; when both are shut the
// error says which line of zoo.cfg opens one.
//
// Texts and keys are those of Apache 3.9's server/command/*.java and
// server/admin/Commands.java, compared with a running 3.8.0.
package probe

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
)

const (
	// DefaultAdminPort is the AdminServer's (admin.serverPort).
	DefaultAdminPort = 8080

	// DefaultTimeout bounds one question to one server, both ways together.
	DefaultTimeout = 5 * time.Second

	// adminLimit bounds an answer of the AdminServer, in bytes.
	adminLimit = protocol.FourLetterLimit
)

// Via says which way an answer came.
type Via string

const (
	ByWord  Via = "4lw"
	ByAdmin Via = "AdminServer"
)

// Prober asks the servers of one ensemble. The zero value uses the defaults.
type Prober struct {
	AdminPort int           // 0 is DefaultAdminPort
	Timeout   time.Duration // of one question; 0 is DefaultTimeout

	// AdminTold: somebody said that the AdminServers have AdminPort. Without that,
	// and where several Servers share a host, an AdminServer is asked first whose
	// it is: it may be that of another ensemble.
	AdminTold bool

	// Servers are the client addresses of the ensemble, host:port.
	Servers []string

	// TLS is how to speak to ports that do; nil for plain TCP alone.
	TLS *tls.Config

	mu    sync.Mutex
	plain map[string]bool // servers that were found not to speak TLS; guarded by mu
}

// UnheardError is a question that a server answered neither way.
type UnheardError struct {
	Server string // host:port
	Word   string // the four-letter word
	First  error  // why the word was not answered
	Admin  error  // why the AdminServer did not answer
}

func (e *UnheardError) Error() string {
	return fmt.Sprintf("%s: %v; its AdminServer: %v", e.Server, e.First, e.Admin)
}

func (e *UnheardError) Unwrap() []error { return []error{e.First, e.Admin} }

// Why a word is not answered.
var (
	// ErrNotAllowed: the server runs but does not answer that word.
	ErrNotAllowed = errors.New("not in its 4lw.commands.whitelist")
	// ErrNotServing: the server runs without a quorum, or is starting.
	ErrNotServing = errors.New("it is not serving requests: it has no quorum, or is starting")
	// ErrUnknownWord: the server closed the connection without an answer.
	ErrUnknownWord = errors.New("it closed the connection without an answer: it does not know the word")

	errSilent   = errors.New("no answer in time")
	errNotAsked = errors.New("not asked")
)

// Mend is the line of zoo.cfg that lets a server answer every question here.
const Mend = "4lw.commands.whitelist=srvr,mntr,conf,cons,dump,wchs,wchp"

// Word sends a four-letter word and tells a refusal from an answer.
func (p *Prober) Word(ctx context.Context, server, word string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	answer, err := p.Exchange(ctx, server, word)
	switch {
	case err != nil:
		return "", reason(err)
	case answer == "":
		return "", ErrUnknownWord
	case Refused(answer):
		return "", ErrNotAllowed
	case strings.HasPrefix(answer, "This ZooKeeper instance is not currently serving requests"):
		return "", ErrNotServing
	}
	return answer, nil
}

// Refused tells whether an answer says that the word is not allowed: by its
// first line (ServerCnxn.java, 3.8.0), which zkserver follows with the mend.
func Refused(answer string) bool {
	line, _, _ := strings.Cut(answer, "\n")
	return strings.HasSuffix(line, " is not executed because it is not in the whitelist.")
}

// reason is the core of a network error: what the system said, without the
// addresses that are told beside it.
func reason(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errSilent
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func (p *Prober) timeout() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return DefaultTimeout
}

// ask tries the word, then the AdminServer's command. One of the two functions
// reads the answer.
func (p *Prober) ask(ctx context.Context, server, word, command string, read func(text string) error, admin func(body []byte) error) (Via, error) {
	text, err := p.Word(ctx, server, word)
	if err == nil {
		err = read(text)
		if err == nil {
			return ByWord, nil
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if errors.Is(err, errSilent) { // nor would its AdminServer be heard
		return "", &UnheardError{Server: server, Word: word, First: err, Admin: errNotAsked}
	}
	body, adminErr := p.Admin(ctx, server, command)
	if adminErr == nil {
		if adminErr = admin(body); adminErr == nil {
			return ByAdmin, nil
		}
	}
	return "", &UnheardError{Server: server, Word: word, First: err, Admin: adminErr}
}

// Admin asks the AdminServer on a server's host and returns the JSON body.
func (p *Prober) Admin(ctx context.Context, server, command string) ([]byte, error) {
	if p.shared(server) || !p.AdminTold && p.TLS == nil { // an AdminServer does not tell its server's secure port
		if err := p.sameServer(ctx, server); err != nil {
			return nil, err
		}
	}
	return p.adminGet(ctx, server, command)
}

func (p *Prober) adminGet(ctx context.Context, server, command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	addr := p.adminAddr(server)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/commands/"+command, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, reason(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, adminLimit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, reason(err))
	}
	var head struct {
		Command string
		Error   *string
	}
	switch err := json.Unmarshal(body, &head); {
	case err != nil || head.Command == "":
		return nil, fmt.Errorf("%s does not answer as an AdminServer (HTTP %d)", addr, resp.StatusCode)
	case head.Error != nil:
		return nil, fmt.Errorf("%s: %s", addr, *head.Error)
	}
	return body, nil
}

func (p *Prober) adminAddr(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		host = server
	}
	port := p.AdminPort
	if port == 0 {
		port = DefaultAdminPort
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// shared tells whether another server of the ensemble has the same host.
func (p *Prober) shared(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	for _, s := range p.Servers {
		if h, _, _ := net.SplitHostPort(s); h == host && s != server {
			return true
		}
	}
	return false
}

// sameServer is nil when the AdminServer on the host of a server is that
// server's: its configuration names the client port.
func (p *Prober) sameServer(ctx context.Context, server string) error {
	body, err := p.adminGet(ctx, server, "configuration")
	if err != nil {
		return err
	}
	var conf struct {
		Port int `json:"client_port"`
	}
	_, port, _ := net.SplitHostPort(server)
	if err := json.Unmarshal(body, &conf); err != nil || strconv.Itoa(conf.Port) != port {
		return fmt.Errorf("%s belongs to the server at client port %d", p.adminAddr(server), conf.Port)
	}
	return nil
}
