package engine

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"
)

const (
	// codeConflict is the server's answer to a patch that builds on an old version.
	codeConflict = 409
	// maxJitter spreads writers that conflict; anything longer starves the slower one.
	maxJitter = 8 * time.Millisecond
	// longestSave is what a store that nobody locks needs at most to take one record.
	longestSave = 100 * time.Millisecond
	// searchPause keeps the search for a lost patch from spinning.
	searchPause = 50 * time.Millisecond
)

// upload is one Apply under way.
type upload struct {
	engine     *Engine
	collection *collection
	outcome    Outcome
	accepted   int
	unsure     bool          // an answer was lost: a patch may be applied that nobody has seen
	repaired   bool          // the stored copy was found bad and fetched anew once
	trip       time.Duration // how long the last answer to a patch took
}

// patch is made and verified, but not yet sent.
type patch struct {
	raw       []byte
	mac       []byte
	base      appstate.HashState
	scratch   *scratch // holds what is stored when it is accepted
	mutations []appstate.Mutation
}

// encode makes the patch that builds on the stored version and proves it by decoding it.
func (e *Engine) encode(
	ctx context.Context, c *collection, mutations []appstate.MutationInfo,
) (*patch, error) {
	key, err := e.keys.latest(ctx)
	if err != nil {
		return nil, err
	}
	base, err := e.state(ctx, c.name)
	if err != nil {
		return nil, err
	}
	p := &patch{base: base, scratch: newScratch(e.store, base)}
	e.reader.AppState = p.scratch
	at := c.stamp(e.now())
	info := appstate.PatchInfo{Timestamp: at, Type: c.name, Mutations: cloned(mutations)}
	p.raw, err = e.processor.EncodePatch(ctx, key, base, info)
	if err != nil {
		return nil, asOwn(fromDecoder(ctx, err))
	}
	if len(p.raw) > MaxPatchBytes {
		return nil, ErrTooLarge
	}
	if err := e.prove(ctx, c, p); err != nil {
		return nil, err
	}
	return p, e.intend(ctx, c, at)
}

// intend writes down the time of a patch that is about to be sent. Thus no later one is older, and a
// store that can't be written, or is locked until the deadline, is known before the server has accepted
// what it couldn't keep.
func (e *Engine) intend(ctx context.Context, c *collection, at time.Time) error {
	next := c.record
	next.newestAt = at
	begun := time.Now()
	if err := e.saveRecord(ctx, c.name, next); err != nil {
		if ctx.Err() != nil && time.Since(begun) < longestSave {
			return ctx.Err() // the deadline came meanwhile: that says nothing of the store
		}
		e.options.Log.Error("app_state_store_not_writable", "collection", c.name)
		return ErrStorage
	}
	c.record = next
	e.wroteAt.Store(time.Now().UnixNano())
	return nil
}

// WroteWithin tells whether a patch of this process was sent within the time that has just passed.
func (e *Engine) WroteWithin(length time.Duration) bool {
	at := e.wroteAt.Load()
	return at > 0 && time.Since(time.Unix(0, at)) < length
}

// prove decodes the patch as every other device will.
func (e *Engine) prove(ctx context.Context, c *collection, p *patch) error {
	var own waServerSync.SyncdPatch
	if err := proto.Unmarshal(p.raw, &own); err != nil {
		return ErrOwnPatch
	}
	own.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(p.base.Version + 1)}
	list := &appstate.PatchList{Name: c.name, Patches: []*waServerSync.SyncdPatch{&own}}
	decoded, _, err := e.decode(ctx, p.scratch, patches{list: list, base: p.base})
	p.mac, p.mutations = own.GetPatchMAC(), decoded
	return asOwn(err)
}

// asOwn says of what doesn't verify that it was never sent, so that no ladder is climbed for it.
func asOwn(err error) error {
	if errors.Is(err, errCorrupt) {
		return ErrOwnPatch
	}
	return err
}

// cloned copies the values, because the encoder writes the time into them.
func cloned(mutations []appstate.MutationInfo) []appstate.MutationInfo {
	copies := make([]appstate.MutationInfo, len(mutations))
	for i, mutation := range mutations {
		copies[i] = mutation
		copies[i].Value = proto.Clone(mutation.Value).(*waSyncAction.SyncActionValue)
	}
	return copies
}

// place uploads mutations as one patch until the server has accepted them (nil, nil) or refused
// them for themselves.
func (u *upload) place(
	ctx context.Context, mutations []appstate.MutationInfo,
) (*ServerError, error) {
	sent := &sentPatches{}
	for try := 0; ; try++ {
		p, err := u.engine.encode(ctx, u.collection, mutations)
		if err != nil {
			return nil, err
		}
		sent.macs = append(sent.macs, p.mac)
		answer, err := u.send(ctx, p)
		if err == nil {
			u.accept(ctx, p, answer, sent)
			return nil, nil
		}
		refusal, err := u.respond(ctx, reply{patch: p, answer: answer, err: err, sent: sent})
		switch {
		case len(sent.versions) > 0:
			u.outcome.Version = sent.versions[0]
			return nil, nil
		case err != nil || refusal != nil:
			return refusal, err
		}
		if u.isLate(ctx) {
			return nil, context.DeadlineExceeded
		}
		if err := sleep(ctx, jitter(try)); err != nil {
			return nil, err
		}
	}
}

// isLate tells whether another patch would hardly be answered in time. Not to send it leaves no doubt about
// its fate.
func (u *upload) isLate(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < 2*u.trip
}

// reply is what came back for a patch that was not plainly accepted.
type reply struct {
	patch  *patch
	answer waBinary.Node
	err    error
	sent   *sentPatches
}

