package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/audit"
	"mprd/state"
)

// finding is one thing that doctor looked at.
type finding struct {
	OK     bool   `json:"ok"`
	Advice bool   `json:"advice,omitempty"` // not ok, and no fault
	What   string `json:"what"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func doctorCommand() *cobra.Command {
	var deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with a node's home, machine and validator",
		Long: `Looks at config, genesis, keys' permissions, disk and kernel settings, and asks a node, if one
answers, whether the validator of this home is jailed, tombstoned, accused or short of money. With --deep,
while the node is stopped, at the data instead: the state opens, the supply is whole, every leaf of the log
hashes to its head.`,
		GroupID: groupNode,
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			paths := abci.PathsOf(o.Home)
			list := examine(paths)
			if deep {
				list = append(list, examineData(paths)...)
			} else {
				list = append(list, examineChain(cmd.Context(), &o, paths)...)
			}
			sick := false
			for _, f := range list {
				sick = sick || !f.OK && !f.Advice
			}
			err = o.print(cmd, "doctor", list, func(w io.Writer) {
				for _, f := range list {
					mark := "ok  "
					switch {
					case f.Advice:
						mark = "hint"
					case !f.OK:
						mark = "BAD "
					}
					fmt.Fprintf(w, "%s %-22s %s\n", mark, f.What, f.Detail)
					if !f.OK && f.Remedy != "" {
						fmt.Fprintf(w, "     what to do: %s\n", f.Remedy)
					}
				}
			})
			if err == nil && sick {
				return silent(exitError)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "also read all the data; the node must be stopped")
	return cmd
}

func examine(p abci.Paths) []finding {
	var list []finding
	config, err := readConfig(p.ConfigFile)
	list = append(list, judged("config", p.ConfigFile, err,
		"mend the named key, or remove the file and run mprd init"))
	if err == nil {
		for _, warning := range config.Warnings() {
			hint := finding{Advice: true, What: "config", Detail: warning, Remedy: "see docs/operations.md"}
			list = append(list, hint)
		}
	}
	raw, err := os.ReadFile(p.Genesis)
	if err == nil {
		err = faultsOf(p.Genesis, raw)
	}
	list = append(list, judged("genesis", p.Genesis, err, "get the chain's genesis file"))
	for _, key := range []string{p.NodeKey, p.ValidatorKey, p.ValidatorState} {
		list = append(list, private(key))
	}
	return append(list, diskSpace(p.Home), retransmissions())
}

func judged(what, detail string, err error, remedy string) finding {
	if err != nil {
		text, own, found := strings.Cut(err.Error(), "\n  what to do: ")
		if found {
			remedy = own
		}
		return finding{What: what, Detail: text, Remedy: remedy}
	}
	return finding{OK: true, What: what, Detail: detail}
}

// private holds that only the owner reads a key.
func private(path string) finding {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s has mode %o: others may read it", path, info.Mode().Perm())
	}
	return judged("key file", path, err, "chmod 600, or run mprd init for a missing one")
}

// diskFreeMin is what a node should have left.
const diskFreeMin = 2 << 30

func diskSpace(dir string) finding {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	free := uint64(s.Bavail) * uint64(s.Bsize)
	if err == nil && free < diskFreeMin {
		err = fmt.Errorf("%d MB left", free>>20)
	}
	return judged("disk", fmt.Sprintf("%d MB left", free>>20), err, "make room: a node that cannot write stops")
}

// retransmissions looks at the kernel's longest TCP retransmission time: after a network cut it decides how
// soon peers find each other again.
func retransmissions() finding {
	const name, advised = "net.ipv4.tcp_rto_max_ms", 1000
	raw, err := os.ReadFile("/proc/sys/net/ipv4/tcp_rto_max_ms")
	if err != nil {
		return finding{OK: true, What: "kernel", Detail: name + " is not offered by this kernel"}
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err == nil && value > advised {
		err = fmt.Errorf("%s is %d: healing after a network cut takes longer", name, value)
	}
	remedy := fmt.Sprintf("sysctl -w %s=%d", name, advised)
	f := judged("kernel", fmt.Sprintf("%s is %d", name, value), err, remedy)
	f.Advice = !f.OK
	return f
}

// examineData reads everything that the application keeps.
func examineData(p abci.Paths) []finding {
	const remedy = "restore the folder from a copy, or let the node sync again from its peers"
	store, err := state.OpenStore(p.App, state.StoreOptions{})
	if err != nil {
		return []finding{judged("state", p.App, err, remedy)}
	}
	defer store.Close()
	found := fmt.Sprintf("version %d, root %X", store.Version(), store.Root())
	list := []finding{judged("state", found, nil, "")}
	view := store.View()
	defer view.Close()
	nonces, err := state.LoadNonces(view)
	list = append(list, judged("nonces", "all chunks readable", err, remedy))
	if err != nil {
		return list
	}
	overlay := state.NewOverlay(view, nonces)
	if total, genesis := state.Total(overlay); total != genesis {
		err = fmt.Errorf("%d base units in all, genesis had %d", total, genesis)
	}
	list = append(list, judged("supply", "whole", err, "report this as a bug; keep the folder"))
	return append(list, examineLog(p, overlay))
}

func examineLog(p abci.Paths, o *state.Overlay) finding {
	const remedy = "restore the folder from a copy; the state beside it is not affected"
	raw := o.GetRaw(state.AuditHeadKey)
	if raw == nil {
		return finding{OK: true, What: "audit log", Detail: "no block yet"}
	}
	head, err := audit.DecodeHead(raw)
	if err != nil {
		return judged("audit log", "", err, remedy)
	}
	log, err := audit.Open(filepath.Join(p.App, abci.AuditDir))
	if err != nil {
		return judged("audit log", "", err, remedy)
	}
	defer log.Close()
	err = log.VerifyAll(head)
	return judged("audit log", fmt.Sprintf("%d records, every one rehashed", head.Size), err, remedy)
}
