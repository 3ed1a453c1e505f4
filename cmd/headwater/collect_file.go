// The file of the collect command: sources and limits, in YAML.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/headwater-dev/analytics/collector"
)

// collectFile is what the file may say. A member that is not here is an error,
// since a misspelt one would otherwise do nothing.
type collectFile struct {
	Strict    bool          `yaml:"strict"`
	KnownKeys bool          `yaml:"known_keys"`
	Rate      int           `yaml:"rate"`
	MaxAge    time.Duration `yaml:"max_age"`
	MaxBytes  size          `yaml:"max_bytes"`
	Hosts     []string      `yaml:"hosts"`
	Sources   []struct {
		ID       string `yaml:"id"`
		Name     string `yaml:"name"`
		Type     string `yaml:"type"`
		Key      string `yaml:"key"`
		Disabled bool   `yaml:"disabled"`
		Deleted  bool   `yaml:"deleted"`
		Filters  []struct {
			Call     string `yaml:"call"`
			Event    string `yaml:"event"`
			Property string `yaml:"property"`
			Trait    string `yaml:"trait"`
			Value    string `yaml:"value"`
		} `yaml:"filters"`
	} `yaml:"sources"`
}

// readCollectFile reads the file of that name. The error names it, and the line.
func readCollectFile(name string) (*collectFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close() // it was only read
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	var file collectFile
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("--config %s: %w", name, err)
	}
	return &file, nil
}

// UnmarshalYAML reads a size as the command line does.
func (s *size) UnmarshalYAML(node *yaml.Node) error { return s.UnmarshalText([]byte(node.Value)) }

// options are the file's part of a collector's options.
func (f *collectFile) options() *collector.Options {
	o := &collector.Options{
		Strict: f.Strict, KnownKeys: f.KnownKeys, RateLimit: f.Rate, MaxAge: f.MaxAge, MaxBytes: int64(f.MaxBytes), Hosts: f.Hosts,
	}
	for _, src := range f.Sources {
		to := collector.Source{
			ID: src.ID, Name: src.Name, Type: src.Type, WriteKey: src.Key, Disabled: src.Disabled, Deleted: src.Deleted,
		}
		for _, filter := range src.Filters {
			to.Filters = append(to.Filters, collector.Filter(filter))
		}
		o.Sources = append(o.Sources, to)
	}
	return o
}
