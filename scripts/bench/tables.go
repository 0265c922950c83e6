package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// side is a table of the rows of several benches, one column each.
type side struct {
	title, note string
	benches     []string
	ratio       bool // show the ratio to the floor
}

var sides = []side{
	{"Application",
		"µs of processor time; in brackets µs by the clock; × is in verifications of the same seconds.",
		[]string{"application at 10 thousand", "application at 1000 thousand"}, true},
	{"One validator", "", []string{"node, validators: 1", "kvstore, validators: 1"}, false},
	{"Four validators", "", []string{"node, validators: 4", "kvstore, validators: 4"}, false},
	{"Executing: four validators, three executors", "", []string{"O2, four validators"}, false},
	{"The watchdog: the application alone",
		"ms of processor time a block, in brackets ms by the clock.", []string{"block without txs"}, false},
	{"Blocks of a chain with stake: the application alone",
		"ms of processor time, the median of the blocks, in brackets ms by the clock; × is in verifications.",
		[]string{"execution", "staging", "commit", "together", benchWorst}, true},
	{"Txs of a chain with stake",
		"µs of processor time; in brackets µs by the clock; × is in verifications. A block of each alone.",
		[]string{"Heartbeat", "RegisterValidator", "ProposeSlash"}, true},
	{"Others", "", []string{"floor", "CheckTx", "application"}, true},
}

// tables writes the rows of the JSON lines in from as Markdown.
func tables(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the machine
	var rows []row
	head := lines.Text()
	for lines.Scan() {
		var one row
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return err
		}
		rows = append(rows, one)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	text := &strings.Builder{}
	fmt.Fprintf(text, "# Tables of the last run\n\nMade by the bench from `%s`; README.md says what "+
		"they mean.\n\n```\n%s\n```\n", filepath.Base(from), head)
	for _, s := range sides {
		s.benches = slices.DeleteFunc(slices.Clone(s.benches), func(bench string) bool {
			return !slices.ContainsFunc(rows, func(one row) bool { return one.Bench == bench })
		})
		if len(s.benches) > 0 {
			s.write(text, rows)
		}
	}
	return os.WriteFile(to, []byte(text.String()), 0o644)
}

func (s *side) write(text *strings.Builder, rows []row) {
	fmt.Fprintf(text, "\n## %s\n\n", s.title)
	if s.note != "" {
		fmt.Fprintf(text, "%s\n\n", s.note)
	}
	fmt.Fprintf(text, "| | unit | %s |\n|---|---|%s\n", strings.Join(s.benches, " | "),
		strings.Repeat("--:|", len(s.benches)))
	var metrics []string
	var notes []string
	for _, one := range rows {
		if !slices.Contains(s.benches, one.Bench) {
			continue
		}
		if !slices.Contains(metrics, one.Metric) {
			metrics = append(metrics, one.Metric)
		}
		if one.Note != "" {
			notes = append(notes, fmt.Sprintf("- %s, %s: %s", one.Bench, one.Metric, one.Note))
		}
	}
	for _, metric := range metrics {
		unit, cells := "", make([]string, len(s.benches))
		for _, one := range rows {
			if i := slices.Index(s.benches, one.Bench); i >= 0 && one.Metric == metric {
				unit, cells[i] = one.Unit, s.cell(one)
			}
		}
		fmt.Fprintf(text, "| %s | %s | %s |\n", metric, unit, strings.Join(cells, " | "))
	}
	if len(notes) > 0 {
		fmt.Fprintf(text, "\n%s\n", strings.Join(notes, "\n"))
	}
}

func (s *side) cell(one row) string {
	cell := fmt.Sprintf("%.2f", one.Value)
	if one.Value >= 100 {
		cell = fmt.Sprintf("%.0f", one.Value)
	}
	if one.Wall > 0 {
		cell += fmt.Sprintf(" (%.1f)", one.Wall)
	}
	switch {
	case s.ratio && one.Floor >= 100:
		cell += fmt.Sprintf(" ×%.0f", one.Floor)
	case s.ratio && one.Floor > 0:
		cell += fmt.Sprintf(" ×%.2f", one.Floor)
	}
	return cell
}
