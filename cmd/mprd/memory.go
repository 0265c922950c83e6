package main

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// softLimit is when garbage is collected more often than garbagePercent asks for: three quarters of the
// memory, in bytes. The rest is for the kernel's cache of the databases. 0 means that nothing is known.
func softLimit(memory uint64) int64 {
	return int64(min(memory/4*3, math.MaxInt64))
}

// memoryBytes is what the process may use: the machine's memory, or what its control groups (version 2) leave
// of it. root is the file system from its root. It is 0 where Linux's files are not.
func memoryBytes(root fs.FS) uint64 {
	bytes := meminfo(root)
	for group := controlGroup(root); ; group = path.Dir(group) {
		text, _ := fs.ReadFile(root, path.Join("sys/fs/cgroup", group, "memory.max"))
		limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no limit
		if err == nil && (bytes == 0 || limit < bytes) {
			bytes = limit
		}
		if group == "/" {
			return bytes
		}
	}
}

// meminfo is MemTotal of /proc/meminfo, in bytes.
func meminfo(root fs.FS) uint64 {
	text, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "MemTotal:" || fields[2] != "kB" {
			continue
		}
		if kib, err := strconv.ParseUint(fields[1], 10, 54); err == nil {
			return kib << 10
		}
	}
	return 0
}

// controlGroup is the path of the process's group below /sys/fs/cgroup; "/" if it is not known.
func controlGroup(root fs.FS) string {
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path.Clean("/" + group)
		}
	}
	return "/"
}
