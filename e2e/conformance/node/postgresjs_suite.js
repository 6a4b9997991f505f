'use strict';
// postgres.js against a server: each test is an application's use of one feature. The driver sends pipelines by itself.
const fs = require('node:fs');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const { assert, test, main, fails, until, sleep, environment } = require('./harness.js');
const postgres = require(require.resolve('postgres', { paths: [process.env.CONFORMANCE_MODULES] }));
const { equal, deepEqual, ok } = assert;

const quiet = () => {};

function connect(options = {}) {
  const e = process.env;
  return postgres({ host: e.PGHOST, port: +e.PGPORT, user: e.PGUSER, password: e.PGPASSWORD, database: e.PGDATABASE, max: 1, onnotice: quiet, ...options });
}

function connected(name, f, options) {
  test(name, async () => {
    const sql = connect(options);
    try { await f(sql); } finally { await sql.end({ timeout: 5 }); }
  });
}

async function usable(sql) { equal((await sql`SELECT 41 + ${1}::int AS v`)[0].v, 42); }

// Connecting

for (const [name, connection, show, want] of [
  ['application_name', { application_name: 'an application' }, 'application_name', 'an application'],
  ['options', { options: '-c work_mem=3MB' }, 'work_mem', '3MB'],
  ['statement_timeout', { statement_timeout: 77000 }, 'statement_timeout', '77s'],
  ['search_path', { search_path: 'pg_catalog' }, 'search_path', 'pg_catalog'],
  ['TimeZone', { TimeZone: 'Asia/Tokyo' }, 'TimeZone', 'Asia/Tokyo'],
]) {
  connected(`connect ${name}`, async (sql) => {
    equal(Object.values((await sql.unsafe(`SHOW ${show}`))[0])[0], want);
    await sql.unsafe('RESET ALL');
    equal(Object.values((await sql.unsafe(`SHOW ${show}`))[0])[0], want);
  }, { connection });
}
for (const [name, options, code] of [['wrong password', { password: 'wrong' }, '28P01'], ['unknown user', { user: 'nobody_at_all' }, '28P01'],
  ['unknown database', { database: 'no_such_database' }, '3D000'], ['unknown setting', { connection: { no_such_setting: '1' } }, '42704']]) {
  test(`connect ${name}`, async () => {
    const sql = connect(options);
    await fails(code, sql`SELECT 1`);
    await sql.end({ timeout: 1 });
  });
}
test('connect TLS', async () => {
  const ca = fs.readFileSync(environment('CONFORMANCE_CA'), 'utf8');
  for (const ssl of ['require', 'prefer', { ca, rejectUnauthorized: true, servername: 'localhost' }]) {
    const sql = connect({ ssl });
    await usable(sql);
    await sql.end();
  }
});
test('connect Unix socket', async () => {
  const sql = connect({ host: undefined, path: `${environment('CONFORMANCE_SOCKET')}/.s.PGSQL.${process.env.PGPORT}` });
  await usable(sql);
  await sql.end();
});
test('connect 50 times', async () => {
  for (let i = 0; i < 50; i++) {
    const sql = connect();
    await usable(sql);
    await sql.end();
  }
});

// Queries and types

