package syncd

import (
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Entry is one live index as the phone reads it. Value is the SyncActionValue as protojson without its
// timestamp, Version the patch that set it, Author that patch's device.
type Entry struct {
	Index   []string        `json:"index"`
	Value   json.RawMessage `json:"value"`
	Version uint64          `json:"version"`
	Author  uint16          `json:"author"`
}

// View is a collection as the phone reads it, its entries ordered by index. Hash is its LTHash in hex.
type View struct {
	Name    string  `json:"name"`
	Version uint64  `json:"version"`
	Hash    string  `json:"hash"`
	Entries []Entry `json:"entries"`
}

// View returns what the phone sees of a collection. If an index is live under several keys, the newest
// mutation counts.
func (b *Book) View(name string) (View, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return View{}, err
	}
	view := View{
		Name: name, Version: target.version(), Hash: hex.EncodeToString(target.hash[:]),
		Entries: []Entry{},
	}
	for _, records := range target.records {
		view.Entries = append(view.Entries, newest(records).entry())
	}
	slices.SortFunc(view.Entries, func(a, b Entry) int { return slices.Compare(a.Index, b.Index) })
	return view, nil
}

// newest picks the record with the highest timestamp, of equal ones that of the later patch.
func newest(records map[string]*record) *record {
	var best *record
	for _, candidate := range records {
		if best == nil || candidate.isNewerThan(best) {
			best = candidate
		}
	}
	return best
}

func (r *record) isNewerThan(other *record) bool {
	if r.mutatedMS != other.mutatedMS {
		return r.mutatedMS > other.mutatedMS
	}
	if r.version != other.version {
		return r.version > other.version
	}
	return r.key.timestampMS > other.key.timestampMS
}

func (r *record) entry() Entry {
	return Entry{
		Index: slices.Clone(r.index), Value: slices.Clone(r.value), Version: r.version, Author: r.author,
	}
}
