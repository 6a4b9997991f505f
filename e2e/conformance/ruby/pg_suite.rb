# Ruby's pg against a server: each test is an application's use of one feature. Prints "pass NAME", "fail NAME" or
# "skip NAME" for each, then a tab and what happened.
require "pg"
require "timeout"

TESTS = []

class Skip < StandardError; end

def test(name, &body) = TESTS << [name, body]

def connected(name, **options, &body)
  test(name) do
    c = connect(**options)
    begin
      body.call(c)
    ensure
      c.finish unless c.finished?
    end
  end
end

def two(name, &body)
  test(name) do
    a, b = connect, connect
    begin
      body.call(a, b)
    ensure
      [a, b].each { |c| c.finish unless c.finished? }
    end
  end
end

def connect(**options) = PG.connect(**options).tap { |c| c.set_notice_receiver { } }

def equal(got, want)
  raise "got #{got.inspect[0, 200]}, want #{want.inspect[0, 200]}" unless got == want
end

def one(c, sql, params = nil) = (params ? c.exec_params(sql, params) : c.exec(sql)).getvalue(0, 0)

def usable(c) = equal(one(c, "SELECT 41 + $1::int", [1]), "42")

def fails(state)
  yield
  raise "no error, want #{state}"
rescue PG::Error => e
  got = e.result&.error_field(PG::PG_DIAG_SQLSTATE)
  raise "got #{got} #{e.message}, want #{state}" unless got == state
  e.result
end

# Connecting

{ "application_name" => [{ application_name: "an application" }, "application_name", "an application"],
  "options" => [{ options: "-c work_mem=3MB" }, "work_mem", "3MB"],
  "statement_timeout" => [{ options: "-c statement_timeout=77s" }, "statement_timeout", "77s"] }.each do |name, (options, show, want)|
  connected("connect #{name}", **options) do |c|
    equal(one(c, "SHOW #{show}"), want)
    c.exec("RESET ALL")
    equal(one(c, "SHOW #{show}"), want)
  end
end
{ "wrong password" => { password: "wrong" }, "unknown user" => { user: "nobody_at_all" } }.each do |name, options|
  test("connect #{name}") do
    connect(**options)
    raise "no error"
  rescue PG::ConnectionBad => e
    raise e unless e.message.include?("password authentication failed")
  end
end
test("connect unknown database") do
  connect(dbname: "no_such_database")
  raise "no error"
rescue PG::ConnectionBad => e
  raise e unless e.message.include?('database "no_such_database" does not exist')
end
%w[require verify-ca verify-full].each do |mode|
  test("connect TLS #{mode}") do
    ca = ENV["CONFORMANCE_CA"] or raise Skip, "no CA"
    c = connect(sslmode: mode, sslrootcert: ca, host: "localhost", hostaddr: ENV["PGHOST"], channel_binding: "require")
    equal(c.ssl_in_use?, true)
    usable(c)
    c.finish
  end
end
test("connect Unix socket") do
  c = connect(host: ENV["CONFORMANCE_SOCKET"] || raise(Skip, "no socket"))
  usable(c)
  c.finish
end
test("connect 100 times") do
  100.times do |i|
    c = connect(application_name: "a#{i % 3}")
    equal(one(c, "SHOW application_name"), "a#{i % 3}")
    c.finish
  end
end
connected("connect reset") do |c|
  c.exec("SET work_mem = '1MB'")
  c.reset
  equal(one(c, "SHOW work_mem"), "4MB")
  equal(PG::Connection.ping, PG::PQPING_OK)
end

# Queries and types

connected("query several") do |c|
  c.send_query("SELECT 1; SELECT 2; SELECT 3 WHERE false")
  seen = []
  while (r = c.get_result)
    seen << r.ntuples
  end
  equal(seen, [1, 1, 0])
  c.exec("CREATE TEMP TABLE t (n int)")
  fails("22012") { c.exec("INSERT INTO t VALUES (1); SELECT 1/0") }
  equal(one(c, "SELECT count(*) FROM t"), "0")
end
connected("query empty") do |c|
  ["", ";", "-- nothing"].each { |sql| equal(c.exec(sql).result_status, PG::PGRES_EMPTY_QUERY) }
  equal(c.exec_params("", []).result_status, PG::PGRES_EMPTY_QUERY)
