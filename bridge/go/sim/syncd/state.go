package syncd

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrInvalidState is returned for a saved book that can't be read back.
var ErrInvalidState = errors.New("invalid app-state book")

// savedBook is what is kept of a book; everything else follows from it.
type savedBook struct {
	Keys        []Key                    `json:"keys"`
	Collections map[string][]storedPatch `json:"collections"`
}

// MarshalJSON saves the keys and patches. The text holds secrets: it belongs in a file of mode 0600.
func (b *Book) MarshalJSON() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	saved := savedBook{Keys: b.keys.keys, Collections: make(map[string][]storedPatch)}
	for name, from := range b.collections {
		saved.Collections[name] = append([]storedPatch{}, from.patches...)
	}
	return json.Marshal(saved)
}

// UnmarshalJSON replaces the book's content by a saved one. The options stay; a strict book verifies every
// patch anew.
func (b *Book) UnmarshalJSON(data []byte) error {
	var saved savedBook
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidState, err)
	}
	loaded := New(b.options)
	if err := loaded.restore(saved); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.options, b.keys, b.collections = loaded.options, loaded.keys, loaded.collections
	return nil
}

func (b *Book) restore(saved savedBook) error {
	if len(saved.Keys) == 0 {
		return fmt.Errorf("%w: it has no keys", ErrInvalidState)
	}
	b.keys = keyring{}
	for _, key := range saved.Keys {
		if len(key.ID) != 6 || len(key.Data) != 32 {
			return fmt.Errorf("%w: a key of the wrong length", ErrInvalidState)
		}
		b.keys.add(key)
	}
	for name, patches := range saved.Collections {
		target, err := b.find(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidState, err)
		}
		for _, stored := range patches {
			if err = b.replay(target, stored); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Book) replay(target *collection, stored storedPatch) error {
	patch, problem := parsePatch(stored.Data)
	if problem != nil {
		return target.corrupt(*problem)
	}
	check := verification{collection: target, keys: &b.keys}
	result := check.run(patch)
	if len(check.findings) > 0 && !b.options.Lenient {
		return target.corrupt(check.findings[0])
	}
	if err := target.commit(stored.Author, patch, result); err != nil {
		return err
	}
	target.patches[len(target.patches)-1].Served = stored.Served
	return nil
}

func (c *collection) corrupt(problem finding) error {
	return fmt.Errorf("%w: %s version %d: %s", ErrInvalidState, c.name, c.version()+1, problem.detail)
}