const values = {
  int4: ['int4', -2147483648], int8: ['int8', '9223372036854775807'], bool: ['bool', true], float8: ['float8', 0.1],
  numeric: ['numeric', '12345678901234567890.123456789'], nan: ['numeric', 'NaN'], text: ['text', 'it\'s \\ "q" $1 ä€😀\n\t'], empty: ['text', ''], null: ['text', null],
  bytea: ['bytea', Buffer.from([0, 1, 255, 39, 92])], uuid: ['uuid', '12345678-1234-5678-1234-567812345678'], json: ['json', { a: [1, { b: null }], ä: 'é' }],
  jsonb: ['jsonb', { a: [1, { b: null }] }], timestamptz: ['timestamptz', new Date('2020-02-29T12:34:56.789Z')], int_array: ['int4[]', [1, 2, 3]],
  text_array: ['text[]', ['a,b', '"q"', '\\', '', 'NULL']], large: ['text', 'z'.repeat(10_000_000)], large_bytea: ['bytea', Buffer.alloc(10_000_000, 7)],
};
for (const prepare of [true, false]) {
  for (const [name, [type, value]] of Object.entries(values)) {
    connected(`types ${name} prepare=${prepare}`, async (sql) => {
      for (let i = 0; i < 2; i++) {
        const [row] = await sql`SELECT ${value}::${sql.unsafe(type)} AS v`;
        if (Buffer.isBuffer(value)) ok(value.equals(row.v)); else deepEqual(row.v, value);
      }
    }, { prepare });
  }
  connected(`queries at a time prepare=${prepare}`, async (sql) => {
    const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => sql`SELECT ${i}::int AS v`));
    deepEqual(all.map((r) => r[0].v), Array.from({ length: 1000 }, (_, i) => i));
  }, { prepare });
  connected(`queries at a time with errors prepare=${prepare}`, async (sql) => {
    const all = await Promise.allSettled(Array.from({ length: 300 }, (_, i) => sql`SELECT 100 / (${i}::int - 150) AS v`));
    equal(all.filter((r) => r.status === 'rejected').length, 1);
    equal(all[150].reason.code, '22012');
    equal(all[151].value[0].v, 100);
  }, { prepare });
  connected(`different queries at a time prepare=${prepare}`, async (sql) => {
    const all = await Promise.all(Array.from({ length: 500 }, (_, i) => sql.unsafe(`SELECT ${i} + $1::int AS v`, [1], { prepare })));
    deepEqual(all.map((r) => r[0].v), Array.from({ length: 500 }, (_, i) => i + 1));
  }, { prepare });
  connected(`large queries at a time prepare=${prepare}`, async (sql) => {
    const text = 'x'.repeat(300_000);
    const all = await Promise.all(Array.from({ length: 100 }, () => sql`SELECT ${text}::text AS v`));
    ok(all.every((r) => r[0].v.length === 300_000));
  }, { prepare });
  connected(`cursor prepare=${prepare}`, async (sql) => {
    let sum = 0, parts = 0;
    await sql`SELECT generate_series(1, 1000) AS n`.cursor(70, (rows) => { parts++; sum += rows.reduce((s, r) => s + r.n, 0); });
    deepEqual([sum, parts], [500500, 15]);
    sum = 0;
    for await (const rows of sql`SELECT generate_series(1, ${1000}::int) AS n`.cursor(7)) sum += rows.reduce((s, r) => s + r.n, 0);
    equal(sum, 500500);
    parts = 0;
    for await (const rows of sql`SELECT generate_series(1, 100000) AS n`.cursor(10)) { if (++parts === 3) break; }
    await usable(sql);
    await fails('22012', sql`SELECT 1/(50-g) FROM generate_series(1, 100) g`.cursor(10, quiet));
    await sql`SELECT 1`; // into which the driver puts rows of the failed one
    await usable(sql);
  }, { prepare });
  connected(`transaction prepare=${prepare}`, async (sql) => {
    await sql`CREATE TEMP TABLE t (n int)`;
    await sql.begin(async (tx) => {
      await tx`INSERT INTO t VALUES (1)`;
      await tx.savepoint(async (s) => { await s`INSERT INTO t VALUES (2)`; throw new Error('back'); }).catch(quiet);
      await tx.savepoint((s) => s`INSERT INTO t VALUES (3)`);
      await tx.savepoint((s) => s`SELECT 1/0`).catch((e) => equal(e.code, '22012'));
    });
    deepEqual([...await sql`SELECT n FROM t ORDER BY n`].map((r) => r.n), [1, 3]);
    await fails('22012', sql.begin((tx) => [tx`INSERT INTO t VALUES (4)`, tx`SELECT 1/0`, tx`INSERT INTO t VALUES (5)`]));
    equal((await sql`SELECT count(*)::int AS n FROM t`)[0].n, 2);
    await sql.begin('isolation level serializable read only', async (tx) => equal((await tx`SHOW transaction_isolation`)[0].transaction_isolation, 'serializable'));
  }, { prepare });
  connected(`error fields prepare=${prepare}`, async (sql) => {
    await sql`CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL)`;
    await sql`INSERT INTO err VALUES (1, 1)`;
    const e = await fails('23505', sql`INSERT INTO err VALUES (${1}, 1)`);
    deepEqual([e.severity, e.detail, e.table_name, e.constraint_name], ['ERROR', 'Key (id)=(1) already exists.', 'err', 'err_pkey']);
    equal((await fails('42703', sql`SELECT nope FROM err WHERE id = ${1}`)).position, '8');
    await usable(sql);
  }, { prepare });
  connected(`schema change prepare=${prepare}`, async (sql) => {
    await sql`CREATE TEMP TABLE ch (a int)`;
    await sql`INSERT INTO ch VALUES (${1})`;
    deepEqual([...await sql`SELECT * FROM ch`], [{ a: 1 }]);
    await sql`ALTER TABLE ch ADD b int DEFAULT 2`;
    const r = await sql`SELECT * FROM ch`.catch((e) => e); // the driver prepares anew after this error
    if (r instanceof Error) equal(r.code, '0A000');
    deepEqual([...await sql`SELECT * FROM ch`], [{ a: 1, b: 2 }]);
  }, { prepare });
}
connected('simple several', async (sql) => {
  const r = await sql`SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS c WHERE false`.simple();
  deepEqual(r.map((x) => [...x]), [[{ a: 1 }], [{ b: 2 }], []]);
  await fails('22012', sql.unsafe('CREATE TEMP TABLE se (n int); SELECT 1/0'));
  await fails('42P01', sql`SELECT * FROM se`);
});
connected('describe', async (sql) => {
  const d = await sql`SELECT ${1}::int AS a, ${'x'}::text AS b`.describe();
  deepEqual([d.types, d.columns.map((c) => c.type)], [[23, 25], [23, 25]]);
});
connected('insert helper and returning', async (sql) => {
  await sql`CREATE TEMP TABLE ih (id serial, a int, b text)`;
  const rows = Array.from({ length: 500 }, (_, i) => ({ a: i, b: `row ${i}` }));
  const r = await sql`INSERT INTO ih ${sql(rows, 'a', 'b')} RETURNING id`;
  equal(r.length, 500);
  equal(r.count, 500);
});
for (const n of [1000, 65533]) {
  connected(`parameters ${n}`, async (sql) => {
    const list = Array.from({ length: n }, (_, i) => `$${i + 1}::int`).join(',');
    equal((await sql.unsafe(`SELECT cardinality(ARRAY[${list}]) AS v`, Array.from({ length: n }, (_, i) => i)))[0].v, n);
    await usable(sql);
  });
}
connected('for each', async (sql) => {
  let sum = 0;
  await sql`SELECT generate_series(1, 20000) AS n`.forEach((r) => { sum += r.n; });
  equal(sum, 200010000);
});
connected('raw and values', async (sql) => {
  equal((await sql`SELECT 1 AS a`.raw())[0][0].toString(), '1');
  deepEqual([...await sql`SELECT 1, 2`.values()], [[1, 2]]);
});
connected('prepared 300', async (sql) => {
  for (const round of [1, 2]) for (let i = 0; i < 300; i++) equal((await sql.unsafe(`SELECT ${i} + $1::int AS v`, [round], { prepare: true }))[0].v, i + round);
});

