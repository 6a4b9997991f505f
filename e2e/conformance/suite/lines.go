package suite

import (
	"bufio"
	"strings"
)

// ReadLines reads the lines "pass NAME", "fail NAME" and "skip NAME" of a program's output; what follows the name after a
// tab is for people. Other lines are passed over.
func ReadLines(output string) (Results, error) {
	const lineMax = 16 << 20
	results := make(Results)
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		word, name, _ := strings.Cut(strings.TrimRight(lines.Text(), "\r"), " ")
		name, _, _ = strings.Cut(name, "\t")
		if status, ok := map[string]Status{"pass": Passed, "fail": Failed, "skip": Skipped}[word]; ok && name != "" {
			results.Add(name, status)
		}
	}
	return results, lines.Err()
}