// respond does what lets the same mutations be sent again. It returns the refusal if the server
// means the mutations themselves, or the error that ends the request.
func (u *upload) respond(ctx context.Context, r reply) (*ServerError, error) {
	var refused *ServerError
	switch {
	case errors.Is(r.err, errLost):
		u.unsure = true
		u.engine.options.Counters.LostAnswers.Add(1)
		return nil, u.search(ctx, r.sent)
	case !errors.As(r.err, &refused):
		return nil, r.err
	case refused.Code == codeConflict:
		return nil, u.rebase(ctx, r)
	case refused.isRefusal():
		repaired, err := u.repair(ctx)
		if err == nil && !repaired {
			u.engine.options.Counters.Refusals.Add(1)
			return refused, nil
		}
		return nil, err
	default:
		return nil, refused
	}
}

// send uploads a patch. An error inside a successful answer is a *ServerError, with the answer.
func (u *upload) send(ctx context.Context, p *patch) (waBinary.Node, error) {
	begun := time.Now()
	answer, err := u.engine.query(ctx, waBinary.Node{
		Tag: "collection",
		Attrs: waBinary.Attrs{
			"name":            string(u.collection.name),
			"version":         p.base.Version,
			"return_snapshot": false,
		},
		Content: []waBinary.Node{{Tag: "patch", Content: p.raw}},
	})
	if errors.Is(err, ErrBadAnswer) {
		err = errLost // it says nothing of what became of the patch
	}
	if err != nil {
		return answer, err
	}
	u.trip = time.Since(begun)
	if refusal := refusalIn(answer); refusal != nil {
		return answer, refusal
	}
	return answer, nil
}

// accept stores and reports an accepted patch. The server's word is what counts: if it can't be
// stored, or if others came in between, the next fetch brings it.
func (u *upload) accept(ctx context.Context, p *patch, answer waBinary.Node, sent *sentPatches) {
	e, c := u.engine, u.collection
	u.outcome.Version = p.base.Version + 1
	version, _ := answer.AttrGetter().GetUint64("version", false)
	_, hasPatches := answer.GetOptionalChildByTag("patches")
	if version == p.base.Version+1 && !hasPatches {
		if e.commit(ctx, c, p.scratch) != nil {
			c.isBehind = true
			e.poke(c.name)
			return
		}
		e.emit(ctx, c, batch{
			scratch: p.scratch, mutations: p.mutations, own: []uint64{version},
		})
		return
	}
	if err := e.refresh(ctx, c, false, sent); err != nil {
		e.logFailure("app_state_fetch_after_apply_failed", c.name, err)
		e.poke(c.name)
	}
	if len(sent.versions) > 0 {
		u.outcome.Version = sent.versions[0]
	}
}

// rebase takes over what others wrote. The patches usually are in the answer; if they are missing,
// incomplete or don't verify, they are fetched. A server that is behind the stored copy means that
// the copy is not of this collection's history.
func (u *upload) rebase(ctx context.Context, r reply) error {
	e, c, base := u.engine, u.collection, r.patch.base
	u.outcome.Conflicts++
	e.options.Counters.Conflicts.Add(1)
	version, ok := r.answer.AttrGetter().GetUint64("version", false)
	if ok && version < base.Version {
		e.options.Log.Warn("app_state_ahead_of_server", "collection", c.name,
			"version", base.Version, "server_version", version)
		return e.refresh(ctx, c, true, r.sent)
	}
	list, err := e.parse(ctx, r.answer)
	if err == nil && len(list.Patches) > 0 {
		_, err = e.advance(ctx, c, patches{list: list, base: base, sent: r.sent})
		if err == nil && !list.HasMorePatches {
			return nil
		}
	}
	if err == nil || errors.Is(err, errCorrupt) || errors.Is(err, ErrBadAnswer) {
		return e.refresh(ctx, c, false, r.sent)
	}
	return e.settle(ctx, c, err)
}

// search finds out what became of a patch whose answer was lost, for as long as the deadline lets.
func (u *upload) search(ctx context.Context, sent *sentPatches) error {
	for {
		if err := u.engine.awaitConnection(ctx, longestCall); err != nil {
			return err
		}
		err := u.engine.refresh(ctx, u.collection, false, sent)
		if !errors.Is(err, ErrNotConnected) {
			return err
		}
		if err := sleep(ctx, searchPause); err != nil {
			return err
		}
	}
}

// repair answers a refusal that may be the fault of a bad base: if the self check finds one, the
// collection is fetched anew, once, and the patch may be tried again.
func (u *upload) repair(ctx context.Context) (bool, error) {
	if u.repaired {
		return false, nil
	}
	sound, err := u.engine.isSound(ctx, u.collection)
	if err != nil || sound {
		return false, err
	}
	u.repaired = true
	return true, u.engine.refresh(ctx, u.collection, true, nil)
}

// sentPatches are the patches of one request, of which at most one should ever be applied. A nil
// one looks for nothing.
type sentPatches struct {
	macs     [][]byte
	versions []uint64 // where they were found
}

func (s *sentPatches) look(list *appstate.PatchList) {
	if s == nil {
		return
	}
	for _, patch := range list.Patches {
		for _, mac := range s.macs {
			if bytes.Equal(mac, patch.GetPatchMAC()) {
				s.versions = append(s.versions, patch.GetVersion().GetVersion())
			}
		}
	}
}

func (s *sentPatches) versionsSeen() []uint64 {
	if s == nil {
		return nil
	}
	return s.versions
}

// jitter is nothing at first, and then a random moment up to maxJitter.
func jitter(try int) time.Duration {
	if try == 0 {
		return 0
	}
	return rand.N(maxJitter)
}
