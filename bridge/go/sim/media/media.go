// Package media is the host from which clients download what is too large for a stanza: encrypted
// files, found by their path.
package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.mau.fi/util/random"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

const (
	// Prefix begins the path of every file.
	Prefix = "/blobs/"
	// Host is the name under which clients look for the files.
	Host = "mmg.whatsapp.net"

	appStateInfo = "WhatsApp App State Keys"
	historyInfo  = "WhatsApp History Keys"
	macLength    = 10
	maxFiles     = 1000
)

// Ways in which a download can fail.
const (
	NotFound  = "404"
	Forbidden = "403"
	Truncated = "truncated"
	WrongHash = "wrong_hash"
)

// Store holds the encrypted files; of too many, the oldest ones go.
//
// Its lock guards the files and is held for map access only.
type Store struct {
	mu    sync.Mutex
	files map[string]file
	order []string
}

type file struct {
	owner string
	data  []byte
}

// New makes an empty store.
func New() *Store { return &Store{files: map[string]file{}} }

// PutAppState encrypts and stores a blob of an account's app state.
func (s *Store) PutAppState(owner string, plain []byte) (*waServerSync.ExternalBlobReference, error) {
	return s.seal(owner, appStateInfo, plain)
}

// PutHistory encrypts and stores a chunk of an account's history, and lets the notice point to it.
func (s *Store) PutHistory(owner string, plain []byte, notice *waE2E.HistorySyncNotification) error {
	blob, err := s.seal(owner, historyInfo, plain)
	if err != nil {
		return err
	}
	notice.MediaKey, notice.DirectPath = blob.GetMediaKey(), blob.DirectPath
	notice.FileSHA256, notice.FileEncSHA256 = blob.GetFileSHA256(), blob.GetFileEncSHA256()
	notice.FileLength = proto.Uint64(uint64(len(plain)))
	return nil
}

func (s *Store) seal(owner, info string, plain []byte) (*waServerSync.ExternalBlobReference, error) {
	mediaKey := random.Bytes(32)
	expanded := hkdfutil.SHA256(mediaKey, nil, []byte(info), 112)
	iv, cipherKey, macKey := expanded[:16], expanded[16:48], expanded[48:80]
	data, err := cbcutil.Encrypt(cipherKey, iv, plain)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(iv)
	mac.Write(data)
	data = append(slices.Clip(data), mac.Sum(nil)[:macLength]...)
	id := hex.EncodeToString(random.Bytes(16))
	s.put(id, file{owner, data})
	plainHash, fileHash := sha256.Sum256(plain), sha256.Sum256(data)
	return &waServerSync.ExternalBlobReference{
		MediaKey: mediaKey,
		// Clients append more parameters with an ampersand.
		DirectPath:    proto.String(Prefix + id + "?ccb=1"),
		Handle:        proto.String(id),
		FileSizeBytes: proto.Uint64(uint64(len(data))),
		FileSHA256:    plainHash[:],
		FileEncSHA256: fileHash[:],
	}, nil
}

func (s *Store) put(id string, stored file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == maxFiles {
		delete(s.files, s.order[0])
		s.order = s.order[1:]
	}
	s.files[id], s.order = stored, append(s.order, id)
}

func (s *Store) get(id string) (file, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, ok := s.files[id]
	return stored, ok
}

// Handler serves the files. The function is asked for the way in which a download from an owner fails;
// the empty one succeeds.
func (s *Store) Handler(failing func(owner string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stored, ok := s.get(strings.TrimPrefix(r.URL.Path, Prefix))
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		serve(w, stored.data, failing(stored.owner))
	})
}

func serve(w http.ResponseWriter, data []byte, failure string) {
	switch failure {
	case NotFound:
		w.WriteHeader(http.StatusNotFound)
		return
	case Forbidden:
		w.WriteHeader(http.StatusForbidden)
		return
	case Truncated:
		// The length is that of the whole: the connection ends before it is reached.
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		data = data[:len(data)/2]
	case WrongHash:
		data = slices.Clone(data)
		data[0] ^= 1
	}
	_, _ = w.Write(data)
}
