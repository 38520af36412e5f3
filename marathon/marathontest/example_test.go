package marathontest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"marathon-lb/marathon/marathontest"
)

func Example() {
	ctx := context.Background()
	s := marathontest.New(marathontest.Options{})
	if err := s.Start(ctx); err != nil {
		panic(err)
	}
	defer s.Close()
	s.Create(marathontest.App{
		ID: "/dcos-101/app2", Instances: 1,
		Networks:  []marathontest.Network{{Mode: "container/bridge"}},
		Container: &marathontest.Container{PortMappings: []marathontest.PortMapping{{ContainerPort: 8080, ServicePort: 10000}}},
		Labels:    map[string]string{"HAPROXY_GROUP": "external"},
	})
	s.WaitRunning(ctx, "/dcos-101/app2", 1)
	task := s.Tasks("/dcos-101/app2")[0]

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + task.Addrs()[0].String() + "/")
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	fmt.Println(strings.Split(string(text), ",")[0], task.Requests())

	deployment, _ := s.Scale("/dcos-101/app2", 2)
	s.WaitDeployment(ctx, deployment)
	s.StopListening() // Marathon is down, its tasks are not
	s.Listen()
	fmt.Println(len(s.Tasks("/dcos-101/app2")), "tasks")
	// Output:
	// Hello from /dcos-101/app2 1
	// 2 tasks
}