// COPY, notifications, cancel

connected('copy', async (sql) => {
  await sql`CREATE TEMP TABLE cp (n int, s text)`;
  await pipeline(Readable.from([Array.from({ length: 1000 }, (_, i) => `${i}\ttext ${i}\n`).join('')]), await sql`COPY cp FROM STDIN`.writable());
  equal((await sql`SELECT count(*)::int AS n FROM cp`)[0].n, 1000);
  let bytes = 0;
  for await (const b of await sql`COPY cp TO STDOUT`.readable()) bytes += b.length;
  ok(bytes > 10_000);
  await usable(sql);
});
test('notify', async () => {
  const sql = connect({ max: 2 });
  const seen = [];
  const { unlisten } = await sql.listen('js channel', (p) => seen.push(p));
  await sql.notify('js channel', 'one');
  await sql`SELECT pg_notify('js channel', ${'zwei ä'})`;
  await until(() => seen.length === 2);
  deepEqual(seen, ['one', 'zwei ä']);
  await unlisten();
  await sql.end();
});
connected('cancel', async (sql) => {
  for (let i = 0; i < 3; i++) {
    const slow = sql`SELECT pg_sleep(60)`;
    setTimeout(() => slow.cancel(), 300);
    await fails('57014', slow);
    await usable(sql);
  }
});
connected('notices', async (sql) => {
  await sql`DO $$ BEGIN RAISE NOTICE 'seen'; END $$`;
  await usable(sql);
});
connected('statement_timeout', async (sql) => {
  await fails('57014', sql`SELECT pg_sleep(60)`);
  await usable(sql);
}, { connection: { statement_timeout: 200 } });
connected('large objects', async (sql) => {
  await sql.begin(async (tx) => {
    const [{ oid }] = await tx`SELECT lo_create(0) AS oid`;
    const [{ fd }] = await tx`SELECT lo_open(${oid}, 393216) AS fd`;
    equal((await tx`SELECT lowrite(${fd}, ${Buffer.alloc(10_000, 5)}) AS n`)[0].n, 10_000);
    await tx`SELECT lo_lseek(${fd}, 100, 0)`;
    equal((await tx`SELECT loread(${fd}, 1000) AS d`)[0].d.length, 1000);
    await tx`SELECT lo_unlink(${oid})`;
  });
});

