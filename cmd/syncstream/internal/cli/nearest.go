package cli

// nearest returns the word that is nearest to s, if one is near.
func nearest(s string, words []string) (near string) {
	most := max(2, len(s)/3)
	for _, word := range words {
		if d := distance(word, s); d <= most && d < max(len(word), len(s)) {
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
