'use strict';
// node-postgres against a server: each test is an application's use of one feature.
const fs = require('node:fs');
const { pipeline } = require('node:stream/promises');
const { Readable, Writable } = require('node:stream');
const { assert, test, main, fails, until, sleep, environment } = require('./harness.js');
const load = (name) => require(require.resolve(name, { paths: [process.env.CONFORMANCE_MODULES] }));
const pg = load('pg');
const Cursor = load('pg-cursor');
const QueryStream = load('pg-query-stream');
const copy = load('pg-copy-streams');
const { equal, deepEqual, ok } = assert;

async function connect(config = {}) {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function one(c, text, values) {
  const r = await c.query({ text, values, rowMode: 'array' });
  return r.rows[0][0];
}

async function usable(c) { equal(await one(c, 'SELECT 41 + $1::int', [1]), 42); }

function connected(name, f, config) {
  test(name, async () => {
    const c = await connect(config);
    try { await f(c); } finally { await c.end(); }
  });
}

function two(name, f) {
  test(name, async () => {
    const a = await connect(), b = await connect();
    try { await f(a, b); } finally { await a.end(); await b.end(); }
  });
}

// Connecting

for (const [name, config, show, want] of [
  ['application_name', { application_name: 'an application' }, 'application_name', 'an application'],
  ['fallback', { fallback_application_name: 'fallback' }, 'application_name', 'fallback'],
  ['options', { options: '-c work_mem=3MB' }, 'work_mem', '3MB'],
  ['statement_timeout', { statement_timeout: 77000 }, 'statement_timeout', '77s'],
  ['lock_timeout', { lock_timeout: 5000 }, 'lock_timeout', '5s'],
  ['idle', { idle_in_transaction_session_timeout: 9000 }, 'idle_in_transaction_session_timeout', '9s'],
]) {
  connected(`connect ${name}`, async (c) => {
    equal(await one(c, `SHOW ${show}`), want);
    await c.query('RESET ALL');
    equal(await one(c, `SHOW ${show}`), want);
  }, config);
}
test('connect by string', async () => {
  const e = process.env;
  const c = await connect({ connectionString: `postgres://${e.PGUSER}:${e.PGPASSWORD}@${e.PGHOST}:${e.PGPORT}/${e.PGDATABASE}?application_name=by+string` });
  ok(/^by.string$/.test(await one(c, 'SHOW application_name')));
  await c.end();
});
test('connect wrong password', () => fails('28P01', () => connect({ password: 'wrong' })));
test('connect unknown user', () => fails('28P01', () => connect({ user: 'nobody_at_all' })));
test('connect unknown database', () => fails('3D000', () => connect({ database: 'no_such_database' })));
test('connect unknown option', () => fails('42704', () => connect({ options: '-c no_such_setting=1' })));
test('connect TLS', async () => {
  const ca = fs.readFileSync(environment('CONFORMANCE_CA'), 'utf8');
  for (const ssl of [{ ca, rejectUnauthorized: true }, { rejectUnauthorized: false }, { ca, maxVersion: 'TLSv1.2' }]) {
    const c = await connect({ ssl, host: 'localhost' });
    await usable(c);
    await c.end();
  }
});
test('connect channel binding', async () => {
  environment('CONFORMANCE_CA');
  const c = await connect({ ssl: { rejectUnauthorized: false }, enableChannelBinding: true });
  await usable(c);
  await c.end();
});
test('connect Unix socket', async () => {
  const c = await connect({ host: environment('CONFORMANCE_SOCKET') });
  await usable(c);
  await c.end();
});
test('connect 100 times', async () => {
  for (let i = 0; i < 100; i++) {
    const c = await connect({ application_name: `a${i % 3}` });
    equal(await one(c, 'SHOW application_name'), `a${i % 3}`);
    await c.end();
  }
});
test('connect 50 at a time', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => connect()));
  await Promise.all(all.map(usable));
  await Promise.all(all.map((c) => c.end()));
});

// Queries and types

