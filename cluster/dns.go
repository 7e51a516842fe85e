package main

import (
	"github.com/coredns/coredns/coremain"

	// Only what a cluster's own names need: no forwarding, so a name outside
	// the cluster fails at once instead of waiting for an unreachable server.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func runCoreDNS() int {
	coremain.Run()
	return 0
}
