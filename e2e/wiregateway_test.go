package e2e_test

import "testing"

// TestWireScriptsPortcullis runs the same scripts against the gateway.
func TestWireScriptsPortcullis(t *testing.T) {
	runWireScripts(t, theShop(t).url("app"), targetPortcullis)
}