connected('query simple several', async (c) => {
  const r = await c.query('SELECT 1 AS a; SELECT 2 AS b, 3 AS c; CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1), (2)');
  deepEqual(r.map((x) => [x.command, x.rowCount]), [['SELECT', 1], ['SELECT', 1], ['CREATE', null], ['INSERT', 2]]);
  await fails('22012', c.query('INSERT INTO t VALUES (3); SELECT 1/0; INSERT INTO t VALUES (4)'));
  equal(await one(c, 'SELECT count(*)::int FROM t'), 2);
});
connected('query empty', async (c) => {
  for (const text of ['', ';', '-- nothing']) deepEqual((await c.query(text)).rows, []);
  deepEqual((await c.query({ text: '', values: [] })).rows, []);
  deepEqual((await c.query({ text: '', queryMode: 'extended' })).rows, []);
  await usable(c);
});
const values = {
  int2: ['int2', 32767], int4: ['int4', -2147483648], int8: ['int8', '9223372036854775807'], bool: ['bool', true],
  float8: ['float8', 0.1], nan: ['float8', NaN], infinity: ['float8', -Infinity], numeric: ['numeric', '12345678901234567890.123456789'],
  numeric_nan: ['numeric', 'NaN'], text: ['text', 'it\'s \\ "q" $1 ä€😀\n\t'], empty: ['text', ''], null: ['text', null],
  bytea: ['bytea', Buffer.from([0, 1, 255, 39, 92])], uuid: ['uuid', '12345678-1234-5678-1234-567812345678'],
  json: ['json', { a: [1, { b: null }], ä: 'é' }], jsonb: ['jsonb', { a: [1, { b: null }] }],
  timestamptz: ['timestamptz', new Date('2020-02-29T12:34:56.789Z')], int_array: ['int4[]', [1, null, 3]], text_array: ['text[]', ['a,b', '"q"', '\\', '', 'NULL', null]],
  nested_array: ['int4[]', [[1, 2], [3, 4]]], large: ['text', 'z'.repeat(10_000_000)], large_bytea: ['bytea', Buffer.alloc(10_000_000, 7)],
};
for (const [name, [type, value]] of Object.entries(values)) {
  connected(`types ${name}`, async (c) => {
    deepEqual(await one(c, `SELECT $1::${type}`, [value]), value);
    const named = { name: `n_${name}`, text: `SELECT $1::${type} AS v`, values: [value] };
    for (let i = 0; i < 2; i++) deepEqual((await c.query(named)).rows[0].v, value);
  });
}
connected('types binary results', async (c) => {
  const r = await c.query({ text: 'SELECT 7::int4, 8::int8, true, 1.5::float8, \'x\'::text', values: [], binary: true, rowMode: 'array' });
  deepEqual(r.rows[0].map(String), ['7', '8', 'true', '1.5', 'x']);
});
connected('types left to the server', async (c) => {
  equal(await one(c, 'SELECT $1 + 1', ['1']), 2);
  await fails('42P18', one(c, 'SELECT $1 IS NULL', [null]));
  await usable(c);
});
connected('result fields', async (c) => {
  await c.query('CREATE TEMP TABLE origin (a int, b varchar(7))');
  const r = await c.query('SELECT b, a FROM origin');
  deepEqual(r.fields.map((f) => [f.name, f.dataTypeID, f.columnID, f.dataTypeModifier]), [['b', 1043, 2, 11], ['a', 23, 1, -1]]);
  equal(r.fields[0].tableID, await one(c, 'SELECT \'origin\'::regclass::oid::int'));
});
for (const n of [1000, 65535]) {
  connected(`parameters ${n}`, async (c) => {
    const list = Array.from({ length: n }, (_, i) => `$${i + 1}::int`).join(',');
    equal(await one(c, `SELECT cardinality(ARRAY[${list}])`, Array.from({ length: n }, (_, i) => i)), n);
    await usable(c);
  });
}
connected('large result', async (c) => {
  const r = await c.query('SELECT g, repeat(\'x\', 50) FROM generate_series(1, 100000) g');
  equal(r.rows.reduce((s, x) => s + x.g, 0), 5000050000);
});
connected('queued queries', async (c) => {
  const all = await Promise.all(Array.from({ length: 500 }, (_, i) => one(c, 'SELECT $1::int', [i])));
  deepEqual(all, Array.from({ length: 500 }, (_, i) => i));
});
connected('pipelined queries', async (c) => {
  const all = await Promise.allSettled(Array.from({ length: 300 }, (_, i) => one(c, 'SELECT 100 / ($1::int - 150)', [i])));
  equal(all.filter((r) => r.status === 'rejected').length, 1);
  equal(all[150].reason.code, '22012');
  equal(all[151].value, 100);
}, { pipelining: true, pipelineMode: true });

