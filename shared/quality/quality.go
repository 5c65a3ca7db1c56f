// Package quality checks the rows of a table against the rules of a data contract. It runs when a version of a data set
// is prepared, before anybody can read the version.
//
// Rules about a single column are evaluated on its distinct values, which the profile of the version has counted already
// (Input.Values), and all other rules about single rows in one scan. Either way the counts are exact. The rows that fail are written to a file afterwards, all of
// them. A rule that cannot be evaluated, or that had nothing to check, is an error and has never passed. A rule that
// compares with the version before is skipped for the first version.
package quality

import (
	"fmt"
	"math"
	"strings"
)

// The results of a rule.
const (
	Passed  = "passed"
	Failed  = "failed"
	Error   = "error"   // it could not be evaluated, or had nothing to check
	Skipped = "skipped" // there is no version before to compare with
)

// The severities of a rule.
const (
	Warn  = "warn"
	Block = "block"
)

// Result is the result of one rule.
type Result struct {
	Rule      string   `json:"rule"`
	Kind      string   `json:"kind" doc:"Of the rule; schema: values do not have the type that the contract's schema gives the column"`
	Severity  string   `json:"severity" enum:"warn,block"`
	Weight    float64  `json:"weight"`
	Status    string   `json:"status" enum:"passed,failed,error,skipped" doc:"error: it could not be evaluated, or had nothing to check. skipped: there is no version before to compare with"`
	Checked   int64    `json:"checked" doc:"Rows that were checked"`
	Failed    int64    `json:"failed" doc:"Rows that failed; all of them are in the data set of failing rows"`
	Measured  *float64 `json:"measured,omitempty" doc:"Of completeness, the share of values; of a drift, its size; of freshness, the age of the newest value in seconds"`
	Sentence  string   `json:"sentence" doc:"The result for people to read"`
	FirstKeys []string `json:"first_keys,omitempty" doc:"The keys of the first rows that failed, if the contract names a key"`
}

// Schema is the kind of result of columns with values that do not have the type of the contract's schema.
const Schema = "schema"

// Blocks reports whether the version must not become current because of the result.
func (r Result) Blocks() bool {
	return r.Severity == Block && (r.Status == Failed || r.Status == Error)
}

// Report is the result of all rules.
type Report struct {
	Results []Result
	Rows    int64  // failing rows in File; a row that fails two rules counts twice
	File    string // Parquet file of the failing rows; empty: there are none
}

// Score is the share of the weight of the evaluated rules that passed, or nil if none was evaluated.
func Score(results []Result) *float64 {
	var passed, all float64
	for _, r := range results {
		if r.Status == Skipped {
			continue
		}
		all += r.Weight
		if r.Status == Passed {
			passed += r.Weight
		}
	}
	if all == 0 {
		return nil
	}
	score := math.Round(passed/all*1e6) / 1e6
	return &score
}

// Blocked says why the version is blocked, or is empty if it is not.
func Blocked(results []Result) string {
	var reasons []string
	more := 0
	for _, r := range results {
		if !r.Blocks() {
			continue
		}
		if len(reasons) == 5 {
			more++
			continue
		}
		reason := r.Sentence
		if len(r.FirstKeys) > 0 {
			reason += " First keys: " + strings.Join(r.FirstKeys, "; ") + "."
		}
		reasons = append(reasons, reason)
	}
	if more > 0 {
		reasons = append(reasons, fmt.Sprintf("%d more rules block it.", more))
	}
	return strings.Join(reasons, " ")
}
