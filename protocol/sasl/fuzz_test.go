package sasl

import "testing"

// Nobody logs in by bytes that were not made with the password, and nothing
// panics, on either side.
func FuzzLogin(f *testing.F) {
	response, err := NewClient(zoo, "test", "pass", "cnonce==").Respond(NewServer(zoo, "nonce==", users).Challenge())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response)
	f.Add(NewServer(zoo, "nonce==", users).Challenge())
	f.Add([]byte(`rspauth=00,x="\"",,=`))
	f.Fuzz(func(t *testing.T, token []byte) {
		server := NewServer(zoo, "another nonce", users) // no seed answers it
		if user, _, err := server.Answer(token); err == nil {
			t.Errorf("logged in as %q by %q", user, token)
		}
		client := NewClient(zoo, "test", "pass", "c")
		if _, err := client.Respond(token); err == nil && client.Check(token) == nil {
			t.Errorf("%q is its own proof", token)
		}
	})
}