// Prepared statements

connected('prepared named', async (c) => {
  for (let i = 0; i < 20; i++) equal((await c.query({ name: 'double', text: 'SELECT $1::int * 2 AS v', values: [i] })).rows[0].v, 2 * i);
});
connected('pg_prepared_statements', async (c) => {
  await c.query({ name: 'double', text: 'SELECT $1::int * 2 AS v', values: [1] });
  deepEqual((await c.query('SELECT name, statement FROM pg_prepared_statements')).rows, [{ name: 'double', statement: 'SELECT $1::int * 2 AS v' }]);
});
connected('prepared 1000', async (c) => {
  for (const round of [1, 2]) for (let i = 0; i < 1000; i++) {
    equal((await c.query({ name: `s${i}`, text: `SELECT ${i} + $1::int AS v`, values: [round] })).rows[0].v, i + round);
  }
});
connected('prepared with an error', async (c) => {
  await fails('42703', c.query({ name: 'bad', text: 'SELECT nope', values: [] }));
  await fails('22012', c.query({ name: 'div', text: 'SELECT 1/$1::int AS v', values: [0] }));
  equal((await c.query({ name: 'div', text: 'SELECT 1/$1::int AS v', values: [1] })).rows[0].v, 1);
});
connected('prepared then DDL', async (c) => {
  await c.query('CREATE TEMP TABLE ch (a int)');
  const q = { name: 'ch', text: 'SELECT * FROM ch' };
  await c.query(q);
  await c.query('ALTER TABLE ch ADD b int');
  equal((await fails('0A000', c.query(q))).message, 'cached plan must not change result type');
  await c.query('DEALLOCATE ch');
  await fails('26000', c.query(q));
});
two('prepared same names', async (a, b) => {
  for (let i = 0; i < 10; i++) {
    equal((await a.query({ name: 'n', text: 'SELECT \'a\' AS v' })).rows[0].v, 'a');
    equal((await b.query({ name: 'n', text: 'SELECT \'b\' AS v' })).rows[0].v, 'b');
  }
});
connected('prepared by SQL', async (c) => {
  await c.query('PREPARE p (int) AS SELECT $1 + 1 AS v');
  equal((await c.query('EXECUTE p(41)')).rows[0].v, 42);
  await c.query('DEALLOCATE p');
  await fails('26000', c.query('EXECUTE p(41)'));
});

// Cursors

