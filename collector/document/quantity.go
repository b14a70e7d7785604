package document

import (
	"bytes"
	"math/big"
	"strconv"
)

// sameQuantity tells whether two texts are quantities of Kubernetes (resource.Quantity) of the same value, exactly: 1 and 1000m, 1Gi and
// 1024Mi. What is no quantity is equal to nothing.
func sameQuantity(a, b []byte) bool {
	x, ok := parseQuantity(a)
	if !ok {
		return false
	}
	y, ok := parseQuantity(b)
	if !ok {
		return false
	}
	least := min(x.ten, y.ten)
	return x.scaled(least).Cmp(y.scaled(least)) == 0
}

// quantity is digits × 10^ten × 2^two.
type quantity struct {
	digits *big.Int
	ten    int
	two    uint
}

// scaled is the quantity in units of 10^least.
func (q quantity) scaled(least int) *big.Int {
	n := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(q.ten-least)), nil)
	n.Mul(n, q.digits)
	return n.Lsh(n, q.two)
}

// The longest text and the largest exponent that are taken for a quantity. A real one is at most 2^63, and the comparison of two
// arbitrary ones would cost as much as somebody likes.
const (
	longestQuantity = 64
	largestExponent = 64
)

func parseQuantity(text []byte) (quantity, bool) {
	q := quantity{digits: new(big.Int)}
	if len(text) > longestQuantity {
		return q, false
	}
	end := 0
	if end < len(text) && (text[end] == '+' || text[end] == '-') {
		end++
	}
	digits := append(make([]byte, 0, longestQuantity), text[:end]...)
	point := false
	for ; end < len(text); end++ {
		switch c := text[end]; {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
			if point {
				q.ten--
			}
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	if _, ok := q.digits.SetString(string(digits), 10); !ok {
		return q, false
	}
	suffix := text[end:]
	switch {
	case len(suffix) == 0:
		return q, true
	case len(suffix) == 2 && suffix[1] == 'i':
		power := bytes.IndexByte([]byte("KMGTPE"), suffix[0])
		q.two = uint(10 * (power + 1))
		return q, power >= 0
	case len(suffix) == 1:
		power, ok := decimalSuffixes[suffix[0]]
		q.ten += power
		return q, ok
	case suffix[0] == 'e' || suffix[0] == 'E':
		exponent, err := strconv.Atoi(string(suffix[1:]))
		q.ten += exponent
		return q, err == nil && exponent >= -largestExponent && exponent <= largestExponent
	}
	return q, false
}

var decimalSuffixes = map[byte]int{'n': -9, 'u': -6, 'm': -3, 'k': 3, 'M': 6, 'G': 9, 'T': 12, 'P': 15, 'E': 18}
