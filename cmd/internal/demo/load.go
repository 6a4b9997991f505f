package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// loaded is what the story needs to know of the rows.
type loaded struct {
	ids         []int64 // by customer
	amountCents int64   // of all orders
}

const (
	insertCustomer = `INSERT INTO customers (name, email, ssn, phone, birth_date, balance, city, country)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`
	insertOrder = `INSERT INTO orders (customer_id, id, amount, status) VALUES ($1, $2, $3, $4)`
)

// rowsInFlight is how many rows are sent before their answers are read.
const rowsInFlight = 100

// progressRows is the distance between two numbers of the progress.
const progressRows = 300

// load sends all rows through the gateway as the application.
func (d *demo) load(ctx context.Context) error {
	conn, err := connect(ctx, d.url("app"), "loader")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	d.loaded.ids = make([]int64, customersMade)
	err = d.loadRows(ctx, conn, "customers", insertCustomer, customersMade,
		func(i int) [][]byte { c := makeCustomer(i); return c.values() },
		func(i int, r *pgconn.Result) (err error) {
			if len(r.Rows) != 1 {
				return errors.New("no id came back")
			}
			d.loaded.ids[i], err = strconv.ParseInt(string(r.Rows[0][0]), 10, 64)
			return err
		})
	if err != nil {
		return err
	}
	return d.loadRows(ctx, conn, "orders", insertOrder, customersMade*ordersPerCustomer,
		func(i int) [][]byte {
			values, cents := makeOrder(i/ordersPerCustomer, 1+i%ordersPerCustomer)
			d.loaded.amountCents += cents
			return append(texts(fmt.Sprint(d.loaded.ids[i/ordersPerCustomer])), values...)
		},
		func(int, *pgconn.Result) error { return nil })
}

// loadRows sends n rows, each a transaction of its own (a Sync follows it), many before their answers are read.
func (d *demo) loadRows(ctx context.Context, conn *pgconn.PgConn, table, sql string, n int, row func(int) [][]byte,
	result func(int, *pgconn.Result) error) error {
	p := d.progress(fmt.Sprintf("loading %d %s through the gateway", n, table))
	if _, err := conn.Prepare(ctx, table, sql, nil); err != nil {
		return err
	}
	pipeline := conn.StartPipeline(ctx)
	for first := 0; first < n; first += rowsInFlight {
		last := min(first+rowsInFlight, n)
		for i := first; i < last; i++ {
			pipeline.SendQueryPrepared(table, row(i), nil, nil)
			pipeline.SendPipelineSync()
		}
		err := pipeline.Flush()
		for i := first; i < last && err == nil; i++ {
			var r *pgconn.Result
			if r, err = readRow(pipeline); err == nil {
				err = result(i, r)
			}
		}
		if err != nil {
			return errors.Join(fmt.Errorf("load %s: %w", table, err), pipeline.Close())
		}
		if last%progressRows == 0 {
			p.reached(last)
		}
	}
	p.done()
	return pipeline.Close()
}

// readRow reads the answer to one row and to its Sync.
func readRow(pipeline *pgconn.Pipeline) (*pgconn.Result, error) {
	results, err := pipeline.GetResults()
	if err != nil {
		return nil, err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("%T came where a result was expected", results)
	}
	r := reader.Read()
	if r.Err != nil {
		return nil, r.Err
	}
	if results, err = pipeline.GetResults(); err != nil {
		return nil, err
	}
	if _, ok := results.(*pgconn.PipelineSync); !ok {
		return nil, fmt.Errorf("%T came where the answer to Sync was expected", results)
	}
	return r, nil
}

// connect opens a connection under an application name.
func connect(ctx context.Context, url, application string) (*pgconn.PgConn, error) {
	c, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	c.RuntimeParams["application_name"] = application
	return pgconn.ConnectConfig(ctx, c)
}
