package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// nobody is who runs the program of a root executor: Debian's nobody and nogroup.
const nobody = 65534

// file is the gateway where there is no HAProxy: the exec driver's program writes the spec down.
type file struct {
	dir   string // of the program and the file; its user must reach it
	certs *certificates
}

// startFile makes the folder that the program of the example works in.
func startFile(example string, certs *certificates) (*file, error) {
	program, err := os.ReadFile(filepath.Join(example, "apply-to-file.sh"))
	if err != nil {
		return nil, err
	}
	f := &file{certs: certs}
	if f.dir, err = os.MkdirTemp("", "mprd-demo"); err != nil {
		return nil, err
	}
	err = errors.Join(os.Chmod(f.dir, 0o711), os.Mkdir(filepath.Join(f.dir, "state"), 0o700),
		os.WriteFile(f.program(), program, 0o755), os.Chmod(f.program(), 0o755))
	if err == nil && os.Geteuid() == 0 {
		err = os.Chown(filepath.Join(f.dir, "state"), nobody, nobody)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *file) program() string { return filepath.Join(f.dir, "apply") }

func (f *file) close() { _ = os.RemoveAll(f.dir) }

func (f *file) drivers(string) string {
	user := "processes_max = 4096" // of a user who runs much else
	if os.Geteuid() == 0 {
		user = fmt.Sprintf("uid = %d\ngid = %d", nobody, nobody)
	}
	return fmt.Sprintf(`[[driver]]
kind = "exec"
argv = [%q]
dir = %q
fence_dir = %q
targets = [%q]
%s
`, f.program(), filepath.Join(f.dir, "state"), filepath.Join(f.dir, "fences"), edge, user)
}

// see reads what the program was told.
func (f *file) see(e *effect) (string, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, "state", edge+".json"))
	if err != nil {
		return "", err
	}
	var task struct {
		Spec struct {
			Backends []struct {
				Name      string `json:"name"`
				WeightBps uint32 `json:"weight_bps"`
			} `json:"backends"`
			RequestsPerSecond int  `json:"requests_per_second"`
			Burst             int  `json:"burst"`
			Paused            bool `json:"paused"`
			Replicas          int  `json:"replicas"`
			Credentials       []struct {
				Name    string `json:"name"`
				Version string `json:"version"`
				Digest  string `json:"digest"`
			} `json:"credentials"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &task); err != nil {
		return "", err
	}
	spec := &task.Spec
	switch {
	case e.SharesBps != nil:
		var parts []string
		for _, b := range spec.Backends {
			parts = append(parts, fmt.Sprintf("%s %d", b.Name, b.WeightBps))
			if e.SharesBps[b.Name] != b.WeightBps {
				return "", fmt.Errorf("%s has %d bps, want %d", b.Name, b.WeightBps, e.SharesBps[b.Name])
			}
		}
		return agree("shares "+strings.Join(parts, ", "), len(spec.Backends) == len(e.SharesBps))
	case e.Rate != nil:
		return agree(fmt.Sprintf("%d requests/s, burst %d", spec.RequestsPerSecond, spec.Burst),
			*e.Rate == rate{spec.RequestsPerSecond, spec.Burst})
	case e.Certificate != "":
		if len(spec.Credentials) != 1 {
			return "", fmt.Errorf("%d credentials, want one", len(spec.Credentials))
		}
		c := spec.Credentials[0]
		return agree(fmt.Sprintf("certificate %s, digest %.8s…", c.Version, c.Digest),
			c.Name == credential && c.Version == e.Certificate && c.Digest == f.certs.digest(c.Version))
	case len(e.Answering) == 0:
		return agree(fmt.Sprintf("paused: %t", spec.Paused), spec.Paused)
	}
	return agree(fmt.Sprintf("%d replicas, paused: %t", spec.Replicas, spec.Paused),
		!spec.Paused && slices.Equal(e.Answering, backends[:min(spec.Replicas, len(backends))]))
}

func agree(text string, holds bool) (string, error) {
	if !holds {
		return text, errors.New("that is not what was asked for")
	}
	return text, nil
}
