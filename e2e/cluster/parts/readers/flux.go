package main

import (
	"context"
	"encoding/json"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Exprs are the expressions of one entry of healthCheckExprs.
type Exprs struct {
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

// fluxHealth evaluates the expressions by Flux' own code, and asks kstatus, which is what Flux and others ask of kinds
// that they were told nothing about.
func fluxHealth(exprs Exprs, object map[string]any) (flux, generic string, err error) {
	// Read as the API server's answers are: whole numbers are no fractions.
	text, err := json.Marshal(object)
	if err != nil {
		return "", "", err
	}
	platform := &unstructured.Unstructured{}
	if err := platform.UnmarshalJSON(text); err != nil {
		return "", "", err
	}
	evaluator, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
		Current: exprs.Current, InProgress: exprs.InProgress, Failed: exprs.Failed,
	})
	if err != nil {
		return "", "", err
	}
	evaluated, err := evaluator.Evaluate(context.Background(), platform)
	if err != nil {
		return "", "", err
	}
	computed, err := status.Compute(platform)
	if err != nil {
		return "", "", err
	}
	return evaluated.Status.String(), computed.Status.String(), nil
}
