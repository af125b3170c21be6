// Caddy with the layer4 app compiled in: the peer that tailsplice replaces in its reference deployment.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/mholt/caddy-l4/layer4"
	_ "github.com/mholt/caddy-l4/modules/l4proxy"
)

func main() {
	caddycmd.Main()
}