connected('cursor', async (c) => {
  const cursor = c.query(new Cursor('SELECT generate_series(1, $1::int) AS n', [1000]));
  let sum = 0;
  for (let rows = await cursor.read(7); rows.length; rows = await cursor.read(7)) sum += rows.reduce((s, r) => s + r.n, 0);
  equal(sum, 500500);
  await cursor.close();
  await usable(c);
});
connected('cursor closed early', async (c) => {
  for (let i = 0; i < 10; i++) {
    const cursor = c.query(new Cursor('SELECT generate_series(1, 100000) AS n'));
    equal((await cursor.read(3)).length, 3);
    await cursor.close();
    await usable(c);
  }
});
connected('cursor with an error', async (c) => {
  const cursor = c.query(new Cursor('SELECT 1/(50-g) FROM generate_series(1, 100) g'));
  equal((await cursor.read(10)).length, 10);
  await fails('22012', () => cursor.read(100));
  await usable(c);
});
connected('cursor in a transaction', async (c) => {
  await c.query('BEGIN');
  const cursor = c.query(new Cursor('SELECT generate_series(1, 100) AS n'));
  equal((await cursor.read(60)).length, 60);
  equal((await cursor.read(60)).length, 40);
  equal((await cursor.read(60)).length, 0);
  await cursor.close();
  await c.query('COMMIT');
});
connected('query stream', async (c) => {
  let n = 0;
  for await (const row of c.query(new QueryStream('SELECT generate_series(1, 10000) AS n', [], { batchSize: 90 }))) n += row.n;
  equal(n, 50005000);
  n = 0;
  for await (const row of c.query(new QueryStream('SELECT generate_series(1, 10000) AS n', [], { batchSize: 10 }))) { if (++n === 25) break; }
  await usable(c);
});
connected('cursor by SQL', async (c) => {
  await c.query('BEGIN');
  await c.query('DECLARE cu SCROLL CURSOR FOR SELECT generate_series(1, 100) AS n');
  equal((await c.query('FETCH 3 FROM cu')).rows.length, 3);
  equal((await c.query('FETCH BACKWARD 1 FROM cu')).rows[0].n, 2);
  await c.query('COMMIT');
  await fails('34000', c.query('FETCH cu'));
  await c.query('DECLARE held CURSOR WITH HOLD FOR SELECT generate_series(1, 3) AS n');
  for (let i = 1; i <= 3; i++) equal((await c.query('FETCH held')).rows[0].n, i);
  await c.query('CLOSE held');
});

// Transactions

connected('transaction', async (c) => {
  await c.query('CREATE TEMP TABLE t (n int)');
  for (const text of ['BEGIN', 'INSERT INTO t VALUES (1)', 'SAVEPOINT a', 'INSERT INTO t VALUES (2)']) await c.query(text);
  await fails('22012', c.query('SELECT 1/0'));
  await fails('25P02', c.query('SELECT 1'));
  await fails('25P02', one(c, 'SELECT $1::int', [1]));
  await c.query('ROLLBACK TO a');
  equal((await c.query('COMMIT')).command, 'COMMIT');
  deepEqual((await c.query('SELECT n FROM t')).rows, [{ n: 1 }]);
  await c.query('BEGIN');
  await fails('22012', c.query('SELECT 1/0'));
  equal((await c.query('COMMIT')).command, 'ROLLBACK');
});
for (const level of ['read uncommitted', 'read committed', 'repeatable read', 'serializable']) {
  connected(`transaction ${level}`, async (c) => {
    await c.query(`BEGIN ISOLATION LEVEL ${level} READ ONLY`);
    equal(await one(c, 'SHOW transaction_isolation'), level);
    await fails('25006', c.query('CREATE TABLE nope (n int)'));
    await c.query('ROLLBACK');
    await c.query(`SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL ${level}`);
    await c.query('BEGIN');
    equal(await one(c, 'SHOW transaction_isolation'), level);
    await c.query('COMMIT');
  });
}
connected('two-phase', async (c) => {
  await c.query('DROP TABLE IF EXISTS tpc_node');
  await c.query('CREATE TABLE tpc_node (n int)');
  for (const end of ['COMMIT', 'ROLLBACK']) {
    await c.query('BEGIN');
    await c.query('INSERT INTO tpc_node VALUES (1)');
    await c.query('PREPARE TRANSACTION \'node\'');
    await c.query(`${end} PREPARED 'node'`);
  }
  equal(await one(c, 'SELECT count(*)::int FROM tpc_node'), 1);
  await c.query('DROP TABLE tpc_node');
});

// Errors and notices

