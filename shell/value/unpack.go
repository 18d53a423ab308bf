package value

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
)

const (
	// MaxUnpacked bounds what unpacking one layer may yield, in bytes. It is
	// many times the largest znode; a bomb stops there.
	MaxUnpacked = 16 << 20
	// maxLayers bounds how often unpacked data is unpacked again.
	maxLayers = 3
	// maxWindow bounds the memory that a zstd frame may ask for, in bytes.
	maxWindow = 8 << 20
)

// Layer is a way in which data is packed.
type Layer uint8

const (
	Gzip        Layer = iota + 1 // RFC 1952
	Zlib                         // RFC 1950
	Zstd                         // RFC 8878
	SnappyFrame                  // framing_format.txt of snappy
	SnappyJava                   // SnappyOutputStream of xerial's snappy-java
	SnappyBlock                  // one block without a mark
	numLayers
)

var layerNames = [numLayers]string{"", "gzip", "zlib", "zstd", "snappy", "snappy (snappy-java)", "snappy (block)"}

// String names the layer.
func (l Layer) String() string { return layerNames[l] }

// marks are the bytes that packed data begins with.
var marks = []struct {
	mark  string
	layer Layer
}{
	{"\x1f\x8b\x08", Gzip},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"\xff\x06\x00\x00sNaPpY", SnappyFrame},
	{"\x82SNAPPY\x00", SnappyJava},
}

var errTooLarge = errors.New("it unpacks to too much")

// unpack takes layer after layer off v.Data. Packed data that cannot be
// unpacked stays as it is, with a note.
func (v *Value) unpack() {
	for len(v.Layers) < maxLayers && len(v.Data) > 0 {
		layer, data, err := unpackOne(v.Data)
		switch {
		case layer == 0:
			return
		case errors.Is(err, errTooLarge):
			v.Note = fmt.Sprintf("%s, not unpacked: it unpacks to more than %d MiB", layer, MaxUnpacked>>20)
			return
		case err != nil:
			v.Note = fmt.Sprintf("%s, not unpacked: %v", layer, err)
			return
		}
		v.Layers, v.Data = append(v.Layers, layer), data
	}
}

// unpackOne tells the outermost layer of data and what is in it; 0 when data
// is not packed.
func unpackOne(data []byte) (Layer, []byte, error) {
	for _, m := range marks {
		if bytes.HasPrefix(data, []byte(m.mark)) {
			out, err := m.layer.unpack(data, MaxUnpacked)
			return m.layer, out, err
		}
	}
	// Neither has a mark of its own: it is one when it unpacks without a fault
	// (zlib, which ends with a checksum) or to text (a snappy block).
	if looksLikeZlib(data) {
		out, err := Zlib.unpack(data, MaxUnpacked)
		if err == nil || errors.Is(err, errTooLarge) {
			return Zlib, out, err
		}
	}
	if !isText(data) {
		if out, err := SnappyBlock.unpack(data, MaxUnpacked); err == nil && len(out) > 0 && isText(out) {
			return SnappyBlock, out, nil
		}
	}
	return 0, nil, nil
}

// looksLikeZlib checks the two bytes of RFC 1950: deflate, window, check bits,
// no dictionary.
func looksLikeZlib(data []byte) bool {
	return len(data) > 6 && data[0]&0x0f == 8 && data[0]>>4 <= 7 && data[1]&0x20 == 0 && (int(data[0])<<8|int(data[1]))%31 == 0
}

// unpack takes the layer off data, which yields at most limit bytes.
func (l Layer) unpack(data []byte, limit int) ([]byte, error) {
	in := bytes.NewReader(data)
	switch l {
	case Gzip:
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return bounded(r, limit)
	case Zlib:
		r, err := zlib.NewReader(in)
		if err != nil {
			return nil, err
		}
		out, err := bounded(r, limit)
		if err == nil && in.Len() > 0 {
			return nil, errors.New("something follows its end")
		}
		return out, err
	case Zstd:
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(max(limit, maxWindow))+1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return bounded(r, limit)
	case SnappyFrame:
		return bounded(s2.NewReader(in, s2.ReaderMaxBlockSize(64<<10)), limit)
	case SnappyJava:
		if err := checkXerial(data, limit); err != nil {
			return nil, err
		}
		return xerial.Decode(data)
	case SnappyBlock:
		if n, err := snappy.DecodedLen(data); err != nil || n > limit || n > maxSnappyRatio*len(data) {
			return nil, errTooLarge
		}
		return snappy.Decode(nil, data)
	}
	return nil, errors.New("an unknown layer")
}

// maxSnappyRatio is more than a snappy block can unpack to for each of its
// bytes: an element of three bytes yields at most 64.
const maxSnappyRatio = 64

// checkXerial adds up what the blocks of snappy-java's stream say they unpack
// to: a header of 16 bytes, then blocks of a four-byte length, big-endian, and
// a snappy block.
func checkXerial(data []byte, limit int) error {
	const header = 16
	if len(data) < header {
		return errors.New("its header is cut short")
	}
	total := 0
	for rest := data[header:]; len(rest) > 0; {
		if len(rest) < 4 {
			return errors.New("it is cut short")
		}
		n := int(rest[0])<<24 | int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
		if n < 0 || n > len(rest)-4 {
			return errors.New("it is cut short")
		}
		size, err := snappy.DecodedLen(rest[4 : 4+n])
		if err != nil {
			return err
		}
		if size > maxSnappyRatio*n {
			return errors.New("a block of it is damaged")
		}
		if total += size; total > limit {
			return errTooLarge
		}
		rest = rest[4+n:]
	}
	return nil
}

// bounded reads to the end, or to where it is more than limit.
func bounded(r io.Reader, limit int) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit, errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, errTooLarge
	case err != nil:
		return nil, err
	}
	return out, nil
}

// Repack packs data as v was packed, innermost layer first.
func (v *Value) Repack(data []byte) ([]byte, error) {
	for i := len(v.Layers) - 1; i >= 0; i-- {
		var err error
		if data, err = v.Layers[i].pack(data); err != nil {
			return nil, fmt.Errorf("%s: %w", v.Layers[i], err)
		}
	}
	return data, nil
}

// pack puts data into the layer. The bytes are the same whenever it is done.
func (l Layer) pack(data []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch l {
	case Gzip:
		w = gzip.NewWriter(&out)
	case Zlib:
		w = zlib.NewWriter(&out)
	case Zstd:
		e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		w = e
	case SnappyFrame:
		w = s2.NewWriter(&out, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	case SnappyJava:
		return xerial.Encode(nil, data), nil
	case SnappyBlock:
		return snappy.Encode(nil, data), nil
	default:
		return nil, errors.New("an unknown layer")
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
