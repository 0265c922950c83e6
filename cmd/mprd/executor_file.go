package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/rs/zerolog"
	"github.com/spf13/viper"

	"mprd/agent/driver"
)

// driverFile is one [[driver]] of the file: the keys of all kinds, of which each kind takes its own.
type driverFile struct {
	Kind          string        `mapstructure:"kind"`
	Targets       []string      `mapstructure:"targets"` // of exec and webhook
	FenceDir      string        `mapstructure:"fence_dir"`
	WallTime      time.Duration `mapstructure:"wall_time"`
	Argv          []string      `mapstructure:"argv"`
	Dir           string        `mapstructure:"dir"`
	Env           []string      `mapstructure:"env"`
	MemoryBytes   uint64        `mapstructure:"memory_bytes"`
	ProcessesMax  uint64        `mapstructure:"processes_max"`
	FileBytesMax  uint64        `mapstructure:"file_bytes_max"`
	OpenFilesMax  uint64        `mapstructure:"open_files_max"`
	UID           uint32        `mapstructure:"uid"`
	GID           uint32        `mapstructure:"gid"`
	URL           string        `mapstructure:"url"`
	KeyFile       string        `mapstructure:"key_file"`
	TryTime       time.Duration `mapstructure:"try_time"`
	Plaintext     bool          `mapstructure:"plaintext"`
	Socket        string        `mapstructure:"socket"`
	CredentialDir string        `mapstructure:"credential_dir"`
	Target        []targetFile  `mapstructure:"target"` // of haproxy
}

type targetFile struct {
	ID           string            `mapstructure:"id"`
	Backend      string            `mapstructure:"backend"`
	Servers      []string          `mapstructure:"servers"`
	Slots        []string          `mapstructure:"slots"`
	ThrottleMap  string            `mapstructure:"throttle_map"`
	Certificates map[string]string `mapstructure:"certificates"`
}

// readExecutorFile reads the file of targets and drivers. Unknown keys are refused.
func readExecutorFile(path string) (executorFile, error) {
	file := defaultExecutorFile()
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00")) // names have dots
	v.SetConfigFile(path)
	v.SetConfigType("toml")
	if err := v.ReadInConfig(); err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	exact := func(c *mapstructure.DecoderConfig) { c.ErrorUnused = true }
	if err := v.Unmarshal(&file, exact); err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	if len(file.Driver) == 0 {
		return file, fmt.Errorf("%s: no [[driver]]: there is nothing to operate", path)
	}
	return file, nil
}

// drivers makes the drivers of the file, by target.
func (f *executorFile) drivers(log zerolog.Logger) (map[string]driver.Driver, error) {
	all := make(map[string]driver.Driver)
	for i := range f.Driver {
		d := &f.Driver[i]
		one, targets, err := d.make(log)
		if err == nil && len(targets) == 0 {
			err = errors.New("operates no target")
		}
		if err != nil {
			return nil, fmt.Errorf("driver %d, %s: %w", i+1, d.Kind, err)
		}
		for _, target := range targets {
			if all[target] != nil {
				return nil, fmt.Errorf("driver %d, %s: target %q has a driver already", i+1, d.Kind, target)
			}
			all[target] = one
		}
	}
	return all, nil
}

// make makes the driver and says for which targets.
func (d *driverFile) make(log zerolog.Logger) (driver.Driver, []string, error) {
	switch d.Kind {
	case "exec":
		one, err := driver.NewExec(d.exec(), func(line string) { log.Info().Str("driver", "exec").Msg(line) })
		return one, d.Targets, err
	case "webhook":
		c := driver.DefaultConfigWebhook()
		c.URL, c.KeyFile, c.Plaintext = d.URL, d.KeyFile, d.Plaintext
		given(&c.WallTime, d.WallTime)
		given(&c.TryTime, d.TryTime)
		one, err := driver.NewWebhook(c)
		if err == nil {
			log.Info().Str("url", c.URL).Str("public_key", one.PublicKey()).Msg("what the receiver verifies with")
		}
		return one, d.Targets, err
	case "haproxy":
		c := driver.DefaultConfigHAProxy()
		c.Socket, c.FenceDir, c.CredentialDir = d.Socket, d.FenceDir, d.CredentialDir
		given(&c.WallTime, d.WallTime)
		c.Targets = make(map[string]driver.HAProxyTarget, len(d.Target))
		for _, t := range d.Target {
			c.Targets[t.ID] = driver.HAProxyTarget{
				Backend: t.Backend, Servers: t.Servers, Slots: t.Slots, ThrottleMap: t.ThrottleMap,
				Certificates: t.Certificates,
			}
		}
		one, err := driver.NewHAProxy(c)
		return one, slices.Sorted(maps.Keys(c.Targets)), err
	}
	return nil, nil, errors.New("kind is none of exec, webhook, haproxy")
}

func (d *driverFile) exec() driver.ConfigExec {
	c := driver.DefaultConfigExec()
	c.Argv, c.Dir, c.FenceDir, c.Env, c.UID, c.GID = d.Argv, d.Dir, d.FenceDir, d.Env, d.UID, d.GID
	given(&c.WallTime, d.WallTime)
	given(&c.MemoryBytes, d.MemoryBytes)
	given(&c.ProcessesMax, d.ProcessesMax)
	given(&c.FileBytesMax, d.FileBytesMax)
	given(&c.OpenFilesMax, d.OpenFilesMax)
	return c
}

// given puts a value that the file has over the default.
func given[T comparable](to *T, value T) {
	var zero T
	if value != zero {
		*to = value
	}
}