connected('error fields', async (c) => {
  await c.query('CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL CONSTRAINT positive CHECK (n > 0))');
  await c.query('INSERT INTO err VALUES (1, 1)');
  let e = await fails('23505', c.query('INSERT INTO err VALUES ($1, 1)', [1]));
  deepEqual([e.severity, e.detail, e.table, e.constraint], ['ERROR', 'Key (id)=(1) already exists.', 'err', 'err_pkey']);
  e = await fails('23502', c.query('INSERT INTO err VALUES (2, NULL)'));
  deepEqual([e.column, e.table], ['n', 'err']);
  e = await fails('42703', c.query('SELECT nope FROM err'));
  equal(e.position, '8');
  e = await fails('P1234', c.query('DO $$ BEGIN RAISE EXCEPTION \'own\' USING ERRCODE = \'P1234\', DETAIL = \'d\', HINT = \'h\'; END $$'));
  deepEqual([e.detail, e.hint, e.where.slice(0, 15), e.routine], ['d', 'h', 'PL/pgSQL functi', 'exec_stmt_raise']);
  await usable(c);
});
connected('error in the middle of rows', async (c) => {
  for (let i = 0; i < 5; i++) {
    await fails('22012', c.query('SELECT 1/(5000-g) FROM generate_series(1,10000) g'));
    await fails('22012', c.query('SELECT 1/($1-g) FROM generate_series(1,10000) g', [5000]));
    await usable(c);
  }
});
connected('notices', async (c) => {
  const seen = [];
  c.on('notice', (n) => seen.push([n.severity, n.code, n.message]));
  await c.query('DO $$ BEGIN RAISE NOTICE \'one\'; RAISE WARNING \'two\' USING ERRCODE = \'01234\'; END $$');
  await c.query('DROP TABLE IF EXISTS missing');
  deepEqual(seen, [['NOTICE', '00000', 'one'], ['WARNING', '01234', 'two'], ['NOTICE', '00000', 'table "missing" does not exist, skipping']]);
});
two('notify', async (a, b) => {
  const seen = [];
  a.on('notification', (n) => seen.push([n.channel, n.payload]));
  await a.query('LISTEN ch');
  await b.query('NOTIFY ch, \'one\'');
  await b.query('SELECT pg_notify($1, $2)', ['ch', 'zwei ä']);
  await until(() => seen.length >= 2);
  await a.query('NOTIFY ch, \'own\'');
  await until(() => seen.length >= 3);
  deepEqual(seen, [['ch', 'one'], ['ch', 'zwei ä'], ['ch', 'own']]);
  await a.query('UNLISTEN *');
  await b.query('NOTIFY ch, \'unheard\'');
  await usable(a);
  await sleep(200);
  equal(seen.length, 3);
});

// COPY

for (const how of ['', '(FORMAT csv, HEADER)', '(FORMAT binary)']) {
  connected(`copy round trip ${how}`, async (c) => {
    await c.query('CREATE TEMP TABLE src AS SELECT g AS n, \'text \' || g AS s, CASE WHEN g % 3 = 0 THEN g END AS z FROM generate_series(1, 20000) g');
    await c.query('CREATE TEMP TABLE dst (n int, s text, z int)');
    const chunks = [];
    await pipeline(c.query(copy.to(`COPY src TO STDOUT ${how}`)), new Writable({ write(b, _, done) { chunks.push(b); done(); } }));
    const into = c.query(copy.from(`COPY dst FROM STDIN ${how}`));
    await pipeline(Readable.from(Buffer.concat(chunks).toString('latin1').match(/[^]{1,777}/g).map((x) => Buffer.from(x, 'latin1'))), into);
    equal(into.rowCount, 20000);
    equal(await one(c, 'SELECT count(*)::int FROM (TABLE src EXCEPT TABLE dst) x'), 0);
  });
}
connected('copy in fails at the server', async (c) => {
  await c.query('CREATE TEMP TABLE cf (n int)');
  for (const more of [1, 300000]) {
    await fails('22P02', pipeline(Readable.from(['1\nx\n', '3\n'.repeat(more)]), c.query(copy.from('COPY cf FROM STDIN'))));
    await usable(c);
  }
  equal(await one(c, 'SELECT count(*)::int FROM cf'), 0);
});
connected('copy in fails at the client', async (c) => {
  await c.query('CREATE TEMP TABLE cf (n int)');
  const into = c.query(copy.from('COPY cf FROM STDIN'));
  into.on('error', () => {});
  into.write('1\n');
  await new Promise((resolve) => { into.on('close', resolve); into.destroy(new Error('client')); });
  equal(await one(c, 'SELECT count(*)::int FROM cf'), 0);
});
connected('copy out fails', async (c) => {
  await fails('22012', pipeline(c.query(copy.to('COPY (SELECT 1/(5000-g) FROM generate_series(1,10000) g) TO STDOUT')), new Writable({ write(b, _, d) { d(); } })));
  await usable(c);
});
connected('copy large', async (c) => {
  await c.query('CREATE TEMP TABLE cl (s text)');
  const line = 'x'.repeat(99_999) + '\n';
  await pipeline(Readable.from(Array.from({ length: 500 }, () => line)), c.query(copy.from('COPY cl FROM STDIN')));
  let n = 0;
  await pipeline(c.query(copy.to('COPY cl TO STDOUT')), new Writable({ write(b, _, d) { n += b.length; d(); } }));
  equal(n, 50_000_000);
});

