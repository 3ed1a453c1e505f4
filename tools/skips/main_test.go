// The skip check, against streams as `go test -json` writes them.
package main

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	const permits = "# a comment\n\nTestSlow/on_disk   needs two machines\n"
	tests := []struct {
		name, stream, wantErr, wantOut string
	}{
		{
			name:   "all passed",
			stream: `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}`,
		},
		{
			name:   "package without tests",
			stream: `{"Action":"output","Package":"p","Output":"? p [no test files]\n"}` + "\n" + `{"Action":"skip","Package":"p"}`,
		},
		{
			name:    "permitted skip",
			stream:  `{"Action":"skip","Package":"p","Test":"TestSlow/on_disk"}`,
			wantOut: "skipped, permitted: p.TestSlow/on_disk (needs two machines)\n",
		},
		{
			name: "other skip",
			stream: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no disk\n"}` + "\n" +
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
			wantErr: "0 failed, 1 skipped without a permit",
			wantOut: "skipped, but not in skips.txt: p.TestA\n    a_test.go:3: no disk\n",
		},
		{
			name:    "failure",
			stream:  `{"Action":"fail","Package":"p","Test":"TestA","Output":"boom\n"}`,
			wantErr: "1 failed, 0 skipped without a permit",
			wantOut: "boom\n",
		},
		{
			name:    "a permit does not excuse a failure",
			stream:  `{"Action":"fail","Package":"p","Test":"TestSlow/on_disk"}`,
			wantErr: "1 failed, 0 skipped without a permit",
		},
		{
			name:    "not JSON",
			stream:  "a.go:1:1: expected 'package'",
			wantErr: "1 failed, 0 skipped without a permit",
			wantOut: "a.go:1:1: expected 'package'\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			permitted, err := reasons(strings.NewReader(permits))
			if err != nil {
				t.Fatal(err)
			}
			ended, err := outcomes(strings.NewReader(tt.stream))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			gotErr := ""
			if err := judge(ended, permitted, "skips.txt", &out); err != nil {
				gotErr = err.Error()
			}
			if gotErr != tt.wantErr || out.String() != tt.wantOut {
				t.Errorf("got error %q, output %q; want %q, %q", gotErr, out.String(), tt.wantErr, tt.wantOut)
			}
		})
	}
}

func TestReasonsRefusesPermitWithoutReason(t *testing.T) {
	if _, err := reasons(strings.NewReader("TestSlow\n")); err == nil {
		t.Error("a permit without a reason was accepted")
	}
}
