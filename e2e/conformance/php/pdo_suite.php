<?php
// PHP's PDO and its older pgsql functions against a server: each test is an application's use of one feature. Prints
// "pass NAME", "fail NAME" or "skip NAME" for each, then a tab and what happened.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING);

$tests = [];
function test(string $name, callable $body): void { global $tests; $tests[] = [$name, $body]; }

class Skip extends Exception {}

function db(array $attributes = [], string $more = '', ?string $user = null, ?string $password = null): PDO {
    $dsn = 'pgsql:host=' . getenv('PGHOST') . ';port=' . getenv('PGPORT') . ';dbname=' . getenv('PGDATABASE') . $more;
    return new PDO($dsn, $user ?? getenv('PGUSER'), $password ?? getenv('PGPASSWORD'), $attributes + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function equal($got, $want): void {
    if ($got !== $want) throw new Exception('got ' . substr(json_encode($got), 0, 200) . ', want ' . substr(json_encode($want), 0, 200));
}

function one(PDO $d, string $sql, array $bind = []) {
    $s = $d->prepare($sql);
    $s->execute($bind);
    return $s->fetchColumn();
}

function usable(PDO $d): void { equal(one($d, 'SELECT 41 + ?::int', [1]), 42); }

function fails(string $state, callable $f): PDOException {
    try { $f(); } catch (PDOException $e) {
        equal($e->errorInfo[0] ?? $e->getCode(), $state);
        return $e;
    }
    throw new Exception("no error, want $state");
}

// Connecting

foreach (['application_name' => [";application_name='an application'", 'an application'], 'work_mem' => [";options='-c work_mem=3MB'", '3MB'],
          'statement_timeout' => [";options='-c statement_timeout=77s'", '77s']] as $show => [$more, $want]) {
    test("connect $show", function () use ($show, $more, $want) {
        $d = db([], $more);
        equal(one($d, "SHOW $show"), $want);
        $d->exec('RESET ALL');
        equal(one($d, "SHOW $show"), $want);
    });
}
foreach (['wrong password' => [null, 'wrong', 'password authentication failed'], 'unknown user' => ['nobody_at_all', null, 'password authentication failed']] as $name => [$u, $p, $text]) {
    test("connect $name", function () use ($u, $p, $text) {
        try { db([], '', $u, $p); } catch (PDOException $e) {
            if (!str_contains($e->getMessage(), $text)) throw $e;
            return;
        }
        throw new Exception('no error');
    });
}
test('connect TLS', function () {
    $ca = getenv('CONFORMANCE_CA') ?: throw new Skip('no CA');
    foreach (['require', 'verify-ca', 'verify-full'] as $mode) usable(db([], ";sslmode=$mode;sslrootcert=$ca"));
});
test('connect Unix socket', function () {
    $folder = getenv('CONFORMANCE_SOCKET') ?: throw new Skip('no socket');
    usable(new PDO("pgsql:host=$folder;port=" . getenv('PGPORT') . ';dbname=' . getenv('PGDATABASE'), getenv('PGUSER'), getenv('PGPASSWORD')));
});
test('connect 50 times', function () { for ($i = 0; $i < 50; $i++) usable(db()); });
test('connect persistently', function () {
    for ($i = 0; $i < 10; $i++) {
        $d = db([PDO::ATTR_PERSISTENT => true]);
        $d->beginTransaction();
        usable($d);
        $d = null;
    }
    usable(db([PDO::ATTR_PERSISTENT => true]));
});
test('connect attributes', function () {
    $d = db();
    if (version_compare($d->getAttribute(PDO::ATTR_SERVER_VERSION), '14') < 0) throw new Exception('version');
    if (!str_contains($d->getAttribute(PDO::ATTR_SERVER_INFO), 'UTF8')) throw new Exception($d->getAttribute(PDO::ATTR_SERVER_INFO));
    if (!str_contains($d->getAttribute(PDO::ATTR_CONNECTION_STATUS), 'OK')) throw new Exception('status');
});

// By statements of the server, without, and by text in the client

$modes = ['native' => [], 'disabled' => [PDO::PGSQL_ATTR_DISABLE_PREPARES => true], 'emulated' => [PDO::ATTR_EMULATE_PREPARES => true]];
$values = ['int4' => -2147483647, 'int8' => 9223372036854775807, 'bool' => true, 'numeric' => '12345678901234567890.123456789', 'text' => "it's \\ \"q\" ä€😀\n\t",
    'varchar' => '', 'uuid' => '12345678-1234-5678-1234-567812345678', 'json' => '{"a": [1, null]}', 'jsonb' => '{"a": [1, null]}', 'date' => '2024-02-29',
    'timestamp' => '2000-01-01 00:00:00.123456', 'interval' => '1 day 02:03:04.5', 'int4range' => '[1,5)', 'inet' => '10.1.2.3/24', '"char"' => 'x'];
foreach ($modes as $mode => $attributes) {
    foreach ($values as $type => $value) {
        test("types $type $mode", function () use ($attributes, $type, $value) {
            $d = db($attributes);
            $s = $d->prepare("SELECT :a::$type, :b::$type");
            for ($i = 0; $i < 3; $i++) {
                $s->bindValue(':a', $value, is_int($value) ? PDO::PARAM_INT : (is_bool($value) ? PDO::PARAM_BOOL : PDO::PARAM_STR));
                $s->bindValue(':b', null, PDO::PARAM_NULL);
                $s->execute();
                equal($s->fetch(PDO::FETCH_NUM), [$value, null]);
            }
        });
    }
    test("types bytea $mode", function () use ($attributes) {
        $d = db($attributes);
        $value = implode('', array_map('chr', range(0, 255)));
        foreach ([$value, str_repeat($value, 20000)] as $v) {
            $s = $d->prepare('SELECT ?::bytea');
            $s->bindValue(1, $v, PDO::PARAM_LOB);
            $s->execute();
            if (stream_get_contents($s->fetchColumn()) !== $v) throw new Exception('differs');
        }
    });
    test("large $mode", function () use ($attributes) {
        $d = db($attributes);
        equal(one($d, 'SELECT length(?::text)', [str_repeat('z', 10_000_000)]), 10_000_000);
        equal(strlen(one($d, "SELECT repeat('y', 10000000)")), 10_000_000);
        equal(count($d->query("SELECT g, repeat('x', 50) FROM generate_series(1, 50000) g")->fetchAll()), 50000);
    });
    test("parameters 1000 $mode", function () use ($attributes) {
        equal(one(db($attributes), 'SELECT cardinality(ARRAY[' . implode(',', array_fill(0, 1000, '?::int')) . '])', range(1, 1000)), 1000);
    });
    test("transactions $mode", function () use ($attributes) {
        $d = db($attributes);
        $d->exec('CREATE TEMP TABLE t (n int)');
        $d->beginTransaction();
        $d->prepare('INSERT INTO t VALUES (?)')->execute([1]);
        $d->exec('SAVEPOINT a');
        fails('22012', fn () => one($d, 'SELECT 1/?::int', [0]));
        fails('25P02', fn () => one($d, 'SELECT 1'));
        $d->exec('ROLLBACK TO a');
        $d->commit();
        $d->beginTransaction();
        $d->exec('DELETE FROM t');
        equal($d->inTransaction(), true);
        $d->rollBack();
        equal(one($d, 'SELECT count(*) FROM t'), 1);
    });
    test("errors $mode", function () use ($attributes) {
        $d = db($attributes);
        $d->exec('CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL)');
        $s = $d->prepare('INSERT INTO err VALUES (?, ?)');
        $s->execute([1, 1]);
        for ($i = 0; $i < 3; $i++) {
            $e = fails('23505', fn () => $s->execute([1, 1]));
            equal($e->errorInfo[2], "ERROR:  duplicate key value violates unique constraint \"err_pkey\"\nDETAIL:  Key (id)=(1) already exists.");
        }
        fails('23502', fn () => $s->execute([2, null]));
        fails('42703', fn () => $d->exec('SELECT nope FROM err'));
        fails('22P02', fn () => one($d, 'SELECT ?::int', ['x']));
        usable($d);
    });
    test("schema change $mode", function () use ($attributes, $mode) {
        $d = db($attributes);
        $d->exec('CREATE TEMP TABLE ch (a int)');
        $s = $d->prepare('SELECT * FROM ch WHERE 1 = ?');
        $s->execute([1]);
        $d->exec('ALTER TABLE ch ADD b int');
        if ($mode === 'native') fails('0A000', fn () => $s->execute([1])); // PHP 8.2 does not survive another number of columns
        $s = $d->prepare('SELECT * FROM ch WHERE 1 = ?');
        $s->execute([1]);
        equal($s->columnCount(), 2);
    });
    test("many statements $mode", function () use ($attributes) {
        $d = db($attributes);
        $all = [];
        for ($i = 0; $i < 500; $i++) $all[] = $d->prepare("SELECT $i + ?::int");
        foreach ([1, 2] as $k) foreach ($all as $i => $s) {
            $s->execute([$k]);
            equal($s->fetchColumn(), $i + $k);
        }
        $all = null;
        usable($d);
    });
    test("scroll $mode", function () use ($attributes) {
        $d = db($attributes);
        $d->beginTransaction();
        $s = $d->prepare('SELECT generate_series(1, 10)', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
        $s->execute();
        equal($s->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 5), [5]);
        equal($s->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_PRIOR), [4]);
        equal($s->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST), [10]);
        $s = null;
        $d->commit();
    });
    test("last insert id $mode", function () use ($attributes, $mode) {
        $d = db($attributes);
        $d->exec("DROP TABLE IF EXISTS lid_php_$mode; CREATE TABLE lid_php_$mode (id serial PRIMARY KEY, s text)");
        $d->prepare("INSERT INTO lid_php_$mode (s) VALUES (?)")->execute(['a']);
        equal($d->lastInsertId(), '1');
        equal($d->lastInsertId("lid_php_{$mode}_id_seq"), '1');
        equal(one($d, "INSERT INTO lid_php_$mode (s) VALUES ('b') RETURNING id"), 2);
        $d->exec("DROP TABLE lid_php_$mode");
    });
}
test('several', function () {
    $d = db();
    $d->exec('CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1), (2)');
    fails('22012', fn () => $d->exec('INSERT INTO t VALUES (3); SELECT 1/0'));
    equal(one($d, 'SELECT count(*) FROM t'), 2);
    equal($d->exec('UPDATE t SET n = 1'), 2);
});
test('isolation', function () {
    $d = db();
    $d->exec('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY');
    equal(one($d, 'SHOW transaction_isolation'), 'serializable');
    fails('25006', fn () => $d->exec('CREATE TABLE nope (n int)'));
    $d->exec('ROLLBACK');
});
test('two-phase', function () {
    $d = db();
    $d->exec("BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'php'");
    $d->exec("COMMIT PREPARED 'php'");
});
test('copy', function () {
    $d = db();
    $d->exec('CREATE TEMP TABLE cp (n int, s text)');
    $rows = array_map(fn ($i) => "$i\ttext $i\n", range(1, 5000));
    equal($d->pgsqlCopyFromArray('cp', $rows), true);
    equal($d->pgsqlCopyToArray('cp'), $rows);
    fails('22P02', fn () => $d->pgsqlCopyFromArray('cp', ["1\tx\n", "y\tx\n"]));
    equal(one($d, 'SELECT count(*) FROM cp'), 5000);
});
test('large objects', function () {
    $d = db();
    $d->beginTransaction();
    $oid = $d->pgsqlLOBCreate();
    $lob = $d->pgsqlLOBOpen($oid, 'w');
    fwrite($lob, str_repeat('x', 100_000));
    fclose($lob);
    $lob = $d->pgsqlLOBOpen($oid, 'r');
    fseek($lob, 1000);
    equal(strlen(stream_get_contents($lob)), 99_000);
    fclose($lob);
    $d->commit();
    $d->beginTransaction();
    equal($d->pgsqlLOBUnlink($oid), true);
    $d->commit();
});
test('notify', function () {
    [$a, $b] = [db(), db()];
    $a->exec('LISTEN ch');
    $b->exec("NOTIFY ch, 'one'");
    $n = $a->pgsqlGetNotify(PDO::FETCH_ASSOC, 20000);
    equal([$n['message'], $n['payload']], ['ch', 'one']);
    equal($a->pgsqlGetNotify(PDO::FETCH_ASSOC, 200), false);
});
test('statement_timeout', function () {
    $d = db([], ";options='-c statement_timeout=200'");
    fails('57014', fn () => $d->exec('SELECT pg_sleep(60)'));
    usable($d);
});
test('settings, temporary tables, locks', function () {
    [$a, $b] = [db(), db()];
    $a->exec("SET work_mem = '3MB'");
    $a->exec('CREATE TEMP TABLE tt (n int)');
    equal(one($a, 'SELECT pg_try_advisory_lock(222)'), true);
    for ($i = 0; $i < 5; $i++) {
        $a->prepare('INSERT INTO tt VALUES (?)')->execute([$i]);
        equal([one($a, 'SHOW work_mem'), one($b, 'SHOW work_mem')], ['3MB', '4MB']);
        equal(one($b, 'SELECT pg_try_advisory_lock(222)'), false);
    }
    equal(one($a, 'SELECT sum(n) FROM tt'), 10);
    fails('42P01', fn () => $b->exec('SELECT * FROM tt'));
});
test('metadata', function () {
    $d = db();
    $d->exec('CREATE TEMP TABLE meta (id int, s varchar(9), n numeric(5,2))');
    $s = $d->query('SELECT * FROM meta');
    $m = array_map(fn ($i) => $s->getColumnMeta($i), [0, 1, 2]);
    equal(array_column($m, 'native_type'), ['int4', 'varchar', 'numeric']);
    equal(array_column($m, 'table'), ['meta', 'meta', 'meta']);
});

