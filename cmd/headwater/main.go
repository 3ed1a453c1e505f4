// The command line.
package main

import (
	"fmt"
	"os"

	_ "github.com/headwater-dev/analytics" // so that the module requires it
)

func main() {
	fmt.Fprintln(os.Stderr, "headwater: no commands yet")
	os.Exit(2)
}
