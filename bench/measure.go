package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

const bucket = "bench"

// bench is one run over one filled cluster.
type bench struct {
	options
	etcd       *servers.Etcd
	cluster    *servers.Cluster
	s3         *servers.S3 // nil where the lake is a folder
	binary     string      // of k8sq
	kubeconfig string
	dir        string // for lakes and profiles
	progress   io.Writer
}

// syncFigures are the figures of one `k8sq sync` as a process.
type syncFigures struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // the resident set's high-water mark, as wait4 tells it
	LakeBytes  int64   `json:"lake_bytes"`
	S3Requests int     `json:"s3_requests,omitempty"`
}

// workload is what a sync has to collect.
type workload struct {
	Name     string `json:"name"`
	clusters int
	types    string // a pattern of resource types
	Objects  int    `json:"objects"` // of all clusters together
	raw      func(ctx context.Context) (pages, error)
}

// measurement is a workload measured: in each round the same lists read raw, a first sync, and one of what has not changed.
type measurement struct {
	workload
	ListBytes int64         `json:"list_bytes"`
	Raw       []float64     `json:"raw_seconds"`
	First     []syncFigures `json:"first"`
	Unchanged []syncFigures `json:"unchanged"`
}

// measure takes turns: raw, first, unchanged, so that whatever slows the machine for a while slows all three.
func (b *bench) measure(ctx context.Context) (*figures, error) {
	f := &figures{Date: time.Now().UTC(), Pods: b.pods, S3: b.s3 != nil}
	pods := workload{Name: "pods", clusters: 1, types: "core.v1.Pod", Objects: b.pods, raw: b.readRaw}
	var err error
	if f.measurement, err = b.take(ctx, pods); err != nil {
		return nil, err
	}
	profiles := b.dir
	if b.keep != "" {
		if profiles, err = filepath.Abs(b.keep); err != nil {
			return nil, err
		}
		if err = os.MkdirAll(profiles, 0o755); err != nil {
			return nil, err
		}
	}
	for _, profiled := range []struct {
		name    string
		into    *profile
		created int
	}{{"first", &f.FirstProfile, b.pods}, {"unchanged", &f.UnchangedProfile, 0}} {
		file := filepath.Join(profiles, profiled.name+".prof")
		if _, err = b.sync(ctx, "profiled", pods, profiled.created, file); err != nil {
			return nil, err
		}
		if *profiled.into, err = readProfile(ctx, b.binary, file); err != nil {
			return nil, err
		}
	}
	if b.many > 0 {
		side := workload{Name: fmt.Sprintf("%d clusters side by side", b.many), clusters: b.many, types: pods.types, Objects: b.many * b.pods}
		side.raw = func(ctx context.Context) (pages, error) {
			return repeated(ctx, b.many, b.readRaw)
		}
		if err := b.takeMore(ctx, f, side); err != nil {
			return nil, err
		}
	}
	if b.crds > 0 {
		if err := b.fillCRDs(ctx); err != nil {
			return nil, err
		}
		custom := workload{Name: fmt.Sprintf("%d custom resource types", b.crds), clusters: 1, types: crdGroup + ".*",
			Objects: b.crds * objectsPerCRD, raw: b.readRawCRDs}
		if err := b.takeMore(ctx, f, custom); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (b *bench) takeMore(ctx context.Context, f *figures, work workload) error {
	taken, err := b.take(ctx, work)
	f.Scale = append(f.Scale, taken)
	return err
}

// take measures a workload.
func (b *bench) take(ctx context.Context, work workload) (measurement, error) {
	m := measurement{workload: work}
	for round := range b.rounds {
		raw, err := work.raw(ctx)
		if err != nil {
			return m, err
		}
		m.ListBytes = raw.bytes
		m.Raw = append(m.Raw, raw.took.Seconds())
		lake := fmt.Sprintf("%s-%d", strings.ReplaceAll(work.Name, " ", "-"), round)
		first, err := b.sync(ctx, lake, work, work.Objects, "")
		if err != nil {
			return m, err
		}
		m.First = append(m.First, first)
		unchanged, err := b.sync(ctx, lake, work, 0, "")
		if err != nil {
			return m, err
		}
		m.Unchanged = append(m.Unchanged, unchanged)
		fmt.Fprintf(b.progress, "%s, round %d: raw %.2f s, first %.2f s (%.0f MB), unchanged %.2f s (%.0f MB)\n", work.Name, round+1,
			raw.took.Seconds(), first.Seconds, float64(first.PeakBytes)/1e6, unchanged.Seconds, float64(unchanged.PeakBytes)/1e6)
	}
	return m, nil
}

// repeated reads so many times.
func repeated(ctx context.Context, times int, read func(context.Context) (pages, error)) (all pages, err error) {
	for range times {
		one, err := read(ctx)
		if err != nil {
			return all, err
		}
		all.objects, all.bytes, all.took = all.objects+one.objects, all.bytes+one.bytes, all.took+one.took
	}
	return all, nil
}

// sync runs `k8sq sync` of a workload into the named lake and checks that it created as many objects as it should.
func (b *bench) sync(ctx context.Context, name string, work workload, created int, profileFile string) (syncFigures, error) {
	config := filepath.Join(b.dir, name+".hcl")
	url, files := filepath.Join(b.dir, "lakes", name), filepath.Join(b.dir, "lakes", name)
	attributes, requests := "", 0
	if b.s3 != nil {
		url, files = "s3://"+bucket+"/"+name, filepath.Join(b.s3.Data, bucket, name)
		attributes = fmt.Sprintf("endpoint = %q\n  path_style = true\n  region = \"us-east-1\"", b.s3.URL)
		requests = b.s3Requests()
	}
	content := fmt.Sprintf("lake {\n  url = %q\n  %s\n}\ncollect {\n  select {\n    resource_types = [%q]\n  }\n}\n", url, attributes, work.types)
	identity := ""
	if work.clusters > 1 {
		identity = "identity = \"any\"" // It is one cluster under several names.
	}
	for i := range work.clusters {
		content += fmt.Sprintf("provider \"kubernetes\" \"bench-%02d\" {\n  kubeconfig = %q\n  %s\n}\n", i+1, b.kubeconfig, identity)
	}
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return syncFigures{}, err
	}
	command := exec.CommandContext(ctx, b.binary, "sync", "--json", "--config", config)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "K8SQ_CACHE=" + filepath.Join(b.dir, "cache"), "K8SQ_CPUPROFILE=" + profileFile}
	if b.s3 != nil {
		command.Env = append(command.Env, "AWS_ACCESS_KEY_ID="+b.s3.AccessKey, "AWS_SECRET_ACCESS_KEY="+b.s3.SecretKey)
	}
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	begin := time.Now()
	err := command.Run()
	took := time.Since(begin)
	if err != nil {
		return syncFigures{}, fmt.Errorf("k8sq sync: %w\n%s", err, stderr.String())
	}
	var summary struct {
		Clusters []struct{ Listed, Created, Updated, Deleted int64 }
	}
	if err := json.Unmarshal([]byte(stdout.String()), &summary); err != nil {
		return syncFigures{}, fmt.Errorf("read the summary of k8sq sync: %w", err)
	}
	sum := struct{ listed, created, others int64 }{}
	for _, cluster := range summary.Clusters {
		sum.listed, sum.created, sum.others = sum.listed+cluster.Listed, sum.created+cluster.Created, sum.others+cluster.Updated+cluster.Deleted
	}
	if len(summary.Clusters) != work.clusters || sum.listed != int64(work.Objects) || sum.created != int64(created) || sum.others != 0 {
		return syncFigures{}, fmt.Errorf("k8sq sync did not do what is to be measured: %s", stdout.String())
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return syncFigures{}, fmt.Errorf("the system tells no resource usage of k8sq")
	}
	figures := syncFigures{
		Seconds:    took.Seconds(),
		CPUSeconds: (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds(),
		PeakBytes:  usage.Maxrss * 1024,
	}
	if b.s3 != nil {
		figures.S3Requests = b.s3Requests() - requests
	}
	figures.LakeBytes, err = folderSize(files)
	return figures, err
}

// s3Requests counts the requests that the S3 server has logged.
func (b *bench) s3Requests() int {
	log, err := os.ReadFile(b.s3.Log())
	if err != nil {
		return 0
	}
	count := 0
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "| GET |") || strings.Contains(line, "| PUT |") || strings.Contains(line, "| HEAD |") || strings.Contains(line, "| DELETE |") || strings.Contains(line, "| POST |") {
			count++
		}
	}
	return count
}

func folderSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}
