package cli

import "strings"

// nearest returns the word that is nearest to s, if one is near: the shortest
// that begins with it, else one that takes few changes. Capitals are small ones.
func nearest(s string, words []string) (near string) {
	s = strings.ToLower(s)
	for _, word := range words {
		begins := len(s) > 1 && strings.HasPrefix(strings.ToLower(word), s)
		if begins && (near == "" || len(word) < len(near)) {
			near = word
		}
	}
	if near != "" {
		return near
	}
	most := max(2, len(s)/3)
	for _, word := range words {
		if d := distance(strings.ToLower(word), s); d <= most && d < max(len(word), len(s)) {
			near, most = word, d-1
		}
	}
	return near
}

// distance returns the Levenshtein distance of two names: how many characters
// must be added, removed or changed to make one of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
