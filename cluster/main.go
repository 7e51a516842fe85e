// Command kube is every server program of a small Kubernetes in one static
// binary. The first argument (or the name it is called by) picks the program;
// the remaining arguments are that program's own.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	_ "time/tzdata" // CronJobs name time zones that a bare host does not have

	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// lifelineVariable asks a program to end when its standard input is closed. A
// parent that holds the other end needs no clean-up code to take it along: the
// kernel closes the pipe even when the parent is killed.
const lifelineVariable = "KUBE_LIFELINE"

// programs maps each name to a function that runs it and returns its exit code.
// The functions read os.Args, as the upstream mains do.
var programs = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kube-scheduler":          runScheduler,
	"kubelet":                 runKubelet,
	"kube-proxy":              runProxy,
	"coredns":                 runCoreDNS,
	"pki":                     runPKI,
	"provisioner":             runProvisioner,
}

func main() {
	if os.Getenv(lifelineVariable) == "stdin" {
		go endWithStdin()
	}
	if run, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, ok := programs[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	fmt.Fprintf(os.Stderr, "usage: kube PROGRAM [argument...]\nPROGRAM is one of: %s\n", names())
	os.Exit(2)
}

func names() string {
	all := make([]string, 0, len(programs))
	for name := range programs {
		all = append(all, name)
	}
	sort.Strings(all)
	return strings.Join(all, ", ")
}

func endWithStdin() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
