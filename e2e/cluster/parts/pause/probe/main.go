// Command probe is what tests of a cluster's network run in pods: it serves a page, fetches one, or tries to connect.
// It resolves names as every Go program does, with the search domains that kubelet writes.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const usage = "usage: probe serve ADDRESS TEXT | probe get URL | probe connect ADDRESS"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	switch {
	case len(words) == 3 && words[0] == "serve":
		return http.ListenAndServe(words[1], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, words[2])
		}))
	case len(words) == 2 && words[0] == "get":
		return get(words[1])
	case len(words) == 2 && words[0] == "connect":
		connection, err := net.DialTimeout("tcp", words[1], 3*time.Second)
		if err == nil {
			connection.Close()
		}
		return err
	}
	return fmt.Errorf("%s", usage)
}

// get tries for half a minute: rules for a Service appear a moment after the Service.
func get(url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	var last error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var response *http.Response
		if response, last = client.Get(url); last != nil {
			continue
		}
		defer response.Body.Close()
		_, err := io.Copy(os.Stdout, response.Body)
		return err
	}
	return last
}
