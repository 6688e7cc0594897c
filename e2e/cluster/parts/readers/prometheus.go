package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// Scene is what Prometheus may have scraped, in promtool's notation, and when it looks at it.
type Scene struct {
	Load string `json:"load"`
	At   string `json:"at"`
}

// problems are what promtool's linter says of figures, which it parses as Prometheus does.
func problems(figures string) ([]string, error) {
	found, err := promlint.New(strings.NewReader(figures)).Lint()
	if err != nil {
		return nil, err
	}
	said := []string{}
	for _, problem := range found {
		said = append(said, problem.Metric+": "+problem.Text)
	}
	return said, nil
}

// firing are the alerts of each scene whose expression holds.
func firing(spec json.RawMessage, scenes []Scene) ([][]string, error) {
	// JSON is YAML.
	groups, errs := rulefmt.Parse(spec, false, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	all := [][]string{}
	for _, scene := range scenes {
		names, err := firingIn(groups, scene)
		if err != nil {
			return nil, err
		}
		all = append(all, names)
	}
	return all, nil
}

func firingIn(groups *rulefmt.RuleGroups, scene Scene) ([]string, error) {
	at, err := time.ParseDuration(scene.At)
	if err != nil {
		return nil, err
	}
	loader, err := promqltest.NewLazyLoader(scene.Load, promqltest.LazyLoaderOpts{})
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	now := time.Unix(0, 0).UTC().Add(at)
	loader.WithSamplesTill(now, func(failed error) { err = failed })
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			query, err := loader.QueryEngine().NewInstantQuery(
				context.Background(), loader.Queryable(), nil, rule.Expr, now)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rule.Alert, err)
			}
			result := query.Exec(context.Background())
			vector, err := result.Vector()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rule.Alert, err)
			}
			if len(vector) > 0 {
				names = append(names, rule.Alert)
			}
		}
	}
	return names, nil
}
