package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// provisionerName is the provisioner of the storage class that it serves.
const provisionerName = "mlwright.dev/directory"

// provisioner makes a directory of the node for each claim of its class and
// removes it when the claim is gone. One node, one file system: every access
// mode is true here.
type provisioner struct {
	client  kubernetes.Interface
	claims  listers.PersistentVolumeClaimLister
	volumes listers.PersistentVolumeLister
	class   string
	root    string
}

func runProvisioner() int {
	flags := flag.NewFlagSet("provisioner", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "path of the kubeconfig to use")
	root := flags.String("root", "", "directory of the node that holds the volumes")
	class := flags.String("class", "standard", "storage class to serve")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return 2
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kube provisioner:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	serveVolumes(ctx, kubernetes.NewForConfigOrDie(config), *class, *root)
	return 0
}

func serveVolumes(ctx context.Context, client kubernetes.Interface, class, root string) {
	factory := informers.NewSharedInformerFactory(client, 0)
	p := &provisioner{
		client:  client,
		claims:  factory.Core().V1().PersistentVolumeClaims().Lister(),
		volumes: factory.Core().V1().PersistentVolumes().Lister(),
		class:   class,
		root:    root,
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	// A glance at a local cache costs nothing, so there is no queue: what fails
	// now is tried again a moment later.
	wait.UntilWithContext(ctx, p.round, 200*time.Millisecond)
}

func (p *provisioner) round(ctx context.Context) {
	claims, err := p.claims.List(everything)
	if err != nil {
		klog.ErrorS(err, "Listing claims failed")
		return
	}
	for _, claim := range claims {
		if p.wants(claim) {
			report("create", claim.Name, p.create(ctx, claim))
		}
	}
	volumes, err := p.volumes.List(everything)
	if err != nil {
		klog.ErrorS(err, "Listing volumes failed")
		return
	}
	for _, volume := range volumes {
		if p.isFinished(volume) {
			report("remove", volume.Name, p.remove(ctx, volume))
		}
	}
}

func report(action, name string, err error) {
	if err != nil {
		klog.ErrorS(err, "Volume action failed", "action", action, "name", name)
	}
}

// wants tells whether a claim waits for a volume that does not exist yet.
func (p *provisioner) wants(claim *core.PersistentVolumeClaim) bool {
	if ptr.Deref(claim.Spec.StorageClassName, "") != p.class || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
		return false
	}
	_, err := p.volumes.Get(volumeName(claim))
	return errors.IsNotFound(err)
}

func (p *provisioner) isFinished(volume *core.PersistentVolume) bool {
	return volume.Annotations[provisionedBy] == provisionerName &&
		volume.Status.Phase == core.VolumeReleased && volume.DeletionTimestamp == nil
}

func (p *provisioner) create(ctx context.Context, claim *core.PersistentVolumeClaim) error {
	path := filepath.Join(p.root, volumeName(claim))
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	// Pods run as a user of their own and hostPath knows no fsGroup: all may write,
	// whatever the umask said.
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // see above
		return err
	}
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, newVolume(claim, path), meta.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil // the cache has not seen the round before this one
	}
	return err
}

func (p *provisioner) remove(ctx context.Context, volume *core.PersistentVolume) error {
	if err := os.RemoveAll(filepath.Join(p.root, volume.Name)); err != nil {
		return err
	}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}
