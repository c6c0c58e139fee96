package engine

import (
	"context"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
)

// scratch is the store that patches are decoded on: it reads through to the real one and keeps the
// writes, so that nothing is stored before a whole answer has verified.
type scratch struct {
	base  store.AppStateStore // nil: starts from nothing
	start appstate.HashState  // what the writes build on
	state appstate.HashState
	macs  map[string][]byte // index MAC → value MAC as seen here; nil: absent
	dirty map[string]bool   // index MACs that were written
}

var _ store.AppStateStore = (*scratch)(nil)

func newScratch(base store.AppStateStore, state appstate.HashState) *scratch {
	return &scratch{
		base: base, start: state, state: state,
		macs: make(map[string][]byte), dirty: make(map[string]bool),
	}
}

// isFull tells whether the scratch holds a whole collection rather than a difference.
func (s *scratch) isFull() bool { return s.base == nil }

func (s *scratch) GetAppStateVersion(context.Context, string) (uint64, [128]byte, error) {
	return s.state.Version, s.state.Hash, nil
}

func (s *scratch) PutAppStateVersion(
	_ context.Context, _ string, version uint64, hash [128]byte,
) error {
	s.state = appstate.HashState{Version: version, Hash: hash}
	return nil
}

func (s *scratch) DeleteAppStateVersion(context.Context, string) error {
	*s = *newScratch(nil, appstate.HashState{})
	return nil
}

func (s *scratch) GetAppStateMutationMAC(
	ctx context.Context, name string, indexMAC []byte,
) ([]byte, error) {
	if value, ok := s.macs[string(indexMAC)]; ok || s.base == nil {
		return value, nil
	}
	value, err := s.base.GetAppStateMutationMAC(ctx, name, indexMAC)
	if err != nil {
		return nil, fromStore(ctx, err)
	}
	s.macs[string(indexMAC)] = value
	return value, nil
}

func (s *scratch) PutAppStateMutationMACs(
	_ context.Context, _ string, _ uint64, mutations []store.AppStateMutationMAC,
) error {
	for _, mutation := range mutations {
		s.macs[string(mutation.IndexMAC)] = mutation.ValueMAC
		s.dirty[string(mutation.IndexMAC)] = true
	}
	return nil
}

func (s *scratch) DeleteAppStateMutationMACs(
	_ context.Context, _ string, indexMACs [][]byte,
) error {
	for _, indexMAC := range indexMACs {
		s.macs[string(indexMAC)] = nil
		s.dirty[string(indexMAC)] = true
	}
	return nil
}

// differences splits what was written into the indexes whose old rows go and the rows that come.
func (s *scratch) differences() (gone [][]byte, live []store.AppStateMutationMAC) {
	for indexMAC := range s.dirty {
		gone = append(gone, []byte(indexMAC))
		if value := s.macs[indexMAC]; value != nil {
			live = append(live, store.AppStateMutationMAC{
				IndexMAC: []byte(indexMAC), ValueMAC: value,
			})
		}
	}
	return gone, live
}
