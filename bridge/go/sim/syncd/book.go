// Package syncd is the app state of one account as the server keeps it and as the phone reads and writes
// it: versioned collections of encrypted patches, every MAC of which is verified. It knows no connections.
package syncd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrUnknownCollection is returned for a name that is not in Names.
var ErrUnknownCollection = errors.New("unknown collection")

// Options of a Book. PageSize bounds the patches of one answer (0: all of them). Lenient accepts what does
// not verify, as the real server must, and records it all the same. Now is the clock (nil: the real one).
type Options struct {
	PageSize int
	Lenient  bool
	Now      func() time.Time
}

// Change is a patch that was accepted from a companion, for the notifications to the others.
type Change struct {
	Collection string
	Version    uint64
	Author     uint16 // 0: the phone
}

// Violation is something that a client must never do.
type Violation struct {
	Device uint16 `json:"device"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Book holds the app state of one account.
//
// One mutex guards everything in it. It is held from the check of a version until the patch is appended,
// and covers computation only: nothing blocks under it.
type Book struct {
	options Options

	mu          sync.Mutex
	keys        keyring
	collections map[string]*collection
	keep        Keep // nil: there are no snapshots
}

// New makes an empty book with a first key.
func New(options Options) *Book {
	if options.Now == nil {
		options.Now = time.Now
	}
	book := &Book{options: options, collections: make(map[string]*collection)}
	for _, name := range Names {
		book.collections[name] = newCollection(name)
	}
	book.Rotate()
	return book
}

// Keys returns every key, the newest last.
func (b *Book) Keys() []Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := make([]Key, len(b.keys.keys))
	for i, key := range b.keys.keys {
		keys[i] = key.clone()
	}
	return keys
}

// Rotate makes a key that the phone writes with from now on. The old ones stay valid.
func (b *Book) Rotate() Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	timestampMS := b.options.Now().UnixMilli()
	epoch, rawID := uint32(1), binary.BigEndian.Uint32(random(4))
	if count := len(b.keys.keys); count > 0 {
		last := b.keys.keys[count-1]
		timestampMS = max(timestampMS, last.TimestampMS+1)
		epoch, rawID = binary.BigEndian.Uint32(last.ID[2:])+1, last.Fingerprint.RawID
	}
	key := newKey(epoch, timestampMS, rawID)
	b.keys.add(key)
	return key.clone()
}

// Write lets the phone write one patch, and returns its version.
func (b *Book) Write(name string, mutations ...Mutation) (uint64, error) {
	if err := checkMutations(mutations); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return 0, err
	}
	if err = target.write(&b.keys, b.options.Now().UnixMilli(), mutations); err != nil {
		return 0, err
	}
	return target.version(), nil
}

// Hash returns a collection's LTHash and version.
func (b *Book) Hash(name string) ([128]byte, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return [128]byte{}, 0, err
	}
	return target.hash, target.version(), nil
}

// Patches returns the encoded patches of a collection in order, none for an unknown name.
func (b *Book) Patches(name string) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return nil
	}
	patches := make([][]byte, len(target.patches))
	for i, patch := range target.patches {
		patches[i] = slices.Clone(patch.Data)
	}
	return patches
}

func (b *Book) find(name string) (*collection, error) {
	target := b.collections[name]
	if target == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknownCollection, name)
	}
	return target, nil
}
