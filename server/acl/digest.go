package acl

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
)

// hashByName resolves the names that a Java runtime gives its message digests,
// in any case of letters.
func hashByName(name string) (func([]byte) []byte, error) {
	switch strings.ToUpper(name) {
	case "", "SHA1", "SHA-1", "SHA":
		return func(b []byte) []byte { h := sha1.Sum(b); return h[:] }, nil
	case "SHA-224", "SHA224":
		return func(b []byte) []byte { h := sha256.Sum224(b); return h[:] }, nil
	case "SHA-256", "SHA256":
		return func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }, nil
	case "SHA-384", "SHA384":
		return func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }, nil
	case "SHA-512", "SHA512":
		return func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }, nil
	case "SHA-512/224":
		return func(b []byte) []byte { h := sha512.Sum512_224(b); return h[:] }, nil
	case "SHA-512/256":
		return func(b []byte) []byte { h := sha512.Sum512_256(b); return h[:] }, nil
	case "SHA3-224":
		return func(b []byte) []byte { h := sha3.Sum224(b); return h[:] }, nil
	case "SHA3-256":
		return func(b []byte) []byte { h := sha3.Sum256(b); return h[:] }, nil
	case "SHA3-384":
		return func(b []byte) []byte { h := sha3.Sum384(b); return h[:] }, nil
	case "SHA3-512":
		return func(b []byte) []byte { h := sha3.Sum512(b); return h[:] }, nil
	case "MD5":
		return func(b []byte) []byte { h := md5.Sum(b); return h[:] }, nil
	}
	return nil, fmt.Errorf("DigestAuthenticationProvider.digestAlg: unknown algorithm %q: use SHA1, SHA-256, SHA-512, SHA3-256 or another of these families", name)
}

// digestID is user:base64(hash("user:password")); the user is the text before
// the first colon, all of it when there is none.
func (r *Rules) digestID(userPassword string) string {
	user, _, _ := strings.Cut(userPassword, ":")
	return user + ":" + base64.StdEncoding.EncodeToString(r.hash([]byte(userPassword)))
}

// validDigestID asks for two parts around colons. Java's split drops empty
// parts at the end, so "a:b:" has two and "a:" one.
func validDigestID(id string) bool {
	return strings.Count(strings.TrimRight(id, ":"), ":") == 1
}

// digestUser is the text before the first colon.
func digestUser(id string) string {
	user, _, _ := strings.Cut(id, ":")
	return user
}

func maskDigestID(id string) string {
	user, _, found := strings.Cut(id, ":")
	if !found {
		return id
	}
	return user + ":x"
}
