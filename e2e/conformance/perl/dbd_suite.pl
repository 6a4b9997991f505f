#!/usr/bin/perl
# DBD::Pg against a server: each test is an application's use of one feature. Prints "pass NAME", "fail NAME" or "skip NAME"
# for each, then a tab and what happened.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);
use DBD::Pg qw(:pg_types :async);
use Time::HiRes qw(sleep);
use Data::Dumper;
$Data::Dumper::Terse = $Data::Dumper::Useqq = $Data::Dumper::Sortkeys = 1;
$Data::Dumper::Indent = 0;
binmode STDOUT, ':utf8';
$| = 1;
$SIG{__WARN__} = sub { };

my @tests;
sub test { my ($name, $body) = @_; push @tests, [$name, $body] }

sub dsn {
    my %o = (host => $ENV{PGHOST}, port => $ENV{PGPORT}, dbname => $ENV{PGDATABASE}, @_);
    return 'dbi:Pg:' . join ';', map { "$_=$o{$_}" } sort keys %o;
}

sub db {
    my (%o) = @_;
    my $attributes = delete $o{attributes} // {};
    my ($user, $password) = (delete $o{user} // $ENV{PGUSER}, delete $o{password} // $ENV{PGPASSWORD});
    return DBI->connect(dsn(%o), $user, $password, { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, %$attributes });
}

sub equal {
    my ($got, $want) = map { Dumper($_) } @_;
    die 'got ' . substr($got, 0, 200) . ', want ' . substr($want, 0, 200) . "\n" . (caller)[2] if $got ne $want;
}

sub one { my ($d, $sql, @bind) = @_; return ($d->selectrow_array($sql, undef, @bind))[0] }
sub usable { equal(one($_[0], 'SELECT 41 + ?::int', 1), 42) }

sub fails {
    my ($d, $state, $f) = @_;
    eval { $f->(); 1 } and die "no error, want $state";
    my $error = $@;
    die 'got ' . ($d->state // '') . " $error, want $state" if $d->state ne $state;
}

# Connecting

for my $case (['application_name', "application_name='an application'", 'an application'], ['work_mem', "options='-c work_mem=3MB'", '3MB'],
    ['statement_timeout', "options='-c statement_timeout=77s'", '77s']) {
    my ($show, $text, $want) = @$case;
    test "connect $show", sub {
        my $d = DBI->connect(dsn() . ";$text", $ENV{PGUSER}, $ENV{PGPASSWORD}, { RaiseError => 1 });
        equal(one($d, "SHOW $show"), $want);
        $d->do('RESET ALL');
        equal(one($d, "SHOW $show"), $want);
        $d->disconnect;
    };
}
test 'connect wrong password', sub { eval { db(password => 'wrong') } and die 'no error'; $@ =~ /password authentication failed/ or die $@ };
test 'connect unknown user', sub { eval { db(user => 'nobody_at_all') } and die 'no error'; $@ =~ /password authentication failed/ or die $@ };
test 'connect unknown database', sub { eval { db(dbname => 'no_such_database') } and die 'no error'; $@ =~ /database "no_such_database" does not exist/ or die $@ };
test 'connect TLS', sub {
    my $ca = $ENV{CONFORMANCE_CA} or die "skip\n";
    for my $mode (qw(require verify-ca verify-full)) {
        my $d = db(sslmode => $mode, sslrootcert => $ca, host => 'localhost', hostaddr => $ENV{PGHOST});
        usable($d);
        $d->disconnect;
    }
};
test 'connect Unix socket', sub { my $d = db(host => $ENV{CONFORMANCE_SOCKET} || die "skip\n"); usable($d); $d->disconnect };
test 'connect 50 times', sub { for (1 .. 50) { my $d = db(); usable($d); $d->disconnect } };
test 'connect ping', sub { my $d = db(); for (1 .. 3) { $d->ping or die 'no answer'; $d->begin_work; $d->ping or die 'no answer'; $d->rollback } $d->disconnect };

# Queries and types, with prepared statements of the server, without, and by text in the client

my %modes = (server => { pg_server_prepare => 1, pg_switch_prepared => 1 }, switch => { pg_server_prepare => 1, pg_switch_prepared => 2 }, none => { pg_server_prepare => 0 });
my %values = (int2 => '32767', int4 => '-2147483648', int8 => '9223372036854775807', float8 => '0.1', numeric => '12345678901234567890.123456789', text => "it's \\ \"q\" ? ä€\n\t",
    varchar => '', uuid => '12345678-1234-5678-1234-567812345678', json => '{"a": [1, null]}', jsonb => '{"a": [1, null]}', date => '2024-02-29', timestamp => '2000-01-01 00:00:00.123456',
    interval => '1 day 02:03:04.5', int4range => '[1,5)', inet => '10.1.2.3/24');
for my $mode (sort keys %modes) {
    for my $type (sort keys %values) {
        test "types $type $mode", sub {
            my $d = db(attributes => $modes{$mode});
            my $s = $d->prepare("SELECT ?::$type, ?::$type");
            for (1 .. 4) {
                $s->execute($values{$type}, undef);
                my @row = $s->fetchrow_array;
                equal(["$row[0]", $row[1]], [$values{$type}, undef]);
                $s->finish;
            }
            undef $s;
            $d->disconnect;
        };
    }
    test "types bytea $mode", sub {
        my $d = db(attributes => $modes{$mode});
        my $value = join '', map { chr } 0 .. 255;
        my $s = $d->prepare('SELECT ?::bytea');
        for (1 .. 3) {
            $s->bind_param(1, $value, { pg_type => PG_BYTEA });
            $s->execute;
            equal($s->fetchrow_arrayref, [$value]);
        }
        my $large = $value x 20000;
        $s->bind_param(1, $large, { pg_type => PG_BYTEA });
        $s->execute;
        my ($got) = $s->fetchrow_array;
        die 'length ' . length $got if $got ne $large;
    };
    test "types arrays $mode", sub {
        my $d = db(attributes => $modes{$mode});
        equal(one($d, 'SELECT ?::text[]', ['a,b', '"q"', '\\', '', 'NULL', undef]), ['a,b', '"q"', '\\', '', 'NULL', undef]);
        equal(one($d, "SELECT '{{1,2},{3,4}}'::int[]"), [[1, 2], [3, 4]]);
    };
    test "transactions $mode", sub {
        my $d = db(attributes => { %{ $modes{$mode} } });
        $d->do('CREATE TEMP TABLE t (n int)');
        $d->begin_work;
        $d->do('INSERT INTO t VALUES (?)', undef, 1);
        $d->pg_savepoint('a');
        fails($d, '22012', sub { one($d, 'SELECT 1/?::int', 0) });
        $d->pg_rollback_to('a');
        $d->pg_release('a');
        $d->commit;
        $d->begin_work;
        $d->do('DELETE FROM t');
        $d->rollback;
        equal(one($d, 'SELECT count(*) FROM t'), 1);
    };
    test "errors $mode", sub {
        my $d = db(attributes => $modes{$mode});
        $d->do('CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL)');
        my $s = $d->prepare('INSERT INTO err VALUES (?, ?)');
        $s->execute(1, 1);
        for (1 .. 5) {
            fails($d, '23505', sub { $s->execute(1, 1) });
            equal([map { $d->pg_error_field($_) } qw(severity state detail table constraint)], ['ERROR', '23505', 'Key (id)=(1) already exists.', 'err', 'err_pkey']);
        }
        fails($d, '23502', sub { $s->execute(2, undef) });
        equal($d->pg_error_field('column'), 'n');
        fails($d, '42703', sub { $d->do('SELECT nope FROM err') });
        equal($d->pg_error_field('statement_position'), '8');
        usable($d);
    };
    test "schema change $mode", sub {
        my $d = db(attributes => $modes{$mode});
        $d->do('CREATE TEMP TABLE ch (a int)');
        my $s = $d->prepare('SELECT * FROM ch WHERE ?::int = 1');
        $s->execute(1) for 1 .. 4;
        $d->do('ALTER TABLE ch ADD b int');
        eval { $s->execute(1) };
        undef $s;
        $s = $d->prepare('SELECT * FROM ch WHERE ?::int = 1');
        $s->execute(1);
        equal($s->{NUM_OF_FIELDS}, 2);
    };
    test "many statements $mode", sub {
        my $d = db(attributes => $modes{$mode});
        my @s = map { my $s = $d->prepare("SELECT $_ + ?::int"); $s } 0 .. 499;
        for my $k (1 .. 3) {
            for my $i (0 .. 499) { $s[$i]->execute($k); equal($s[$i]->fetchrow_arrayref, [$i + $k]) }
        }
        undef @s;
        usable($d);
    };
    test "execute array $mode", sub {
        my $d = db(attributes => $modes{$mode});
        $d->do('CREATE TEMP TABLE ea (n int, s text)');
        my $s = $d->prepare('INSERT INTO ea VALUES (?, ?)');
        $s->execute_array({}, [1 .. 300], [map { "s$_" } 1 .. 300]);
        equal(one($d, 'SELECT count(*) FROM ea'), 300);
    };
}
test 'NaN', sub { my $d = db(); equal([$d->selectrow_array("SELECT 'NaN'::numeric, 'Infinity'::float8")], ['NaN', 'Inf']) };
test 'several', sub {
    my $d = db();
    $d->do('CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1), (2)');
    fails($d, '22012', sub { $d->do('INSERT INTO t VALUES (3); SELECT 1/0') });
    equal(one($d, 'SELECT count(*) FROM t'), 2);
    equal($d->do('UPDATE t SET n = 1'), 2);
    $d->do('');
    usable($d);
};
for my $n (1000, 10000) {
    test "parameters $n", sub {
        my $d = db();
        equal(one($d, 'SELECT cardinality(ARRAY[' . join(',', ('?::int') x $n) . '])', 1 .. $n), $n);
        usable($d);
    };
}
test 'large', sub {
    my $d = db();
    equal(one($d, 'SELECT length(?)', 'z' x 10_000_000), 10_000_000);
    equal(length one($d, "SELECT repeat('y', 10000000)"), 10_000_000);
    my $rows = $d->selectall_arrayref("SELECT g, repeat('x', 50) FROM generate_series(1, 50000) g");
    equal(scalar @$rows, 50000);
};
test 'returning and last_insert_id', sub {
    my $d = db();
    $d->do('DROP TABLE IF EXISTS lid_perl; CREATE TABLE lid_perl (id serial PRIMARY KEY, s text)');
    equal(one($d, 'INSERT INTO lid_perl (s) VALUES (?) RETURNING id', 'a'), 1);
    $d->do('INSERT INTO lid_perl (s) VALUES (?)', undef, 'b');
    equal($d->last_insert_id(undef, undef, 'lid_perl', undef), 2);
    $d->do('DROP TABLE lid_perl');
};
test 'failed transaction', sub {
    my $d = db();
    $d->begin_work;
    fails($d, '22012', sub { $d->do('SELECT 1/0') });
    fails($d, '25P02', sub { $d->do('SELECT 1') });
    $d->rollback;
    usable($d);
};
test 'isolation', sub {
    my $d = db(attributes => { AutoCommit => 0 });
    $d->do('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY');
    equal(one($d, 'SHOW transaction_isolation'), 'serializable');
    fails($d, '25006', sub { $d->do('CREATE TABLE nope (n int)') });
    $d->rollback;
    $d->disconnect;
};
test 'two-phase', sub {
    my $d = db();
    $d->do("BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'perl'");
    $d->do("ROLLBACK PREPARED 'perl'");
};
test 'cursors', sub {
    my $d = db();
    $d->begin_work;
    $d->do('DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 100)');
    equal($d->selectcol_arrayref('FETCH 3 FROM c'), [1, 2, 3]);
    equal($d->selectcol_arrayref('FETCH BACKWARD 1 FROM c'), [2]);
    $d->commit;
    $d->do('DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3)');
    equal(one($d, 'FETCH h'), $_) for 1 .. 3;
    $d->do('CLOSE h');
    fails($d, '34000', sub { $d->do('FETCH h') });
};
test 'notices', sub {
    my $d = db();
    my @seen;
    local $SIG{__WARN__} = sub { push @seen, $_[0] =~ s/\n//r };
    $d->{PrintWarn} = 1;
    $d->do(q{DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$});
    equal(\@seen, ['NOTICE:  one', 'WARNING:  two']);
};
test 'notify', sub {
    my ($a, $b) = (db(), db());
    $a->do('LISTEN ch');
    $b->do("NOTIFY ch, 'one'");
    $b->do("SELECT pg_notify('ch', ?)", undef, 'zwei');
    my @got;
    for (1 .. 200) {
        while (my $n = $a->pg_notifies) { push @got, "$n->[0] $n->[2]" }
        last if @got == 2;
        sleep 0.05;
    }
    equal(\@got, ['ch one', 'ch zwei']);
    $a->do('UNLISTEN *');
};
test 'copy', sub {
    my $d = db();
    for my $how ('', '(FORMAT csv)', '(FORMAT binary)') {
        $d->do("CREATE TEMP TABLE src AS SELECT g AS n, 'text ' || g AS s FROM generate_series(1, 5000) g; CREATE TEMP TABLE dst (n int, s text)");
        $d->do("COPY src TO STDOUT $how");
        my ($data, $row) = ('');
        $data .= $row while $d->pg_getcopydata($row) >= 0;
        $d->do("COPY dst FROM STDIN $how");
        for (my $i = 0; $i < length $data; $i += 7777) { $d->pg_putcopydata(substr $data, $i, 7777) }
        $d->pg_putcopyend;
        equal(one($d, 'SELECT count(*) FROM (TABLE src EXCEPT TABLE dst) x'), 0);
        equal(one($d, 'SELECT count(*) FROM dst'), 5000);
        $d->do('DROP TABLE src, dst');
    }
};
test 'copy fails', sub {
    my $d = db();
    $d->do('CREATE TEMP TABLE cf (n int)');
    $d->do('COPY cf FROM STDIN');
    $d->pg_putcopydata("1\n");
    $d->pg_putcopydata("x\n");
    fails($d, '22P02', sub { $d->pg_putcopyend });
    usable($d);
    fails($d, '22012', sub { $d->do('COPY (SELECT 1/(500-g) FROM generate_series(1,1000) g) TO STDOUT'); my $row; 1 while $d->pg_getcopydata($row) >= 0; });
    usable($d);
};
test 'cancel', sub {
    my $d = db();
    my $s = $d->prepare('SELECT pg_sleep(60)', { pg_async => PG_ASYNC });
    $s->execute;
    sleep 0.3;
    equal($d->pg_ready ? 1 : 0, 0);
    $d->pg_cancel;
    usable($d);
    local $SIG{ALRM} = sub { $d->pg_cancel if 0; die "alarm\n" };
    $d->do('SET statement_timeout = 200');
    fails($d, '57014', sub { $d->do('SELECT pg_sleep(60)') });
    usable($d);
};
test 'async', sub {
    my $d = db();
    my $s = $d->prepare('SELECT ?::int + 1, pg_sleep(0.2)', { pg_async => PG_ASYNC });
    $s->execute(41);
    sleep 0.05 until $d->pg_ready;
    $d->pg_result;
    equal(($s->fetchrow_array)[0], 42);
};
test 'settings, temporary tables, locks', sub {
    my ($a, $b) = (db(), db());
    $a->do("SET work_mem = '3MB'");
    $a->do('CREATE TEMP TABLE tt (n int)');
    equal(one($a, 'SELECT pg_try_advisory_lock(111)'), 1);
    for (1 .. 5) {
        $a->do('INSERT INTO tt VALUES (?)', undef, $_);
        equal(one($b, 'SELECT pg_try_advisory_lock(111)'), 0);
        equal([one($a, 'SHOW work_mem'), one($b, 'SHOW work_mem')], ['3MB', '4MB']);
    }
    equal(one($a, 'SELECT sum(n) FROM tt'), 15);
    fails($b, '42P01', sub { $b->do('SELECT * FROM tt') });
};
test 'encoding', sub {
    my $d = db();
    $d->do("SET client_encoding = 'LATIN1'");
    fails($d, '22P05', sub { one($d, "SELECT U&'\\20AC'") });
    $d->do('RESET client_encoding');
    equal(one($d, "SELECT U&'\\20AC'"), '€');
};
test 'large objects', sub {
    my $d = db(attributes => { AutoCommit => 0 });
    my $oid = $d->pg_lo_creat($d->{pg_INV_WRITE});
    my $fd = $d->pg_lo_open($oid, $d->{pg_INV_WRITE} | $d->{pg_INV_READ});
    equal($d->pg_lo_write($fd, 'x' x 100_000, 100_000), 100_000);
    $d->pg_lo_lseek($fd, 1000, 0);
    my $data = '';
    equal($d->pg_lo_read($fd, $data, 500), 500);
    equal($d->pg_lo_tell($fd), 1500);
    $d->pg_lo_close($fd);
    $d->commit;
    $d->pg_lo_unlink($oid);
    $d->commit;
    $d->disconnect;
};
test 'metadata', sub {
    my $d = db();
    $d->do('DROP TABLE IF EXISTS md_child, md_parent; CREATE TABLE md_parent (id serial PRIMARY KEY, s varchar(9) NOT NULL); CREATE TABLE md_child (id int PRIMARY KEY, p int REFERENCES md_parent)');
    my $columns = $d->column_info(undef, 'public', 'md_parent', undef)->fetchall_arrayref({});
    equal([map { $_->{COLUMN_NAME} } @$columns], ['id', 's']);
    equal([$d->primary_key(undef, 'public', 'md_parent')], ['id']);
    equal([sort grep { /md_/ } $d->tables(undef, 'public', '%', 'TABLE')], ['public.md_child', 'public.md_parent']);
    my $fk = $d->foreign_key_info(undef, 'public', 'md_parent', undef, 'public', 'md_child')->fetchall_arrayref({});
    equal($fk->[0]{FK_COLUMN_NAME}, 'p');
    $d->statistics_info(undef, 'public', 'md_parent', 0, 0)->fetchall_arrayref;
    $d->type_info_all;
    $d->do('DROP TABLE md_child, md_parent');
};

for (@tests) {
    my ($name, $body) = @$_;
    next if @ARGV and not grep { index($name, $_) == 0 } @ARGV;
    my ($status, $detail) = ('pass', '');
    unless (eval { local $SIG{ALRM} = sub { die "time is up\n" }; alarm 90; $body->(); alarm 0; 1 }) {
        $detail = $@;
        $status = $detail eq "skip\n" ? 'skip' : 'fail';
        alarm 0;
    }
    $detail =~ s/\s+/ /g;
    print "$status $name\t" . substr($detail, 0, 500) . "\n";
}
