// Command readers shows objects, rules and figures to the very programs that will read them: Argo CD's Lua, Flux'
// health checks, kstatus, and Prometheus. It judges nothing: what each of them made of what it was shown is the answer,
// and the tests in e2e say what it should be.
//
// It reads one JSON document from standard input and writes one to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Request is what is to be read. What is left out is not read.
type Request struct {
	// Lua is an Argo CD health check.
	Lua string `json:"lua"`
	// Exprs are Flux' healthCheckExprs for the kind.
	Exprs Exprs `json:"exprs"`
	// Objects are platforms as the API server has them.
	Objects []map[string]any `json:"objects"`
	// Figures is an answer on /metrics.
	Figures string `json:"figures"`
	// Rules is the spec of a PrometheusRule.
	Rules json.RawMessage `json:"rules"`
	// Scenes are what Prometheus may have scraped.
	Scenes []Scene `json:"scenes"`
}

// Answer is what was made of it.
type Answer struct {
	Statuses []Status   `json:"statuses"`
	Problems []string   `json:"problems"`
	Firing   [][]string `json:"firing"`
}

// Status is how an object's health looks to each.
type Status struct {
	Argo        string `json:"argo"`
	ArgoMessage string `json:"argoMessage"`
	Flux        string `json:"flux"`
	Kstatus     string `json:"kstatus"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var request Request
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	answer := Answer{Statuses: []Status{}, Problems: []string{}, Firing: [][]string{}}
	for _, object := range request.Objects {
		status, err := statusOf(&request, object)
		if err != nil {
			return err
		}
		answer.Statuses = append(answer.Statuses, status)
	}
	var err error
	if request.Figures != "" {
		if answer.Problems, err = problems(request.Figures); err != nil {
			return fmt.Errorf("read the figures: %w", err)
		}
	}
	if request.Rules != nil {
		if answer.Firing, err = firing(request.Rules, request.Scenes); err != nil {
			return fmt.Errorf("read the rules: %w", err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func statusOf(request *Request, object map[string]any) (Status, error) {
	argo, message, err := argoHealth(request.Lua, object)
	if err != nil {
		return Status{}, fmt.Errorf("argo: %w", err)
	}
	flux, kstatus, err := fluxHealth(request.Exprs, object)
	if err != nil {
		return Status{}, fmt.Errorf("flux: %w", err)
	}
	return Status{Argo: argo, ArgoMessage: message, Flux: flux, Kstatus: kstatus}, nil
}
