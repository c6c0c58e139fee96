package rpc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyStores copies the device stores as they are, the write-ahead logs included.
func copyStores(t *testing.T, folder string) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// storeText is all that the files of a tenant's store hold.
func storeText(t *testing.T, folder, tenantID string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, tenantID+".db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the tenant has no store: %v", err)
	}
	var text strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}