end
connected("query statuses") do |c|
  [["CREATE TEMP TABLE t (n int)", "CREATE TABLE", 0], ["INSERT INTO t SELECT generate_series(1,5)", "INSERT 0 5", 5], ["UPDATE t SET n = 1", "UPDATE 5", 5],
   ["DELETE FROM t", "DELETE 5", 5], ["SHOW work_mem", "SHOW", 0]].each do |sql, status, tuples|
    r = c.exec(sql)
    equal([r.cmd_status, r.cmd_tuples], [status, tuples])
  end
end
VALUES = { "int2" => "32767", "int4" => "-2147483648", "int8" => "9223372036854775807", "bool" => "t", "float8" => "0.1", "numeric" => "12345678901234567890.123456789",
           "numeric_nan" => "NaN", "text" => "it's \\ \"q\" $1 ä€😀\n\t", "text_empty" => "", "text_null" => nil, "uuid" => "12345678-1234-5678-1234-567812345678",
           "json" => '{"a": [1, null]}', "jsonb" => '{"a": [1, null]}', "date" => "2024-02-29", "timestamp" => "2000-01-01 00:00:00.123456", "interval" => "1 day 02:03:04.5",
           "int4range" => "[1,5)", "inet" => "10.1.2.3/24", "text_large" => "z" * 10_000_000 }.freeze
VALUES.each do |name, value|
  connected("types #{name}") do |c|
    type = name.split("_").first
    equal(one(c, "SELECT $1::#{type}", [value]), value)
    c.prepare("s", "SELECT $1::#{type}")
    2.times { equal(c.exec_prepared("s", [value]).getvalue(0, 0), value) }
  end
end
connected("types binary") do |c|
  r = c.exec_params("SELECT $1::int4, $2::bytea, $3::int8, $4::text", [{ value: [7].pack("N"), format: 1, type: 23 }, { value: "\x00\xff\\'".b, format: 1 },
                                                                    { value: [1 << 40].pack("q>"), format: 1, type: 20 }, "text"], 1)
  equal(r.getvalue(0, 0), [7].pack("N"))
  equal(r.getvalue(0, 1), "\x00\xff\\'".b)
  equal(r.getvalue(0, 2).unpack1("q>"), 1 << 40)
  equal(r.fformat(3), 1)
end
connected("types mapped") do |c|
  c.type_map_for_results = PG::BasicTypeMapForResults.new(c)
  c.type_map_for_queries = PG::BasicTypeMapForQueries.new(c)
  r = c.exec_params("SELECT $1::int8, $2::float8, $3::bool, $4::text[], $5::timestamptz", [1, 1.5, true, %w[a b,c], Time.at(0)])
  equal(r.values.first, [1, 1.5, true, %w[a b,c], Time.at(0)])
  r = c.exec("SELECT '{1,NULL,3}'::int[], '\\x00ff'::bytea, 1.10::numeric, '2020-01-01'::date")
  equal(r.values.first, [[1, nil, 3], "\x00\xff".b, BigDecimal("1.10"), Date.new(2020, 1, 1)])
end
connected("result fields") do |c|
  c.exec("CREATE TEMP TABLE origin (a int, b varchar(7))")
  r = c.exec("SELECT b, a FROM origin")
  equal([r.fields, r.ftype(0), r.fmod(0), r.ftablecol(0), r.ftable(0).to_s], [%w[b a], 1043, 11, 2, one(c, "SELECT 'origin'::regclass::oid")])