// Cancel and timeouts

two('cancel by pg_cancel_backend', async (a, b) => {
  const pid = await one(a, 'SELECT pg_backend_pid()');
  await a.query('BEGIN');
  const inside = await one(a, 'SELECT pg_backend_pid()');
  const slow = fails('57014', a.query('SELECT pg_sleep(60)'));
  await sleep(300);
  await one(b, 'SELECT pg_cancel_backend($1)', [inside]);
  await slow;
  await a.query('ROLLBACK');
  ok(pid > 0);
});
connected('cancel by statement_timeout', async (c) => {
  await fails('57014', c.query('SELECT pg_sleep(60)'));
  await c.query('SET statement_timeout = 0');
  await c.query('SELECT pg_sleep(0.4)');
}, { statement_timeout: 200 });
connected('cancel by query_timeout', async (c) => {
  await assert.rejects(c.query({ text: 'SELECT pg_sleep(1)', query_timeout: 200 }), /timeout/);
  await usable(c);
});
test('end while a query runs', async () => {
  const c = await connect();
  const slow = c.query('SELECT pg_sleep(30)').catch((e) => e);
  await sleep(100);
  c.connection.stream.destroy();
  ok(await slow instanceof Error);
  const d = await connect();
  await usable(d);
  await d.end();
});
test('terminated backend', async () => {
  const a = await connect(), b = await connect();
  await a.query('BEGIN');
  const pid = await one(a, 'SELECT pg_backend_pid()');
  const slow = fails('57P01', a.query('SELECT pg_sleep(60)'));
  await sleep(200);
  await one(b, 'SELECT pg_terminate_backend($1)', [pid]);
  await slow;
  await b.end();
});

// State of a session

