package demo

import (
	"fmt"
	"strings"
)

// The rows that the demo loads. They are made up by counting, so that each run tells the same story.
const (
	customersMade     = 1200
	ordersPerCustomer = 3
)

var (
	firstNames = []string{"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Dennis", "Margaret", "Ken",
		"Radia", "Niklaus", "Hedy", "Claude", "Karen", "John", "Lynn", "Leslie", "Shafi", "Whitfield", "Mary", "Tony", "Jean",
		"Robin", "Adele", "Butler", "Evelyn", "Peter", "Sophie", "Vint"}
	lastNames = []string{"Hopper", "Lovelace", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Ritchie", "Hamilton",
		"Thompson", "Perlman", "Wirth", "Lamarr", "Shannon", "Jones", "Backus", "Conway", "Lamport", "Goldwasser", "Diffie",
		"Keller", "Hoare", "Bartik", "Milner", "Goldberg", "Lampson", "Boyd", "Naur", "Wilson", "Cerf", "Floyd", "Engelbart",
		"Kay", "Nygaard", "Rivest", "Karp", "Cook", "Tarjan", "Codd", "Stonebraker"}
	cities = []struct{ city, country string }{{"Berlin", "DE"}, {"Vienna", "AT"}, {"Toronto", "CA"}, {"Boston", "US"},
		{"Lyon", "FR"}, {"Oslo", "NO"}, {"Kyoto", "JP"}, {"Leeds", "GB"}, {"Utrecht", "NL"}}
	statuses = []string{"open", "paid", "shipped", "returned"}
)

// customer is a row of customers, in the text form of its values.
type customer struct {
	name, email, ssn, phone, birthDate, balance, city, country string
}

// makeCustomer makes the i-th of at most len(firstNames)*len(lastNames) customers; e-mails are unique.
func makeCustomer(i int) customer {
	first := firstNames[i%len(firstNames)]
	last := lastNames[(i/len(firstNames)+i)%len(lastNames)]
	where := cities[i%len(cities)]
	return customer{
		name: first + " " + last, email: strings.ToLower(first+"."+last) + "@example.com",
		ssn:   fmt.Sprintf("%03d-%02d-%04d", 100+i*7%800, 10+i*13%90, 1000+i*37%9000),
		phone: fmt.Sprintf("+49 30 %06d", 100000+i*6151%900000), birthDate: fmt.Sprintf("%d-%02d-%02d", 1950+i%50, 1+i%12, 1+i%28),
		balance: fmt.Sprintf("%d.%02d", i*97%5000, i%100), city: where.city, country: where.country,
	}
}

// values are the parameters of insertCustomer.
func (c *customer) values() [][]byte {
	return texts(c.name, c.email, c.ssn, c.phone, c.birthDate, c.balance, c.city, c.country)
}

// makeOrder returns the values of the n-th order of the i-th customer but for the customer's id, and its amount in cents.
func makeOrder(i, n int) (values [][]byte, cents int64) {
	cents = int64(500 + (i*331+n*7919)%20000)
	return texts(fmt.Sprint(n), fmt.Sprintf("%d.%02d", cents/100, cents%100), statuses[(i+n)%len(statuses)]), cents
}

func texts(values ...string) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = []byte(v)
	}
	return out
}