// State of a session and many at a time

connected('reserved connection', async (sql) => {
  const r = await sql.reserve();
  await r`CREATE TEMP TABLE res (n int)`;
  await r`INSERT INTO res VALUES (1)`;
  await r`SET work_mem = '3MB'`;
  for (let i = 0; i < 5; i++) {
    equal((await r`SELECT count(*)::int AS n FROM res`)[0].n, 1);
    equal((await r`SHOW work_mem`)[0].work_mem, '3MB');
    equal((await sql`SHOW work_mem`)[0].work_mem, '4MB');
  }
  r.release();
}, { max: 2 });
connected('pool of ten', async (sql) => {
  const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => sql`SELECT ${i}::int AS v`));
  equal(all.length, 1000);
}, { max: 10 });
connected('pool with transactions', async (sql) => {
  await sql.unsafe('DROP TABLE IF EXISTS conc_js; CREATE TABLE conc_js (id int PRIMARY KEY, v int); INSERT INTO conc_js SELECT g, 0 FROM generate_series(1, 10) g');
  await Promise.all(Array.from({ length: 200 }, (_, i) => sql.begin((tx) => tx`UPDATE conc_js SET v = v + 1 WHERE id = ${1 + i % 10}`)));
  equal((await sql`SELECT sum(v)::int AS n FROM conc_js`)[0].n, 200);
  await sql`DROP TABLE conc_js`;
}, { max: 10 });
connected('connections that end', async (sql) => {
  for (let i = 0; i < 5; i++) {
    await Promise.all(Array.from({ length: 20 }, () => sql`SELECT 1`));
    await sleep(50);
  }
}, { max: 5, idle_timeout: 0.02, max_lifetime: 0.1 });

main();
