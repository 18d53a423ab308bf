package certs

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a password. Whatever prints, logs or encodes it gets stars.
type Secret string

const stars = "***"

// String is stars; string(s) is the secret.
func (Secret) String() string { return stars }

// Format is stars in every form of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(stars)) }

// MarshalJSON is stars.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(stars) }

// MarshalText is stars.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue is stars.
func (Secret) LogValue() slog.Value { return slog.StringValue(stars) }