// The older functions

function pg(string $more = '') {
    return pg_connect('host=' . getenv('PGHOST') . ' port=' . getenv('PGPORT') . ' user=' . getenv('PGUSER') . ' password=' . getenv('PGPASSWORD')
        . ' dbname=' . getenv('PGDATABASE') . " $more", PGSQL_CONNECT_FORCE_NEW);
}
test('pgsql functions', function () {
    $c = pg("application_name='old'");
    equal(pg_fetch_result(pg_query($c, 'SHOW application_name'), 0, 0), 'old');
    equal(pg_fetch_all_columns(pg_query_params($c, 'SELECT generate_series(1, $1::int)', [3])), ['1', '2', '3']);
    pg_prepare($c, 'p', 'SELECT $1::text');
    equal(pg_fetch_result(pg_execute($c, 'p', ['x']), 0, 0), 'x');
    equal(pg_parameter_status($c, 'server_encoding'), 'UTF8');
    pg_set_client_encoding($c, 'LATIN1');
    equal(pg_client_encoding($c), 'LATIN1');
    pg_send_query($c, 'SELECT 1; SELECT 2');
    $n = 0;
    while (pg_get_result($c)) $n++;
    equal($n, 2);
    pg_query($c, 'CREATE TEMP TABLE ins (a int, b text)');
    pg_query_params($c, 'INSERT INTO ins VALUES ($1, $2)', [1, 'x']);
    equal(pg_fetch_all(pg_query($c, 'SELECT * FROM ins')), [['a' => '1', 'b' => 'x']]);
    pg_close($c);
});
test('pgsql errors', function () {
    $c = pg();
    pg_send_query($c, 'SELECT nope');
    $r = pg_get_result($c);
    equal([pg_result_error_field($r, PGSQL_DIAG_SQLSTATE), pg_result_error_field($r, PGSQL_DIAG_STATEMENT_POSITION)], ['42703', '8']);
    pg_get_result($c);
    pg_query($c, "DO $$ BEGIN RAISE NOTICE 'seen'; END $$");
    equal(pg_last_notice($c), 'NOTICE:  seen');
    pg_close($c);
});
test('pgsql cancel', function () {
    $c = pg();
    pg_send_query($c, 'SELECT pg_sleep(60)');
    usleep(300_000);
    equal(pg_connection_busy($c), true);
    equal(pg_cancel_query($c), true);
    equal(pg_fetch_result(pg_query($c, 'SELECT 1'), 0, 0), '1');
    pg_close($c);
});
test('pgsql copy', function () {
    $c = pg();
    pg_query($c, 'CREATE TEMP TABLE cp (n int)');
    pg_query($c, 'COPY cp FROM STDIN');
    pg_put_line($c, "1\n");
    pg_put_line($c, "\\.\n");
    equal(pg_end_copy($c), true);
    equal(pg_copy_to($c, 'cp'), ["1\n"]);
    pg_close($c);
});

foreach ($tests as [$name, $body]) {
    if ($argc > 1 && !array_filter(array_slice($argv, 1), fn ($p) => str_starts_with($name, $p))) continue;
    [$status, $detail] = ['pass', ''];
    try { $body(); } catch (Skip $e) {
        [$status, $detail] = ['skip', $e->getMessage()];
    } catch (Throwable $e) {
        $line = $e->getLine();
        foreach ($e->getTrace() as $t) if (!in_array($t['function'], ['one', 'equal', 'fails', 'usable']) && isset($t['line'])) { $line = $t['line'] . ' ' . $line; break; }
        [$status, $detail] = ['fail', "line $line: " . $e->getMessage()];
    }
    echo "$status $name\t" . substr(preg_replace('/\s+/', ' ', $detail), 0, 500) . "\n";
}
