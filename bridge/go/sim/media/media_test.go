package media

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A stored file is served as it was stored, or in one of the wrong ways, and an unknown one is not.
func TestServing(t *testing.T) {
	store := New()
	reference, err := store.PutAppState("15550001000", []byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	for failure, wanted := range map[string]struct {
		status int
		isSame bool
	}{
		"": {200, true}, NotFound: {404, false}, Forbidden: {403, false},
		Truncated: {200, false}, WrongHash: {200, false},
	} {
		handler := store.Handler(func(owner string) string {
			if owner != "15550001000" {
				t.Errorf("the owner is %q", owner)
			}
			return failure
		})
		answer := get(handler, reference.GetDirectPath()+"&hash=x")
		sum := sha256.Sum256(answer.Body.Bytes())
		isSame := bytes.Equal(sum[:], reference.GetFileEncSHA256())
		if answer.Code != wanted.status || isSame != wanted.isSame {
			t.Errorf("%q: status %d, the same %v", failure, answer.Code, isSame)
		}
	}
	handler := store.Handler(func(string) string { return "" })
	if answer := get(handler, Prefix+"unknown"); answer.Code != http.StatusNotFound {
		t.Errorf("status %d for a file that is none", answer.Code)
	}
}

func get(handler http.Handler, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

// The store is bounded: the oldest file makes room.
func TestOldFilesGo(t *testing.T) {
	store := New()
	first, err := store.PutAppState("1", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for range maxFiles {
		if _, err := store.PutAppState("1", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := store.get(first.GetHandle()); ok || len(store.files) != maxFiles {
		t.Errorf("%d files", len(store.files))
	}
}