two('settings', async (a, b) => {
  await a.query('SET work_mem = \'3MB\'; SET my.own = \'x\'');
  for (let i = 0; i < 5; i++) {
    equal(await one(b, 'SHOW work_mem'), '4MB');
    equal(await one(a, 'SHOW work_mem'), '3MB');
    equal(await one(a, 'SELECT current_setting(\'my.own\')'), 'x');
  }
  await a.query('BEGIN; SET LOCAL work_mem = \'5MB\'');
  equal(await one(a, 'SHOW work_mem'), '5MB');
  await a.query('COMMIT');
  equal(await one(a, 'SHOW work_mem'), '3MB');
  await a.query('RESET ALL');
  equal(await one(a, 'SHOW work_mem'), '4MB');
});
two('temporary tables', async (a, b) => {
  await a.query('CREATE TEMP TABLE tt (n int)');
  for (let i = 0; i < 10; i++) {
    await a.query('INSERT INTO tt VALUES ($1)', [i]);
    await usable(b);
  }
  equal(await one(a, 'SELECT sum(n)::int FROM tt'), 45);
  await fails('42P01', b.query('SELECT * FROM tt'));
});
two('advisory locks', async (a, b) => {
  equal(await one(a, 'SELECT pg_try_advisory_lock(55)'), true);
  for (let i = 0; i < 5; i++) equal(await one(b, 'SELECT pg_try_advisory_lock(55)'), false);
  equal(await one(a, 'SELECT pg_advisory_unlock(55)'), true);
  equal(await one(b, 'SELECT pg_try_advisory_lock(55)'), true);
});
connected('encoding', async (c) => {
  await c.query('SET client_encoding = \'LATIN1\'');
  equal(await one(c, 'SELECT \'abc\'::text'), 'abc');
  await fails('22P05', c.query('SELECT U&\'\\20AC\''));
  await c.query('RESET client_encoding');
  equal(await one(c, 'SELECT U&\'\\20AC\''), '€');
});
connected('large objects', async (c) => {
  await c.query('BEGIN');
  const oid = await one(c, 'SELECT lo_create(0)');
  const fd = await one(c, 'SELECT lo_open($1, 393216)', [oid]);
  equal(await one(c, 'SELECT lowrite($1, $2)', [fd, Buffer.alloc(50000, 9)]), 50000);
  await one(c, 'SELECT lo_lseek($1, 100, 0)', [fd]);
  equal((await one(c, 'SELECT loread($1, 1000)', [fd])).length, 1000);
  await c.query('COMMIT');
  equal((await one(c, 'SELECT lo_get($1)', [oid])).length, 50000);
  await one(c, 'SELECT lo_unlink($1)', [oid]);
});
connected('metadata', async (c) => {
  await c.query('DROP TABLE IF EXISTS meta_node');
  await c.query('CREATE TABLE meta_node (id serial PRIMARY KEY, s varchar(9) NOT NULL)');
  deepEqual((await c.query('SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position', ['meta_node'])).rows,
    [{ column_name: 'id', data_type: 'integer', is_nullable: 'NO' }, { column_name: 's', data_type: 'character varying', is_nullable: 'NO' }]);
  equal((await c.query('INSERT INTO meta_node (s) VALUES ($1) RETURNING id', ['x'])).rows[0].id, 1);
  await c.query('DROP TABLE meta_node');
});

// Many at a time

test('pool', async () => {
  const pool = new pg.Pool({ max: 10 });
  const all = await Promise.all(Array.from({ length: 300 }, async (_, i) => (await pool.query('SELECT $1::int AS v', [i])).rows[0].v));
  deepEqual(all, Array.from({ length: 300 }, (_, i) => i));
  const c = await pool.connect();
  await c.query('BEGIN');
  await fails('22012', c.query('SELECT 1/0'));
  await c.query('ROLLBACK');
  c.release();
  await pool.end();
});
test('pool that gives up connections', async () => {
  const pool = new pg.Pool({ max: 5, maxUses: 3, idleTimeoutMillis: 10 });
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 20 }, () => pool.query('SELECT 1')));
    await sleep(30);
  }
  await pool.end();
});
test('concurrency', async () => {
  const setup = await connect();
  await setup.query('DROP TABLE IF EXISTS conc_node; CREATE TABLE conc_node (id int PRIMARY KEY, v int); INSERT INTO conc_node SELECT g, 0 FROM generate_series(1, 10) g');
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const c = await connect();
    for (let k = 0; k < 20; k++) {
      await c.query('BEGIN');
      await c.query({ name: 'up', text: 'UPDATE conc_node SET v = v + 1 WHERE id = $1', values: [1 + (i + k) % 10] });
      await c.query('COMMIT');
    }
    await c.end();
  }));
  equal(await one(setup, 'SELECT sum(v)::int FROM conc_node'), 400);
  await setup.query('DROP TABLE conc_node');
  await setup.end();
});

main();