end
[1000, 65_535].each do |n|
  connected("parameters #{n}") do |c|
    equal(one(c, "SELECT cardinality(ARRAY[#{(1..n).map { |i| "$#{i}::int" }.join(",")}])", (1..n).map(&:to_s)), n.to_s)
    usable(c)
  end
end
connected("large result") do |c|
  r = c.exec("SELECT g, repeat('x', 50) FROM generate_series(1, 100000) g")
  equal(r.column_values(0).sum(&:to_i), 5_000_050_000)
end
connected("single row mode") do |c|
  c.send_query_params("SELECT generate_series(1, $1::int)", ["5000"])
  c.set_single_row_mode
  sum = 0
  c.get_result.stream_each_row { |row| sum += row[0].to_i }
  equal(sum, 12_502_500)
  c.discard_results
  c.send_query("SELECT 1/(500-g) FROM generate_series(1, 1000) g")
  c.set_single_row_mode
  fails("22012") do
    while (r = c.get_result)
      r.check
    end
  end
  c.discard_results
  usable(c)
end

# Prepared statements

connected("prepared 1000") do |c|
  1000.times { |i| c.prepare("s#{i}", "SELECT #{i} + $1::int") }
  [1, 2].each { |k| (0...1000).step(3) { |i| equal(c.exec_prepared("s#{i}", [k.to_s]).getvalue(0, 0), (i + k).to_s) } }
end
connected("prepared describe") do |c|
  c.prepare("d", "SELECT $1::int AS a, $2::text AS b")
  r = c.describe_prepared("d")
  equal([r.nparams, r.paramtype(0), r.paramtype(1), r.fields], [2, 23, 25, %w[a b]])
  fails("26000") { c.describe_prepared("nope") }
  fails("42P05") { c.prepare("d", "SELECT 1") }
  c.exec("DEALLOCATE d")
  fails("26000") { c.exec_prepared("d", %w[1 x]) }
  c.exec_params("SELECT 1")
  c.prepare("", "SELECT 2")
  equal(c.exec_prepared("").getvalue(0, 0), "2")
end
connected("prepared then DDL") do |c|
  c.exec("CREATE TEMP TABLE ch (a int)")
  c.prepare("ch", "SELECT * FROM ch")
  c.exec_prepared("ch")
  c.exec("ALTER TABLE ch ADD b int")
  fails("0A000") { c.exec_prepared("ch") }
  c.exec("DEALLOCATE ch")
  c.prepare("ch", "SELECT * FROM ch")
  equal(c.exec_prepared("ch").fields, %w[a b])
end

# Pipelines

connected("pipeline") do |c|
  c.enter_pipeline_mode
  500.times { |i| c.send_query_params("SELECT $1::int", [i.to_s]) }
  c.pipeline_sync
  500.times do |i|
    equal(c.get_result.getvalue(0, 0), i.to_s)
    equal(c.get_result, nil)
  end
  equal(c.get_result.result_status, PG::PGRES_PIPELINE_SYNC)
  c.exit_pipeline_mode
  usable(c)
end
connected("pipeline with an error") do |c|
  c.exec("CREATE TEMP TABLE pe (n int)")
  c.enter_pipeline_mode
  c.send_query_params("INSERT INTO pe VALUES (1)", [])
  c.send_query_params("SELECT 1/0", [])
  c.send_query_params("INSERT INTO pe VALUES (2)", [])
  c.pipeline_sync
  c.send_query_params("SELECT 5", [])
  c.pipeline_sync
  seen = []
  until seen.count(PG::PGRES_PIPELINE_SYNC) == 2
    r = begin
      c.get_result
    rescue PG::Error => e
      e.result
    end
    seen << r.result_status if r
  end
  equal(seen, [PG::PGRES_COMMAND_OK, PG::PGRES_FATAL_ERROR, PG::PGRES_PIPELINE_ABORTED, PG::PGRES_PIPELINE_SYNC, PG::PGRES_TUPLES_OK, PG::PGRES_PIPELINE_SYNC])
  c.exit_pipeline_mode
  equal(one(c, "SELECT count(*) FROM pe"), "0")
end

# Transactions and cursors

connected("transaction") do |c|
  c.exec("CREATE TEMP TABLE t (n int)")
  c.transaction { |t| t.exec("INSERT INTO t VALUES (1)") }
  begin
    c.transaction { |t| t.exec("INSERT INTO t VALUES (2)"); t.exec("SELECT 1/0") }
  rescue PG::DivisionByZero
  end
  equal(c.exec("SELECT n FROM t").column_values(0), ["1"])
  equal(c.transaction_status, PG::PQTRANS_IDLE)
  c.exec("BEGIN")
  equal(c.transaction_status, PG::PQTRANS_INTRANS)
  c.exec("SAVEPOINT a")
  fails("22012") { c.exec("SELECT 1/0") }
  equal(c.transaction_status, PG::PQTRANS_INERROR)
  fails("25P02") { usable(c) }
  c.exec("ROLLBACK TO a")
  equal(c.exec("COMMIT").cmd_status, "COMMIT")
end
["read committed", "repeatable read", "serializable"].each do |level|
  connected("transaction #{level}") do |c|
    c.exec("BEGIN ISOLATION LEVEL #{level} READ ONLY")
    equal(one(c, "SHOW transaction_isolation"), level)
    fails("25006") { c.exec("CREATE TABLE nope (n int)") }
  end
end
connected("two-phase") do |c|
  c.exec("BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'ruby'")
  equal(one(c, "SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'ruby'"), "1")
  c.exec("COMMIT PREPARED 'ruby'")
end
connected("cursors") do |c|
  c.transaction do |t|
    t.exec("DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 100)")
    equal(t.exec("FETCH 3 FROM c").column_values(0), %w[1 2 3])
    equal(t.exec("FETCH BACKWARD 1 FROM c").column_values(0), %w[2])
    equal(t.describe_portal("c").fields, ["generate_series"])
  end
  c.exec("DECLARE h CURSOR WITH HOLD FOR SELECT generate_series(1, 3)")
  (1..3).each { |i| equal(one(c, "FETCH h"), i.to_s) }
  c.exec("CLOSE h")
  fails("34000") { c.exec("FETCH h") }
end

# Errors and notices

connected("error fields") do |c|
  c.exec("CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL CONSTRAINT positive CHECK (n > 0)); INSERT INTO err VALUES (1, 1)")
  r = fails("23505") { c.exec_params("INSERT INTO err VALUES ($1, 1)", [1]) }
  equal([PG::PG_DIAG_SEVERITY, PG::PG_DIAG_MESSAGE_DETAIL, PG::PG_DIAG_TABLE_NAME, PG::PG_DIAG_CONSTRAINT_NAME].map { |f| r.error_field(f) },
        ["ERROR", "Key (id)=(1) already exists.", "err", "err_pkey"])
  equal(fails("23502") { c.exec("INSERT INTO err VALUES (2, NULL)") }.error_field(PG::PG_DIAG_COLUMN_NAME), "n")
  equal(fails("42703") { c.exec("SELECT nope FROM err") }.error_field(PG::PG_DIAG_STATEMENT_POSITION), "8")
  r = fails("P1234") { c.exec("DO $$ BEGIN RAISE EXCEPTION 'own' USING ERRCODE = 'P1234', DETAIL = 'd', HINT = 'h'; END $$") }
  equal([r.error_field(PG::PG_DIAG_MESSAGE_HINT), r.error_field(PG::PG_DIAG_SOURCE_FUNCTION)], %w[h exec_stmt_raise])
  usable(c)
end
connected("notices") do |c|
  seen = []
  c.set_notice_receiver { |r| seen << r.error_field(PG::PG_DIAG_MESSAGE_PRIMARY) }
  c.exec("DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'n %', i; END LOOP; END $$")
  equal(seen, ["n 1", "n 2", "n 3"])
end
two("notify") do |a, b|
  a.exec("LISTEN ch")
  b.exec("NOTIFY ch, 'one'")
  b.exec_params("SELECT pg_notify('ch', $1)", ["zwei ä"])
  got = 2.times.map { a.wait_for_notify(20) { |_, _, payload| break payload } }
  equal(got, ["one", "zwei ä"])
  a.exec("UNLISTEN *")
  b.exec("NOTIFY ch")
  equal(a.wait_for_notify(0.3), nil)
end

# COPY

["", "(FORMAT csv, HEADER)", "(FORMAT binary)"].each do |how|
  connected("copy round trip #{how}") do |c|
    c.exec("CREATE TEMP TABLE src AS SELECT g AS n, 'text ' || g AS s, CASE WHEN g % 3 = 0 THEN g END AS z FROM generate_series(1, 20000) g; CREATE TEMP TABLE dst (n int, s text, z int)")
    data = +"".b
    c.copy_data("COPY src TO STDOUT #{how}") { while (row = c.get_copy_data) do data << row end }
    r = c.copy_data("COPY dst FROM STDIN #{how}") { (0...data.bytesize).step(7777) { |i| c.put_copy_data(data.byteslice(i, 7777)) } }
    equal(r.cmd_tuples, 20_000)
    equal(one(c, "SELECT count(*) FROM (TABLE src EXCEPT TABLE dst) x"), "0")
  end
end
connected("copy in fails") do |c|
  c.exec("CREATE TEMP TABLE cf (n int)")
  fails("22P02") { c.copy_data("COPY cf FROM STDIN") { ["1\n", "x\n"].each { |l| c.put_copy_data(l) }; 1000.times { c.put_copy_data("3\n" * 1000) } } }
  usable(c)
  begin
    c.copy_data("COPY cf FROM STDIN") { c.put_copy_data("1\n"); raise KeyError, "client" }
  rescue KeyError
  end
  equal(one(c, "SELECT count(*) FROM cf"), "0")
end
connected("copy out fails") do |c|
  fails("22012") { c.copy_data("COPY (SELECT 1/(5000-g) FROM generate_series(1,10000) g) TO STDOUT") { while c.get_copy_data do end } }
  usable(c)
  begin
    c.copy_data("COPY (SELECT repeat('x', 1000) FROM generate_series(1,50000)) TO STDOUT") { c.get_copy_data; raise KeyError, "enough" }
  rescue KeyError, PG::NotAllCopyDataRetrieved
  end
  usable(c)
end

# Cancel and timeouts

connected("cancel") do |c|
  c.send_query("SELECT pg_sleep(60)")
  sleep 0.3
  equal(c.cancel, nil)
  fails("57014") { c.get_last_result }
  usable(c)
end
connected("cancel by statement_timeout", options: "-c statement_timeout=200") do |c|
  fails("57014") { c.exec("SELECT pg_sleep(60)") }
  usable(c)
end

# State of a session

two("settings") do |a, b|
  a.exec("SET work_mem = '3MB'")
  5.times do
    equal(one(a, "SHOW work_mem"), "3MB")
    equal(one(b, "SHOW work_mem"), "4MB")
  end
  a.transaction { |t| t.exec("SET LOCAL work_mem = '5MB'"); equal(one(t, "SHOW work_mem"), "5MB") }
  equal(one(a, "SHOW work_mem"), "3MB")
  a.exec("SET TimeZone = 'Asia/Tokyo'")
  equal(a.parameter_status("TimeZone"), "Asia/Tokyo")
end
two("temporary tables and locks") do |a, b|
  a.exec("CREATE TEMP TABLE tt (n int)")
  equal(one(a, "SELECT pg_try_advisory_lock(99)"), "t")
  10.times do |i|
    a.exec_params("INSERT INTO tt VALUES ($1)", [i])
    equal(one(b, "SELECT pg_try_advisory_lock(99)"), "f")
  end
  equal(one(a, "SELECT sum(n) FROM tt"), "45")
  fails("42P01") { b.exec("SELECT * FROM tt") }
  equal(one(a, "SELECT pg_advisory_unlock(99)"), "t")
end
connected("encoding") do |c|
  c.set_client_encoding("LATIN1")
  equal(one(c, "SELECT $1::text", ["é".encode("ISO-8859-1")]), "é".encode("ISO-8859-1"))
  fails("22P05") { c.exec("SELECT U&'\\20AC'") }
  c.internal_encoding = "UTF-8"
  equal(one(c, "SELECT 'é'::text"), "é")
end
connected("large objects") do |c|
  c.transaction do
    oid = c.lo_creat
    fd = c.lo_open(oid, PG::INV_READ | PG::INV_WRITE)
    c.lo_write(fd, "x" * 300_000)
    c.lo_lseek(fd, 1000, PG::SEEK_SET)
    equal(c.lo_read(fd, 500), "x" * 500)
    equal(c.lo_tell(fd), 1500)
    c.lo_truncate(fd, 10)
    c.lo_close(fd)
    c.lo_unlink(oid)
  end
end
connected("metadata") do |c|
  c.exec("CREATE TEMP TABLE meta (id serial PRIMARY KEY, s varchar(9) NOT NULL)")
  equal(c.exec("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'meta' ORDER BY ordinal_position").values,
        [%w[id integer], ["s", "character varying"]])
end
test("concurrency") do
  setup = connect
  setup.exec("DROP TABLE IF EXISTS conc_ruby; CREATE TABLE conc_ruby (id int PRIMARY KEY, v int); INSERT INTO conc_ruby SELECT g, 0 FROM generate_series(1, 10) g")
  20.times.map do |i|
    Thread.new do
      c = connect
      c.prepare("up", "UPDATE conc_ruby SET v = v + 1 WHERE id = $1")
      20.times { |k| c.transaction { |t| t.exec_prepared("up", [1 + (i + k) % 10]) } }
      c.finish
    end
  end.each(&:join)
  equal(one(setup, "SELECT sum(v) FROM conc_ruby"), "400")
  setup.exec("DROP TABLE conc_ruby")
  setup.finish
end

require "bigdecimal"
require "date"
$stdout.sync = true
TESTS.each do |name, body|
  next unless ARGV.empty? || ARGV.any? { |p| name.start_with?(p) }

  status, detail = "pass", ""
  begin
    Timeout.timeout(90) { body.call }
  rescue Skip => e
    status, detail = "skip", e.message
  rescue StandardError, Timeout::Error => e
    line = e.backtrace&.find { |l| l.include?("_suite.rb") && l !~ /in `(equal|fails|one|usable)'/ }.to_s[/rb:(\d+)/, 1]
    status, detail = "fail", "line #{line}: #{e.class}: #{e.message}"
  end
  puts "#{status} #{name}\t#{detail.gsub(/\s+/, " ")[0, 500]}"
end
