// What black-box tests may see of the inside.

package analytics

// DefaultConfig is the Config that New makes of a nil one.
func DefaultConfig() (Config, error) { return (*Config)(nil).withDefaults() }
