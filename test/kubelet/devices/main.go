// A device plugin of the kubelet, for pods that are not privileged: `devices NAME=PATH...` offers each device file to ten
// pods as `squat.ai/NAME`, the names that manifests/overlays/capabilities asks for.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

type plugin struct {
	api.UnimplementedDevicePluginServer
	path string
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

func (p *plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	var all []*api.Device
	for i := range 10 {
		all = append(all, &api.Device{ID: fmt.Sprint(i), Health: api.Healthy})
	}
	if err := stream.Send(&api.ListAndWatchResponse{Devices: all}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (p *plugin) Allocate(_ context.Context, wanted *api.AllocateRequest) (*api.AllocateResponse, error) {
	spec := &api.DeviceSpec{ContainerPath: p.path, HostPath: p.path, Permissions: "rw"}
	answer := &api.AllocateResponse{}
	for range wanted.ContainerRequests {
		one := &api.ContainerAllocateResponse{Devices: []*api.DeviceSpec{spec}}
		answer.ContainerResponses = append(answer.ContainerResponses, one)
	}
	return answer, nil
}

func offer(name, path string) error {
	endpoint := "moorage-test-" + name + ".sock"
	socket := filepath.Join(api.DevicePluginPath, endpoint)
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, &plugin{path: path})
	go func() { log.Fatal(server.Serve(listener)) }()
	kubelet, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer kubelet.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: endpoint, ResourceName: "squat.ai/" + name}
	_, err = api.NewRegistrationClient(kubelet).Register(ctx, request)
	return err
}

func main() {
	for _, word := range os.Args[1:] {
		name, path, _ := strings.Cut(word, "=")
		if err := offer(name, path); err != nil {
			log.Fatalf("%s is not offered: %v", word, err)
		}
	}
	select {}
}
