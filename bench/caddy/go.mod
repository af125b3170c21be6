module tailsplice.invalid/bench/caddy

go 1.25.1

require (
	github.com/caddyserver/caddy/v2 v2.11.4
	github.com/mholt/caddy-l4 v0.1.2
)
