import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.Reader;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGStatement;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.copy.CopyOut;
import org.postgresql.copy.PGCopyInputStream;
import org.postgresql.copy.PGCopyOutputStream;
import org.postgresql.ds.PGConnectionPoolDataSource;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PGobject;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;
import org.postgresql.xa.PGXADataSource;

/**
 * The JDBC driver against a server: each test is an application's use of one feature. Prints a line for each, "pass NAME" or
 * "fail NAME", a tab, and what happened. Most tests run under several of the driver's settings, of which they bear the name.
 */
public final class Conformance {
  interface Body {
    void run(Props props) throws Exception;
  }

  /** Settings of the driver under which tests run. */
  static final class Props {
    final String name;
    final Properties properties = new Properties();

    Props(String name, String... settings) {
      this.name = name;
      properties.setProperty("user", env("PGUSER"));
      properties.setProperty("password", env("PGPASSWORD"));
      properties.setProperty("sslmode", "disable");
      for (int i = 0; i < settings.length; i += 2) {
        properties.setProperty(settings[i], settings[i + 1]);
      }
    }

    Connection connect(String... settings) throws SQLException {
      Properties p = new Properties();
      p.putAll(properties);
      for (int i = 0; i < settings.length; i += 2) {
        p.setProperty(settings[i], settings[i + 1]);
      }
      return DriverManager.getConnection(url(env("PGHOST")), p);
    }

    boolean simple() {
      return "simple".equals(properties.getProperty("preferQueryMode"));
    }
  }

  static final Props PLAIN = new Props("plain");
  static final List<Props> MODES = List.of(
      PLAIN,
      new Props("prepared", "prepareThreshold", "1"),
      new Props("binary", "prepareThreshold", "-1", "binaryTransfer", "true"),
      new Props("unprepared", "prepareThreshold", "0"),
      new Props("rewriting", "reWriteBatchedInserts", "true"),
      new Props("extendedForPrepared", "preferQueryMode", "extendedForPrepared"),
      new Props("cacheEverything", "preferQueryMode", "extendedCacheEverything"),
      new Props("simple", "preferQueryMode", "simple"),
      new Props("autosave", "autosave", "always"),
      new Props("conservative", "autosave", "conservative", "prepareThreshold", "1"),
      new Props("fetching", "defaultRowFetchSize", "7"),
      new Props("adaptive", "defaultRowFetchSize", "5", "adaptiveFetch", "true", "maxResultBuffer", "1M"));

  static final String[] prefixes = new String[1];
  static final ExecutorService worker = Executors.newCachedThreadPool(r -> {
    Thread t = new Thread(r);
    t.setDaemon(true);
    return t;
  });

  static String env(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value;
  }

  static String url(String host) {
    return "jdbc:postgresql://" + host + ":" + env("PGPORT") + "/" + env("PGDATABASE");
  }

  static void test(String name, Props props, Body body) {
    String full = name + "/" + props.name;
    if (prefixes[0] != null && !full.startsWith(prefixes[0])) {
      return;
    }
    Future<?> done = worker.submit((Callable<Void>) () -> {
      body.run(props);
      return null;
    });
    String status = "pass";
    String detail = "";
    try {
      done.get(90, TimeUnit.SECONDS);
    } catch (Exception e) {
      status = "fail";
      Throwable t = e.getCause() == null ? e : e.getCause();
      int line = 0;
      for (StackTraceElement s : t.getStackTrace()) {
        if (s.getClassName().startsWith("Conformance") && !s.getMethodName().matches("equal|fails|check|one|exec")) {
          line = s.getLineNumber();
          break;
        }
      }
      detail = ("line " + line + ": " + t).replaceAll("\\s+", " ");
      done.cancel(true);
    }
    System.out.println(status + " " + full + "\t" + detail.substring(0, Math.min(detail.length(), 500)));
    System.out.flush();
  }

  static void each(String name, Body body) {
    for (Props p : MODES) {
      test(name, p, body);
    }
  }

  static void equal(Object got, Object want) {
    if (got instanceof byte[] && want instanceof byte[] ? !Arrays.equals((byte[]) got, (byte[]) want)
        : !(got == null ? want == null : got.equals(want))) {
      throw new AssertionError("got " + brief(got) + ", want " + brief(want));
    }
  }

  static String brief(Object o) {
    String s = String.valueOf(o);
    return s.length() > 200 ? s.substring(0, 200) + "..." : s;
  }

  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  interface Sql {
    void run() throws Exception;
  }

  /** Runs what must fail with a SQLSTATE, and returns what the server said. */
  static ServerErrorMessage fails(String state, Sql f) throws Exception {
    try {
      f.run();
    } catch (SQLException e) {
      equal(e.getSQLState(), state);
      return e instanceof PSQLException ? ((PSQLException) e).getServerErrorMessage() : null;
    }
    throw new AssertionError("no error, want " + state);
  }

  static void exec(Connection c, String... statements) throws SQLException {
    try (Statement s = c.createStatement()) {
      for (String sql : statements) {
        s.execute(sql);
      }
    }
  }

  static Object one(Connection c, String sql, Object... args) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < args.length; i++) {
        s.setObject(i + 1, args[i]);
      }
      try (ResultSet r = s.executeQuery()) {
        check(r.next(), "no row");
        return r.getObject(1);
      }
    }
  }

  static void usable(Connection c) throws SQLException {
    equal(one(c, "SELECT 41 + ?", 1), 42);
  }

  static List<Object> column(Connection c, String sql) throws SQLException {
    List<Object> all = new ArrayList<>();
    try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
      while (r.next()) {
        all.add(r.getObject(1));
      }
    }
    return all;
  }

  public static void main(String[] args) {
    prefixes[0] = args.length > 0 ? args[0] : null;
    connecting();
    queries();
    types();
    prepared();
    batches();
    fetching();
    transactions();
    errors();
    copying();
    metadata();
    notifying();
    cancelling();
    state();
    concurrency();
    System.out.flush();
    System.exit(0);
  }

  static void connecting() {
    test("connect application name", PLAIN, p -> {
      try (Connection c = p.connect("ApplicationName", "an application")) {
        equal(one(c, "SHOW application_name"), "an application");
        c.setClientInfo("ApplicationName", "another");
        equal(one(c, "SHOW application_name"), "another");
        equal(c.getClientInfo("ApplicationName"), "another");
      }
    });
    test("connect options", PLAIN, p -> {
      try (Connection c = p.connect("options", "-c work_mem=3MB -c statement_timeout=77s")) {
        equal(one(c, "SHOW work_mem"), "3MB");
        equal(one(c, "SHOW statement_timeout"), "77s");
      }
    });
    test("connect schema", PLAIN, p -> {
      try (Connection c = p.connect("currentSchema", "pg_catalog,public")) {
        equal(one(c, "SHOW search_path"), "pg_catalog,public");
        equal(c.getSchema(), "pg_catalog");
        c.setSchema("public");
        equal(c.getSchema(), "public");
      }
    });
    test("connect read only", PLAIN, p -> {
      for (String mode : List.of("ignore", "transaction", "always")) {
        try (Connection c = p.connect("readOnly", "true", "readOnlyMode", mode)) {
          if (mode.equals("always")) {
            fails("25006", () -> exec(c, "CREATE TABLE nope (n int)"));
          }
          c.setAutoCommit(false);
          if (!mode.equals("ignore")) {
            fails("25006", () -> exec(c, "CREATE TABLE nope (n int)"));
          }
          c.rollback();
          c.setReadOnly(false);
          usable(c);
          c.rollback();
        }
      }
    });
    test("connect assume minimum version", PLAIN, p -> {
      try (Connection c = p.connect("assumeMinServerVersion", "9.0", "ApplicationName", "early")) {
        equal(one(c, "SHOW application_name"), "early");
      }
    });
    test("connect wrong password", PLAIN, p -> {
      ServerErrorMessage m = fails("28P01", () -> p.connect("password", "wrong"));
      equal(m.getSeverity(), "FATAL");
    });
    test("connect unknown user", PLAIN, p -> fails("28P01", () -> p.connect("user", "nobody_at_all")));
    test("connect unknown database", PLAIN, p -> fails("3D000", () ->
        DriverManager.getConnection("jdbc:postgresql://" + env("PGHOST") + ":" + env("PGPORT") + "/no_such_database", p.properties)));
    test("connect wrong option", PLAIN, p -> fails("42704", () -> p.connect("options", "-c no_such_setting=1")));
    for (String mode : List.of("require", "verify-ca", "verify-full", "prefer")) {
      test("connect TLS " + mode, PLAIN, p -> {
        p.properties.setProperty("sslrootcert", env("CONFORMANCE_CA"));
        try (Connection c = DriverManager.getConnection(url("localhost"), with(p, "sslmode", mode))) {
          usable(c);
          fails("57014", () -> cancelled(c));
          usable(c);
        }
      });
    }
    test("connect channel binding", PLAIN, p -> {
      try (Connection c = p.connect("sslmode", "require", "channelBinding", "require")) {
        usable(c);
      }
    });
    test("connect target server type", PLAIN, p -> {
      for (String type : List.of("any", "primary", "preferSecondary", "preferPrimary")) {
        try (Connection c = p.connect("targetServerType", type)) {
          usable(c);
        }
      }
      fails("08001", () -> p.connect("targetServerType", "secondary"));
    });
    test("connect 100 times", PLAIN, p -> {
      for (int i = 0; i < 100; i++) {
        try (Connection c = p.connect("ApplicationName", "a" + i % 3)) {
          equal(one(c, "SHOW application_name"), "a" + i % 3);
        }
      }
    });
    test("connect pooled", PLAIN, p -> {
      PGConnectionPoolDataSource ds = new PGConnectionPoolDataSource();
      ds.setUrl(url(env("PGHOST")));
      ds.setUser(env("PGUSER"));
      ds.setPassword(env("PGPASSWORD"));
      javax.sql.PooledConnection pooled = ds.getPooledConnection();
      for (int i = 0; i < 10; i++) {
        try (Connection c = pooled.getConnection()) {
          c.setAutoCommit(false);
          usable(c);
        }
      }
      pooled.close();
    });
    test("connect isValid and abort", PLAIN, p -> {
      Connection c = p.connect();
      check(c.isValid(5), "not valid");
      check(((PGConnection) c).getBackendPID() > 0, "no pid");
      c.abort(Runnable::run);
      check(!c.isValid(1), "valid");
    });
    test("connect parameter statuses", PLAIN, p -> {
      try (Connection c = p.connect()) {
        PGConnection pg = c.unwrap(PGConnection.class);
        equal(pg.getParameterStatus("server_encoding"), "UTF8");
        equal(pg.getParameterStatus("standard_conforming_strings"), "on");
        equal(pg.getParameterStatus("integer_datetimes"), "on");
        equal(pg.getParameterStatus("session_authorization"), env("PGUSER"));
        exec(c, "SET application_name = 'seen'");
        equal(pg.getParameterStatus("application_name"), "seen");
      }
    });
  }

  static Properties with(Props p, String... settings) {
    Properties all = new Properties();
    all.putAll(p.properties);
    for (int i = 0; i < settings.length; i += 2) {
      all.setProperty(settings[i], settings[i + 1]);
    }
    return all;
  }

  static void queries() {
    each("query several", p -> {
      if (p.name.equals("binary")) {
        return; // the driver asks for the formats of one statement's columns from another
      }
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        exec(c, "CREATE TEMP TABLE q (n int)");
        check(s.execute("SELECT 1; SELECT 2 AS a, 3; CREATE TEMP TABLE q2 (n int); INSERT INTO q VALUES (1), (2); SELECT 4 WHERE false"), "no rows");
        List<String> seen = new ArrayList<>();
        boolean rows = true;
        while (true) {
          if (rows) {
            try (ResultSet r = s.getResultSet()) {
              int n = 0;
              while (r.next()) {
                n++;
              }
              seen.add("rows " + n);
            }
          } else if (s.getUpdateCount() >= 0) {
            seen.add("count " + s.getUpdateCount());
          } else {
            break;
          }
          rows = s.getMoreResults();
        }
        equal(seen.toString(), "[rows 1, rows 1, count 0, count 2, rows 0]");
      }
    });
    each("query several with an error", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE q (n int)");
        fails("22012", () -> exec(c, "INSERT INTO q VALUES (1); SELECT 1/0; INSERT INTO q VALUES (2)"));
        equal(one(c, "SELECT count(*) FROM q"), 0L);
        usable(c);
      }
    });
    each("query empty", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        s.execute("");
        s.execute(";");
        s.execute("-- nothing");
        usable(c);
      }
    });
    each("query update counts", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        equal(s.executeUpdate("CREATE TEMP TABLE u (n int)"), 0);
        equal(s.executeUpdate("INSERT INTO u SELECT generate_series(1, 10)"), 10);
        equal(s.executeLargeUpdate("UPDATE u SET n = n + 1 WHERE n > 5"), 5L);
        equal(s.executeUpdate("DELETE FROM u"), 10);
      }
    });
    each("query max rows", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        if (p.properties.getProperty("preferQueryMode", "extended").matches("simple|extendedForPrepared")) {
          return; // the driver leaves the rows to the application
        }
        s.setMaxRows(5);
        int n = 0;
        try (ResultSet r = s.executeQuery("SELECT generate_series(1, 100)")) {
          while (r.next()) {
            n++;
          }
        }
        equal(n, 5);
        usable(c);
      }
    });
    each("query scrollable and updatable", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE scr (id int PRIMARY KEY, s text)", "INSERT INTO scr SELECT g, 's' || g FROM generate_series(1, 10) g");
        try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
            ResultSet r = s.executeQuery("SELECT id, s FROM scr ORDER BY id")) {
          check(r.absolute(5), "absolute");
          equal(r.getInt(1), 5);
          r.updateString(2, "changed");
          r.updateRow();
          check(r.last(), "last");
          r.deleteRow();
          r.moveToInsertRow();
          r.updateInt(1, 50);
          r.updateString(2, "new");
          r.insertRow();
        }
        equal(one(c, "SELECT string_agg(s, ',' ORDER BY id) FROM scr"), "s1,s2,s3,s4,changed,s6,s7,s8,s9,new");
      }
    });
    each("query generated keys", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE gk (id serial PRIMARY KEY, s text, d int DEFAULT 7)");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO gk (s) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
          for (int i = 1; i <= 8; i++) {
            s.setString(1, "x");
            equal(s.executeUpdate(), 1);
            try (ResultSet r = s.getGeneratedKeys()) {
              check(r.next(), "no key");
              equal(r.getInt("id"), i);
            }
          }
        }
        try (PreparedStatement s = c.prepareStatement("INSERT INTO gk (s) VALUES (?), ('y')", new String[] {"d", "id"})) {
          s.setString(1, "z");
          s.executeUpdate();
          try (ResultSet r = s.getGeneratedKeys()) {
            check(r.next() && r.next(), "two keys");
            equal(r.getInt(1) + "," + r.getInt(2), "7,10");
          }
        }
        try (Statement s = c.createStatement()) {
          s.executeUpdate("UPDATE gk SET d = 8 WHERE id < 3", Statement.RETURN_GENERATED_KEYS);
          try (ResultSet r = s.getGeneratedKeys()) {
            check(r.next(), "no key");
          }
        }
      }
    });
    each("query callable", p -> {
      if (p.simple()) {
        return; // the driver does not take OUT parameters out of the call
      }
      try (Connection c = p.connect()) {
        exec(c, "CREATE OR REPLACE FUNCTION pg_temp.addone(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1'",
            "CREATE OR REPLACE FUNCTION pg_temp.both(a int, OUT b int, OUT t text) LANGUAGE sql AS $$SELECT a * 2, 'x'$$");
        try (CallableStatement s = c.prepareCall("{? = call pg_temp.addone(?)}")) {
          s.registerOutParameter(1, Types.INTEGER);
          s.setInt(2, 41);
          s.execute();
          equal(s.getInt(1), 42);
        }
        try (CallableStatement s = c.prepareCall("{call pg_temp.both(?, ?, ?)}")) {
          s.setInt(1, 4);
          s.registerOutParameter(2, Types.INTEGER);
          s.registerOutParameter(3, Types.VARCHAR);
          s.execute();
          equal(s.getInt(2) + s.getString(3), "8x");
        }
      }
    });
    each("query ref cursor", p -> {
      if (p.simple()) {
        return;
      }
      try (Connection c = p.connect()) {
        exec(c, "CREATE OR REPLACE FUNCTION pg_temp.rc() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE r refcursor; BEGIN OPEN r FOR SELECT generate_series(1, 20); RETURN r; END $$");
        c.setAutoCommit(false);
        try (CallableStatement s = c.prepareCall("{? = call pg_temp.rc()}")) {
          s.registerOutParameter(1, Types.REF_CURSOR);
          s.execute();
          int sum = 0;
          try (ResultSet r = (ResultSet) s.getObject(1)) {
            while (r.next()) {
              sum += r.getInt(1);
            }
          }
          equal(sum, 210);
        }
        c.commit();
      }
    });
    each("query 1000 parameters", p -> {
      try (Connection c = p.connect()) {
        parameters(c, 1000);
        usable(c);
      }
    });
    test("query 65535 parameters", PLAIN, p -> {
      try (Connection c = p.connect()) {
        parameters(c, 65535);
        usable(c);
      }
    });
    each("query large values", p -> {
      try (Connection c = p.connect("maxResultBuffer", "200M")) {
        String s = "ä".repeat(5_000_000);
        equal(one(c, "SELECT length(?::text)", s), 5_000_000);
        equal(((String) one(c, "SELECT ?::text", s)).length(), 5_000_000);
        byte[] b = new byte[5_000_000];
        new java.util.Random(1).nextBytes(b);
        equal(one(c, "SELECT ?::bytea", b), b);
      }
    });
  }

  static void parameters(Connection c, int n) throws SQLException {
    StringBuilder sql = new StringBuilder("SELECT cardinality(ARRAY[");
    for (int i = 0; i < n; i++) {
      sql.append(i == 0 ? "?" : ",?");
    }
    try (PreparedStatement s = c.prepareStatement(sql + "]::int[])")) {
      for (int i = 1; i <= n; i++) {
        s.setInt(i, i);
      }
      try (ResultSet r = s.executeQuery()) {
        r.next();
        equal(r.getInt(1), n);
      }
    }
  }

  static void types() {
    each("types round trip", p -> {
      try (Connection c = p.connect("maxResultBuffer", "100M")) {
        for (int round = 0; round < 3; round++) {
          for (Object[] t : new Object[][] {
              {"int2", 32767, 32767}, {"int4", -2147483648, -2147483648}, {"int8", Long.MAX_VALUE, Long.MAX_VALUE}, {"bool", true, true},
              {"float4", 1.5f, 1.5f}, {"float8", 5e-324, 5e-324}, {"float8", Double.NaN, Double.NaN},
              {"numeric", new BigDecimal("12345678901234567890.1234567890"), new BigDecimal("12345678901234567890.1234567890")},
              {"numeric", new BigDecimal("-0.00001"), new BigDecimal("-0.00001")},
              {"text", "it's \\ \"q\" ? ä€😀\n\t", "it's \\ \"q\" ? ä€😀\n\t"}, {"text", "", ""}, {"varchar", "é".repeat(1000), "é".repeat(1000)},
              {"bytea", new byte[] {0, 1, -1, 39, 92}, new byte[] {0, 1, -1, 39, 92}}, {"bytea", new byte[0], new byte[0]},
              {"uuid", UUID.fromString("12345678-1234-5678-1234-567812345678"), UUID.fromString("12345678-1234-5678-1234-567812345678")},
              {"date", LocalDate.of(2024, 2, 29), Date.valueOf("2024-02-29")},
              {"timestamp", LocalDateTime.of(1969, 7, 20, 20, 17, 40, 123456000), Timestamp.valueOf("1969-07-20 20:17:40.123456")},
              {"time", LocalTime.of(1, 2, 3), Time.valueOf("01:02:03")},
          }) {
            if (p.simple() && t[0].equals("float8") && t[1].equals(5e-324)) {
              continue;
            }
            equal(one(c, "SELECT ?::" + t[0], t[1]), t[0].equals("int2") ? (Object) 32767 : t[2]);
          }
          try (PreparedStatement s = c.prepareStatement("SELECT ?::int, ?::text, ?::bytea, ?::timestamptz, ?::numeric")) {
            s.setNull(1, Types.INTEGER);
            s.setNull(2, Types.VARCHAR);
            s.setNull(3, Types.BINARY);
            s.setNull(4, Types.TIMESTAMP_WITH_TIMEZONE);
            s.setNull(5, Types.NUMERIC);
            try (ResultSet r = s.executeQuery()) {
              r.next();
              for (int i = 1; i <= 5; i++) {
                check(r.getObject(i) == null && r.wasNull(), "column " + i);
              }
            }
          }
        }
      }
    });
    each("types times", p -> {
      try (Connection c = p.connect()) {
        for (int i = 0; i < 6; i++) {
          try (PreparedStatement s = c.prepareStatement("SELECT ?::timestamptz, 'infinity'::timestamp, '-infinity'::date, ?::timetz")) {
            OffsetDateTime t = OffsetDateTime.of(1900, 1, 1, 12, 0, 0, 0, ZoneOffset.UTC);
            s.setObject(1, t);
            s.setObject(2, java.time.OffsetTime.of(1, 2, 3, 0, ZoneOffset.ofHours(5)));
            try (ResultSet r = s.executeQuery()) {
              r.next();
              equal(r.getObject(1, OffsetDateTime.class), t);
              equal(r.getTimestamp(2).getTime(), org.postgresql.PGStatement.DATE_POSITIVE_INFINITY);
              equal(r.getObject(3, LocalDate.class), LocalDate.MIN);
              equal(r.getObject(4, java.time.OffsetTime.class), java.time.OffsetTime.of(1, 2, 3, 0, ZoneOffset.ofHours(5)));
            }
          }
        }
      }
    });
    each("types arrays", p -> {
      try (Connection c = p.connect()) {
        for (int i = 0; i < 6; i++) {
          Array ints = c.createArrayOf("int4", new Integer[] {1, null, 3});
          Array got = (Array) one(c, "SELECT ?::int4[]", ints);
          equal(Arrays.toString((Integer[]) got.getArray()), "[1, null, 3]");
          got = (Array) one(c, "SELECT ?::text[]", c.createArrayOf("text", new String[] {"a,b", "\"q\"", "\\", "", "NULL", null}));
          equal(Arrays.toString((String[]) got.getArray()), "[a,b, \"q\", \\, , NULL, null]");
          got = (Array) one(c, "SELECT '{{1,2},{3,4}}'::int8[]");
          equal(Arrays.deepToString((Object[]) got.getArray()), "[[1, 2], [3, 4]]");
        }
      }
    });
    each("types json and others", p -> {
      try (Connection c = p.connect()) {
        for (String type : List.of("json", "jsonb", "inet", "int4range", "tsvector")) {
          String value = java.util.Map.of("json", "{\"a\": [1, null]}", "jsonb", "{\"a\": [1, null]}", "inet", "10.1.2.3/24", "int4range", "[1,5)",
              "tsvector", "'a' 'b'").get(type);
          PGobject o = new PGobject();
          o.setType(type);
          o.setValue(value);
          Object got = one(c, "SELECT ?::" + type, o);
          equal(got.toString(), value);
        }
        equal(one(c, "SELECT ?::interval", new org.postgresql.util.PGInterval("1 day 02:03:04.5")), new org.postgresql.util.PGInterval("1 day 02:03:04.5"));
        equal(one(c, "SELECT point(1.5, 2.5)"), new org.postgresql.geometric.PGpoint(1.5, 2.5));
        equal(one(c, "SELECT B'1'"), true);
      }
    });
    each("types streams", p -> {
      try (Connection c = p.connect(); PreparedStatement s = c.prepareStatement("SELECT ?::bytea, ?::text, ?::bytea")) {
        byte[] b = new byte[100_000];
        Arrays.fill(b, (byte) 7);
        if (!p.simple()) {
          s.setBinaryStream(1, new ByteArrayInputStream(b), b.length);
        } else {
          s.setBytes(1, b);
        }
        s.setCharacterStream(2, new StringReader("ä".repeat(1000)), 1000);
        s.setBytes(3, b);
        try (ResultSet r = s.executeQuery()) {
          r.next();
          equal(r.getBinaryStream(1).readAllBytes().length, b.length);
          equal(r.getCharacterStream(2).read(), (int) 'ä');
        }
      }
    });
    each("types numeric NaN", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        for (int i = 0; i < 6; i++) {
          try (ResultSet r = s.executeQuery("SELECT 'NaN'::numeric, 'Infinity'::float8, 1e131071::numeric")) {
            r.next();
            check(Double.isNaN(r.getDouble(1)), "NaN");
            check(Double.isInfinite(r.getDouble(2)), "infinity");
            equal(r.getBigDecimal(3).precision(), 131072);
          }
        }
      }
    });
  }

  static void prepared() {
    for (int threshold : new int[] {-1, 0, 1, 5}) {
      test("prepared threshold", new Props("" + threshold, "prepareThreshold", "" + threshold), p -> {
        try (Connection c = p.connect(); PreparedStatement s = c.prepareStatement("SELECT ?::int * 2")) {
          for (int i = 0; i < 20; i++) {
            s.setInt(1, i);
            try (ResultSet r = s.executeQuery()) {
              r.next();
              equal(r.getInt(1), 2 * i);
            }
          }
          check(s.unwrap(PGStatement.class).isUseServerPrepare() == (threshold != 0), "server prepare");
        }
      });
    }
    test("prepared 500 in a small cache", new Props("plain", "prepareThreshold", "1", "preparedStatementCacheQueries", "20"), p -> {
      try (Connection c = p.connect()) {
        for (int round = 0; round < 2; round++) {
          for (int i = 0; i < 500; i++) {
            equal(one(c, "SELECT " + i + " + ?", 1), i + 1);
          }
        }
        usable(c);
      }
    });
    test("prepared 2000 open", new Props("plain", "prepareThreshold", "1", "preparedStatementCacheQueries", "5000"), p -> {
      try (Connection c = p.connect()) {
        List<PreparedStatement> all = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
          PreparedStatement s = c.prepareStatement("SELECT " + i + " + ?");
          s.setInt(1, 1);
          s.executeQuery().close();
          all.add(s);
        }
        for (int i = 0; i < 2000; i += 7) {
          try (ResultSet r = all.get(i).executeQuery()) {
            r.next();
            equal(r.getInt(1), i + 1);
          }
        }
        for (PreparedStatement s : all) {
          s.close();
        }
        usable(c);
      }
    });
    each("prepared then DDL", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE ch (a int)", "INSERT INTO ch VALUES (1)");
        try (PreparedStatement s = c.prepareStatement("SELECT * FROM ch")) {
          for (int i = 0; i < 8; i++) {
            s.executeQuery().close();
          }
          exec(c, "ALTER TABLE ch ADD b text DEFAULT 'x'");
          // The driver prepares anew and executes again by itself where it may (outside of a transaction).
          try (ResultSet r = s.executeQuery()) {
            r.next();
            equal(r.getMetaData().getColumnCount(), 2);
          }
        }
      }
    });
    test("prepared then DDL in a transaction", new Props("prepared", "prepareThreshold", "1"), p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE ch (a int)", "INSERT INTO ch VALUES (1)");
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("SELECT * FROM ch")) {
          s.executeQuery().close();
          s.executeQuery().close();
          exec(c, "ALTER TABLE ch ADD b text DEFAULT 'x'");
          try (ResultSet r = s.executeQuery()) {
            equal(r.getMetaData().getColumnCount(), 2);
          }
          c.rollback();
          usable(c);
        }
      }
    });
    test("prepared then DDL in a transaction", new Props("autosave", "prepareThreshold", "1", "autosave", "conservative"), p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE ch (a int)", "INSERT INTO ch VALUES (1)");
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("SELECT * FROM ch")) {
          s.executeQuery().close();
          s.executeQuery().close();
          exec(c, "ALTER TABLE ch ADD b text DEFAULT 'x'");
          try (ResultSet r = s.executeQuery()) {
            equal(r.getMetaData().getColumnCount(), 2);
          }
          c.commit();
        }
      }
    });
    test("prepared then DEALLOCATE ALL", new Props("prepared", "prepareThreshold", "1"), p -> {
      for (String how : List.of("DEALLOCATE ALL", "DISCARD ALL")) {
        try (Connection c = p.connect(); PreparedStatement s = c.prepareStatement("SELECT ?::int")) {
          for (int i = 0; i < 5; i++) {
            s.setInt(1, i);
            s.executeQuery().close();
            exec(c, how);
          }
        }
      }
    });
    test("prepared then SET search_path", new Props("prepared", "prepareThreshold", "1"), p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE SCHEMA IF NOT EXISTS sp_a", "CREATE SCHEMA IF NOT EXISTS sp_b", "DROP TABLE IF EXISTS sp_a.t, sp_b.t",
            "CREATE TABLE sp_a.t AS SELECT 1 AS n", "CREATE TABLE sp_b.t AS SELECT 'b'::text AS n");
        exec(c, "SET search_path = sp_a");
        try (PreparedStatement s = c.prepareStatement("SELECT n FROM t")) {
          s.executeQuery().close();
          s.executeQuery().close();
          exec(c, "SET search_path = sp_b");
          try (ResultSet r = s.executeQuery()) {
            r.next();
            equal(r.getString(1), "b");
          }
        }
        exec(c, "SET search_path = public", "DROP SCHEMA sp_a CASCADE", "DROP SCHEMA sp_b CASCADE");
      }
    });
    each("prepared changing types", p -> {
      try (Connection c = p.connect(); PreparedStatement s = c.prepareStatement("SELECT ?")) {
        for (int i = 0; i < 10; i++) {
          s.setInt(1, i);
          s.executeQuery().close();
          s.setString(1, "x");
          s.executeQuery().close();
          s.setNull(1, Types.NULL);
          s.executeQuery().close();
          s.setObject(1, new BigDecimal("1.5"));
          s.executeQuery().close();
        }
      }
    });
    each("prepared metadata", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE pm (id int, s varchar(20), n numeric(10,2))");
        try (PreparedStatement s = c.prepareStatement("SELECT id, s, n FROM pm WHERE id = ? AND s = ?")) {
          if (p.simple()) {
            return; // the driver cannot describe there
          }
          ResultSetMetaData m = s.getMetaData();
          equal(m.getColumnCount() + m.getColumnName(2) + m.getColumnDisplaySize(2) + m.getPrecision(3) + m.getScale(3), "3s20102");
          equal(s.getParameterMetaData().getParameterTypeName(1), "int4");
          s.setInt(1, 1);
          s.setString(2, "x");
          try (ResultSet r = s.executeQuery()) {
            equal(r.getMetaData().getTableName(1), "pm");
          }
        }
      }
    });
  }

  static void batches() {
    each("batch inserts", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE b (id int, s text)");
        for (boolean auto : new boolean[] {true, false}) {
          c.setAutoCommit(auto);
          try (PreparedStatement s = c.prepareStatement("INSERT INTO b VALUES (?, ?)")) {
            for (int i = 0; i < 3000; i++) {
              s.setInt(1, i);
              s.setString(2, "row " + i);
              s.addBatch();
            }
            int[] counts = s.executeBatch();
            equal(counts.length, 3000);
            for (int n : counts) {
              check(n == 1 || n == Statement.SUCCESS_NO_INFO, "count " + n);
            }
          }
          if (!auto) {
            c.commit();
          }
        }
        equal(one(c, "SELECT count(*) FROM b"), 6000L);
      }
    });
    each("batch large both ways", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE b (id serial, s text)");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO b (s) VALUES (?)", new String[] {"id", "s"})) {
          String text = "y".repeat(20_000);
          for (int i = 0; i < 500; i++) {
            s.setString(1, text);
            s.addBatch();
          }
          equal(s.executeBatch().length, 500);
          int n = 0;
          try (ResultSet r = s.getGeneratedKeys()) {
            while (r.next()) {
              equal(r.getInt(1), ++n);
              equal(r.getString(2).length(), 20_000);
            }
          }
          equal(n, 500);
        }
      }
    });
    each("batch with an error", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE b (id int PRIMARY KEY)");
        for (int at : new int[] {0, 1, 50, 99, 400}) {
          c.setAutoCommit(false);
          try (PreparedStatement s = c.prepareStatement("INSERT INTO b VALUES (?)")) {
            for (int i = 0; i < 500; i++) {
              s.setInt(1, i == at + 1 ? at : i);
              s.addBatch();
            }
            try {
              s.executeBatch();
              throw new AssertionError("no error");
            } catch (BatchUpdateException e) {
              equal(e.getSQLState(), "23505");
            }
          }
          c.rollback();
          equal(one(c, "SELECT count(*) FROM b"), 0L);
          c.commit();
        }
        usable(c);
      }
    });
    each("batch of several statements", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        s.addBatch("CREATE TEMP TABLE bs (n int)");
        s.addBatch("INSERT INTO bs VALUES (1), (2)");
        s.addBatch("UPDATE bs SET n = n + 1");
        s.addBatch("DELETE FROM bs WHERE n = 2");
        equal(Arrays.toString(s.executeBatch()), "[0, 2, 2, 1]");
        s.addBatch("INSERT INTO bs VALUES (5)");
        s.addBatch("SELECT 1/0");
        s.addBatch("INSERT INTO bs VALUES (6)");
        fails(null, () -> {
          try {
            s.executeBatch();
          } catch (BatchUpdateException e) {
            throw new SQLException("expected", (String) null);
          }
        });
        usable(c);
      }
    });
  }

  static void fetching() {
    for (int size : new int[] {0, 1, 10, 1000}) {
      for (Props mode : MODES) {
        test("fetch size " + size, mode, p -> {
          try (Connection c = p.connect("maxResultBuffer", "100M")) {
            c.setAutoCommit(false);
            int rows = size == 1 ? 300 : 5000;
            try (PreparedStatement s = c.prepareStatement("SELECT g, repeat('x', 50) FROM generate_series(1, ?) g")) {
              s.setFetchSize(size);
              for (int k = 0; k < 2; k++) {
                s.setInt(1, rows);
                long sum = 0;
                try (ResultSet r = s.executeQuery()) {
                  while (r.next()) {
                    sum += r.getInt(1);
                  }
                }
                equal(sum, (long) rows * (rows + 1) / 2);
              }
            }
            c.commit();
          }
        });
      }
    }
    each("fetch two at a time", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        try (Statement a = c.createStatement(); Statement b = c.createStatement()) {
          a.setFetchSize(3);
          b.setFetchSize(5);
          try (ResultSet x = a.executeQuery("SELECT generate_series(1, 50)"); ResultSet y = b.executeQuery("SELECT generate_series(101, 150)")) {
            for (int i = 1; i <= 50; i++) {
              check(x.next() && y.next(), "rows");
              equal(x.getInt(1) + 100, y.getInt(1));
              if (i % 10 == 0) {
                usable(c);
              }
            }
          }
        }
        c.commit();
      }
    });
    each("fetch abandoned", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        for (int i = 0; i < 20; i++) {
          try (Statement s = c.createStatement()) {
            s.setFetchSize(2);
            try (ResultSet r = s.executeQuery("SELECT generate_series(1, 1000)")) {
              r.next();
            }
          }
        }
        c.commit();
        usable(c);
      }
    });
    each("fetch after commit", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
          s.setFetchSize(2);
          ResultSet r = s.executeQuery("SELECT generate_series(1, 10)");
          r.next();
          c.commit();
          if (!p.properties.getProperty("preferQueryMode", "extended").matches("simple|extendedForPrepared")) {
            fails("34000", () -> {
              while (r.next()) {
                r.getInt(1);
              }
            });
            c.rollback();
          }
        }
        usable(c);
      }
    });
    each("fetch with hold", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY, ResultSet.HOLD_CURSORS_OVER_COMMIT)) {
          s.setFetchSize(2);
          try (ResultSet r = s.executeQuery("SELECT generate_series(1, 10)")) {
            r.next();
            c.commit();
            int n = 1;
            while (r.next()) {
              n++;
            }
            equal(n, 10);
          }
        }
      }
    });
    each("fetch error later", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
          s.setFetchSize(100);
          fails("22012", () -> {
            try (ResultSet r = s.executeQuery("SELECT 1/(1500-g) FROM generate_series(1, 3000) g")) {
              while (r.next()) {
                r.getInt(1);
              }
            }
          });
        }
        c.rollback();
        usable(c);
      }
    });
  }

  static void transactions() {
    each("transaction commit and rollback", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE t (n int)");
        c.setAutoCommit(false);
        exec(c, "INSERT INTO t VALUES (1)");
        c.rollback();
        exec(c, "INSERT INTO t VALUES (2)");
        c.commit();
        equal(column(c, "SELECT n FROM t").toString(), "[2]");
        c.rollback();
      }
    });
    each("transaction failed", p -> {
      boolean saves = p.properties.getProperty("autosave") != null;
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE t (n int)");
        c.setAutoCommit(false);
        exec(c, "INSERT INTO t VALUES (1)");
        fails("22012", () -> exec(c, "SELECT 1/0"));
        if ("always".equals(p.properties.getProperty("autosave"))) {
          usable(c);
          c.commit();
          equal(one(c, "SELECT count(*) FROM t"), 1L);
        } else if (!saves) {
          fails("25P02", () -> exec(c, "SELECT 1"));
          c.commit(); // which answers ROLLBACK
          equal(one(c, "SELECT count(*) FROM t"), 0L);
        }
        c.rollback();
        usable(c);
      }
    });
    each("transaction savepoints", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE t (n int)");
        c.setAutoCommit(false);
        exec(c, "INSERT INTO t VALUES (1)");
        Savepoint a = c.setSavepoint("a");
        exec(c, "INSERT INTO t VALUES (2)");
        Savepoint b = c.setSavepoint();
        try {
          exec(c, "SELECT 1/0");
        } catch (SQLException e) {
          equal(e.getSQLState(), "22012");
        }
        c.rollback(b);
        c.rollback(a);
        Savepoint d = c.setSavepoint("d");
        exec(c, "INSERT INTO t VALUES (3)");
        c.releaseSavepoint(d);
        c.commit();
        equal(column(c, "SELECT n FROM t ORDER BY n").toString(), "[1, 3]");
        c.commit();
      }
    });
    each("transaction isolation", p -> {
      try (Connection c = p.connect()) {
        for (int level : new int[] {Connection.TRANSACTION_READ_UNCOMMITTED, Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_REPEATABLE_READ,
            Connection.TRANSACTION_SERIALIZABLE}) {
          c.setTransactionIsolation(level);
          equal(c.getTransactionIsolation(), level);
          c.setAutoCommit(false);
          usable(c);
          equal(c.getTransactionIsolation(), level);
          c.commit();
          c.setAutoCommit(true);
        }
        c.setReadOnly(true);
        c.setAutoCommit(false);
        fails("25006", () -> exec(c, "CREATE TABLE nope (n int)"));
        c.rollback();
      }
    });
    test("transaction XA", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "DROP TABLE IF EXISTS xa", "CREATE TABLE xa (n int)");
      }
      PGXADataSource ds = new PGXADataSource();
      ds.setUrl(url(env("PGHOST")));
      ds.setUser(env("PGUSER"));
      ds.setPassword(env("PGPASSWORD"));
      for (boolean commit : new boolean[] {true, false}) {
        javax.sql.XAConnection x = ds.getXAConnection();
        javax.transaction.xa.XAResource r = x.getXAResource();
        Connection c = x.getConnection();
        javax.transaction.xa.Xid xid = new TestXid(commit ? 1 : 2);
        r.start(xid, javax.transaction.xa.XAResource.TMNOFLAGS);
        exec(c, "INSERT INTO xa VALUES (1)");
        r.end(xid, javax.transaction.xa.XAResource.TMSUCCESS);
        equal(r.prepare(xid), javax.transaction.xa.XAResource.XA_OK);
        equal(r.recover(javax.transaction.xa.XAResource.TMSTARTRSCAN | javax.transaction.xa.XAResource.TMENDRSCAN).length, 1);
        if (commit) {
          r.commit(xid, false);
        } else {
          r.rollback(xid);
        }
        x.close();
      }
      try (Connection c = p.connect()) {
        equal(one(c, "SELECT count(*) FROM xa"), 1L);
        exec(c, "DROP TABLE xa");
      }
    });
  }

  static final class TestXid implements javax.transaction.xa.Xid {
    final int n;

    TestXid(int n) {
      this.n = n;
    }

    public int getFormatId() {
      return n;
    }

    public byte[] getGlobalTransactionId() {
      return new byte[] {1, 2, (byte) n};
    }

    public byte[] getBranchQualifier() {
      return new byte[] {3};
    }
  }

  static void errors() {
    each("error fields", p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE ef (id int PRIMARY KEY, n int NOT NULL CONSTRAINT positive CHECK (n > 0))", "INSERT INTO ef VALUES (1, 1)");
        for (int i = 0; i < 7; i++) {
          ServerErrorMessage m = fails("23505", () -> {
            try (PreparedStatement s = c.prepareStatement("INSERT INTO ef VALUES (?, ?)")) {
              s.setInt(1, 1);
              s.setInt(2, 1);
              s.execute();
            }
          });
          equal(m.getSeverity() + "|" + m.getMessage() + "|" + m.getDetail() + "|" + m.getTable() + "|" + m.getConstraint(),
              "ERROR|duplicate key value violates unique constraint \"ef_pkey\"|Key (id)=(1) already exists.|ef|ef_pkey");
        }
        equal(fails("23502", () -> exec(c, "INSERT INTO ef VALUES (2, NULL)")).getColumn(), "n");
        equal(fails("23514", () -> exec(c, "INSERT INTO ef VALUES (2, -1)")).getConstraint(), "positive");
        equal(fails("42703", () -> exec(c, "SELECT nope FROM ef")).getPosition(), 8);
        equal(fails("42P01", () -> exec(c, "SELECT * FROM missing")).getPosition(), 15);
        ServerErrorMessage m = fails("P1234", () -> exec(c,
            "DO $$ BEGIN RAISE EXCEPTION 'own' USING ERRCODE = 'P1234', DETAIL = 'd', HINT = 'h'; END $$"));
        equal(m.getDetail() + m.getHint(), "dh");
        check(m.getWhere().startsWith("PL/pgSQL function"), m.getWhere());
        usable(c);
      }
    });
    each("error 500 times", p -> {
      try (Connection c = p.connect()) {
        for (int i = 0; i < 500; i++) {
          fails("22012", () -> one(c, "SELECT ?::int/0", 1));
        }
        usable(c);
      }
    });
    each("notices", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        s.execute("DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'n %', i; END LOOP; RAISE WARNING 'w' USING ERRCODE = '01234'; END $$");
        List<String> seen = new ArrayList<>();
        for (java.sql.SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) {
          seen.add(w.getSQLState() + " " + w.getMessage());
        }
        equal(seen.toString(), "[00000 n 1, 00000 n 2, 00000 n 3, 01234 w]");
      }
    });
  }

  static void copying() {
    for (String how : List.of("", "(FORMAT csv, HEADER)", "(FORMAT binary)")) {
      test("copy round trip " + how, PLAIN, p -> {
        try (Connection c = p.connect()) {
          exec(c, "CREATE TEMP TABLE src AS SELECT g AS n, 'text ' || g AS s, CASE WHEN g % 3 = 0 THEN g END AS z FROM generate_series(1, 20000) g",
              "CREATE TEMP TABLE dst (n int, s text, z int)");
          CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          equal(m.copyOut("COPY src TO STDOUT " + how, out), 20000L);
          equal(m.copyIn("COPY dst FROM STDIN " + how, new ByteArrayInputStream(out.toByteArray()), 777), 20000L);
          equal(one(c, "SELECT count(*) FROM (TABLE src EXCEPT TABLE dst) x"), 0L);
          out.reset();
          try (InputStream in = new PGCopyInputStream(c.unwrap(PGConnection.class), "COPY src TO STDOUT " + how)) {
            in.transferTo(out);
          }
          exec(c, "TRUNCATE dst");
          try (PGCopyOutputStream to = new PGCopyOutputStream(c.unwrap(PGConnection.class), "COPY dst FROM STDIN " + how)) {
            to.write(out.toByteArray());
          }
          equal(one(c, "SELECT count(*) FROM (TABLE src EXCEPT TABLE dst) x"), 0L);
        }
      });
    }
    test("copy in fails at the server", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE cf (n int PRIMARY KEY)");
        CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
        for (String data : List.of("1\nx\n3\n", "1\nx\n" + "3\n".repeat(500_000))) {
          fails("22P02", () -> m.copyIn("COPY cf FROM STDIN", new StringReader(data)));
          usable(c);
        }
        fails("23505", () -> m.copyIn("COPY cf FROM STDIN", new StringReader("1\n1\n")));
        equal(one(c, "SELECT count(*) FROM cf"), 0L);
      }
    });
    test("copy in cancelled", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE cf (n int)");
        CopyIn in = c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY cf FROM STDIN");
        byte[] data = "1\n".repeat(1000).getBytes(StandardCharsets.UTF_8);
        in.writeToCopy(data, 0, data.length);
        in.cancelCopy();
        equal(one(c, "SELECT count(*) FROM cf"), 0L);
      }
    });
    test("copy out cancelled", PLAIN, p -> {
      try (Connection c = p.connect()) {
        CopyOut out = c.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 200000)) TO STDOUT");
        out.readFromCopy();
        try {
          out.cancelCopy();
        } catch (SQLException e) {
          equal(e.getSQLState(), "57014");
        }
        try {
          usable(c);
        } catch (SQLException e) { // the driver does not wait until the server has read the cancel request
          equal(e.getSQLState(), "57014");
        }
        usable(c);
      }
    });
    test("copy out fails", PLAIN, p -> {
      try (Connection c = p.connect()) {
        fails("22012", () -> c.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT 1/(5000-g) FROM generate_series(1,10000) g) TO STDOUT",
            new ByteArrayOutputStream()));
        usable(c);
      }
    });
    test("copy 50 MB", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "CREATE TEMP TABLE cl (s text)");
        CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
        String line = "x".repeat(499_999) + "\n";
        equal(m.copyIn("COPY cl FROM STDIN", new ByteArrayInputStream(line.repeat(100).getBytes(StandardCharsets.UTF_8))), 100L);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        m.copyOut("COPY cl TO STDOUT", out);
        equal(out.size(), 50_000_000);
      }
    });
  }

  static void metadata() {
    test("metadata", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "DROP VIEW IF EXISTS md_view", "DROP TABLE IF EXISTS md_child, md_parent",
            "CREATE TABLE md_parent (id serial PRIMARY KEY, s varchar(9) NOT NULL DEFAULT 'x', n numeric(5,2))",
            "CREATE TABLE md_child (id int PRIMARY KEY, parent int REFERENCES md_parent ON DELETE CASCADE)", "CREATE UNIQUE INDEX md_index ON md_parent (s, n)",
            "CREATE VIEW md_view AS SELECT * FROM md_parent", "COMMENT ON TABLE md_parent IS 'a remark'");
        DatabaseMetaData m = c.getMetaData();
        equal(m.getDatabaseProductName(), "PostgreSQL");
        equal(m.getUserName(), env("PGUSER"));
        check(m.getDatabaseMajorVersion() >= 13, "version");
        equal(m.getURL(), url(env("PGHOST")));
        equal(names(m.getTables(null, "public", "md%", null), "TABLE_NAME"), "[md_child, md_child_pkey, md_index, md_parent, md_parent_id_seq, md_parent_pkey, md_view]");
        equal(names(m.getTables(null, "public", "md%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME"), "[md_child, md_parent, md_view]");
        equal(names(m.getColumns(null, null, "md_parent", "%"), "COLUMN_NAME"), "[id, n, s]");
        equal(names(m.getPrimaryKeys(null, null, "md_parent"), "COLUMN_NAME"), "[id]");
        equal(names(m.getImportedKeys(null, null, "md_child"), "PKTABLE_NAME"), "[md_parent]");
        equal(names(m.getExportedKeys(null, null, "md_parent"), "FKTABLE_NAME"), "[md_child]");
        equal(names(m.getCrossReference(null, null, "md_parent", null, null, "md_child"), "FKCOLUMN_NAME"), "[parent]");
        equal(names(m.getIndexInfo(null, null, "md_parent", true, false), "INDEX_NAME"), "[md_index, md_parent_pkey]");
        check(names(m.getSchemas(), "TABLE_SCHEM").contains("public"), "schemas");
        check(names(m.getCatalogs(), "TABLE_CAT").contains(env("PGDATABASE")), "catalogs");
        check(names(m.getTypeInfo(), "TYPE_NAME").contains("int4"), "types");
        check(names(m.getTablePrivileges(null, null, "md_parent"), "PRIVILEGE").contains("SELECT"), "privileges");
        check(names(m.getFunctions(null, "pg_catalog", "lo_open"), "FUNCTION_NAME").contains("lo_open"), "functions");
        m.getProcedures(null, "public", "%").close();
        m.getBestRowIdentifier(null, null, "md_parent", 0, true).close();
        m.getVersionColumns(null, null, "md_parent").close();
        m.getUDTs(null, null, "%", null).close();
        m.getClientInfoProperties().close();
        check(m.getSQLKeywords().length() > 100, "keywords");
        check(m.getNumericFunctions() != null && m.getMaxConnections() >= 0, "more");
        equal(m.getDefaultTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
        exec(c, "DROP VIEW md_view", "DROP TABLE md_child, md_parent");
      }
    });
  }

  static String names(ResultSet r, String column) throws SQLException {
    TreeSet<String> all = new TreeSet<>();
    try (r) {
      while (r.next()) {
        all.add(r.getString(column));
      }
    }
    return all.toString();
  }

  static void notifying() {
    each("notify", p -> {
      try (Connection listener = p.connect(); Connection sender = p.connect()) {
        exec(listener, "LISTEN ch");
        exec(sender, "NOTIFY ch, 'one'");
        one(sender, "SELECT pg_notify('ch', ?)::text", "zwei ä");
        List<String> got = new ArrayList<>();
        long end = System.currentTimeMillis() + 20_000;
        while (got.size() < 2 && System.currentTimeMillis() < end) {
          PGNotification[] ns = listener.unwrap(PGConnection.class).getNotifications(1000);
          if (ns != null) {
            for (PGNotification n : ns) {
              got.add(n.getName() + " " + n.getParameter());
            }
          }
        }
        equal(got.toString(), "[ch one, ch zwei ä]");
        exec(listener, "UNLISTEN *");
        usable(listener);
      }
    });
  }

  static void cancelled(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      worker.submit(() -> {
        Thread.sleep(300);
        s.cancel();
        return null;
      });
      s.execute("SELECT pg_sleep(60)");
    }
  }

  static void cancelling() {
    each("cancel", p -> {
      try (Connection c = p.connect()) {
        fails("57014", () -> cancelled(c));
        usable(c);
        c.setAutoCommit(false);
        fails("57014", () -> cancelled(c));
        c.rollback();
        usable(c);
      }
    });
    each("cancel query timeout", p -> {
      try (Connection c = p.connect(); Statement s = c.createStatement()) {
        s.setQueryTimeout(1);
        fails("57014", () -> s.execute("SELECT pg_sleep(60)"));
        s.execute("SELECT 1");
        Thread.sleep(1200);
        usable(c);
      }
    });
    test("cancel by statement_timeout", PLAIN, p -> {
      try (Connection c = p.connect("options", "-c statement_timeout=200ms")) {
        fails("57014", () -> exec(c, "SELECT pg_sleep(60)"));
        usable(c);
      }
    });
    test("cancel by network timeout", PLAIN, p -> {
      try (Connection c = p.connect("socketTimeout", "1")) {
        fails("08006", () -> exec(c, "SELECT pg_sleep(60)"));
        check(c.isClosed(), "open");
      }
    });
  }

  static void state() {
    each("state large objects", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        LargeObjectManager m = c.unwrap(PGConnection.class).getLargeObjectAPI();
        long oid = m.createLO();
        byte[] data = new byte[300_000];
        new java.util.Random(2).nextBytes(data);
        try (LargeObject o = m.open(oid, LargeObjectManager.READWRITE)) {
          o.write(data);
          o.seek(1000);
          equal(o.read(500), Arrays.copyOfRange(data, 1000, 1500));
          equal(o.tell64(), 1500L);
          equal(o.size64(), 300_000L);
          o.truncate64(1000);
          equal(o.size64(), 1000L);
        }
        c.commit();
        try (LargeObject o = m.open(oid, LargeObjectManager.READ)) {
          equal(o.getInputStream().readAllBytes().length, 1000);
        }
        m.delete(oid);
        c.commit();
        exec(c, "CREATE TEMP TABLE lob (b oid)");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO lob VALUES (?)")) {
          s.setBlob(1, new ByteArrayInputStream(data), data.length);
          s.execute();
        }
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT b FROM lob")) {
          r.next();
          equal(r.getBlob(1).length(), 300_000L);
        }
        c.rollback();
      }
    });
    each("state temporary tables", p -> {
      try (Connection a = p.connect(); Connection b = p.connect()) {
        exec(a, "CREATE TEMP TABLE tt (n int)");
        for (int i = 0; i < 10; i++) {
          try (PreparedStatement s = a.prepareStatement("INSERT INTO tt VALUES (?)")) {
            s.setInt(1, i);
            s.execute();
          }
          usable(b);
        }
        equal(one(a, "SELECT sum(n) FROM tt"), 45L);
        fails("42P01", () -> exec(b, "SELECT * FROM tt"));
      }
    });
    each("state settings", p -> {
      try (Connection a = p.connect(); Connection b = p.connect()) {
        exec(a, "SET work_mem = '3MB'", "SET my.own = 'x'");
        for (int i = 0; i < 8; i++) {
          equal(one(b, "SHOW work_mem"), "4MB");
          equal(one(a, "SHOW work_mem"), "3MB");
          equal(one(a, "SELECT current_setting('my.own')"), "x");
        }
        exec(a, "RESET ALL");
        equal(one(a, "SHOW work_mem"), "4MB");
      }
    });
    test("state time zone", PLAIN, p -> {
      try (Connection c = p.connect()) {
        exec(c, "SET TimeZone = 'Asia/Tokyo'");
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT '2020-01-01 00:00:00+00'::timestamptz::text, '2020-01-01 00:00:00+00'::timestamptz")) {
          r.next();
          equal(r.getString(1), "2020-01-01 09:00:00+09");
          equal(r.getTimestamp(2).toInstant(), Instant.parse("2020-01-01T00:00:00Z"));
        }
      }
    });
    test("state client_encoding", PLAIN, p -> {
      try (Connection c = p.connect()) {
        fails("08006", () -> {
          exec(c, "SET client_encoding = 'LATIN1'");
          usable(c);
        });
        check(c.isClosed(), "open");
      }
      try (Connection c = p.connect("allowEncodingChanges", "true")) {
        exec(c, "SET client_encoding = 'LATIN1'");
        usable(c);
      }
    });
    test("state advisory locks", PLAIN, p -> {
      try (Connection a = p.connect(); Connection b = p.connect()) {
        equal(one(a, "SELECT pg_try_advisory_lock(77)"), true);
        for (int i = 0; i < 5; i++) {
          equal(one(b, "SELECT pg_try_advisory_lock(77)"), false);
          usable(a);
        }
        equal(one(a, "SELECT pg_advisory_unlock(77)"), true);
        equal(one(b, "SELECT pg_try_advisory_lock(77)"), true);
      }
    });
    each("state fast path", p -> {
      try (Connection c = p.connect()) {
        c.setAutoCommit(false);
        org.postgresql.fastpath.Fastpath f = c.unwrap(PGConnection.class).getFastpathAPI();
        f.addFunction("lo_creat", 957);
        f.addFunction("lo_unlink", 964);
        long oid = f.getOID("lo_creat", new org.postgresql.fastpath.FastpathArg[] {new org.postgresql.fastpath.FastpathArg(0x60000)});
        check(oid > 0, "no oid");
        equal(f.getInteger("lo_unlink", new org.postgresql.fastpath.FastpathArg[] {org.postgresql.fastpath.Fastpath.createOIDArg(oid)}), 1);
        c.commit();
      }
    });
  }

  static void concurrency() {
    each("concurrency", p -> {
      String table = "conc_" + p.name.toLowerCase();
      try (Connection c = p.connect()) {
        exec(c, "DROP TABLE IF EXISTS " + table, "CREATE TABLE " + table + " (id int PRIMARY KEY, v int)", "INSERT INTO " + table + " SELECT g, 0 FROM generate_series(1, 10) g");
      }
      List<Future<?>> all = new ArrayList<>();
      for (int t = 0; t < 15; t++) {
        int n = t;
        all.add(worker.submit((Callable<Void>) () -> {
          try (Connection c = p.connect(); PreparedStatement s = c.prepareStatement("UPDATE " + table + " SET v = v + ? WHERE id = ?")) {
            c.setAutoCommit(false);
            for (int k = 0; k < 20; k++) {
              s.setInt(1, 1);
              s.setInt(2, 1 + (n + k) % 10);
              s.executeUpdate();
              c.commit();
            }
          }
          return null;
        }));
      }
      for (Future<?> f : all) {
        f.get();
      }
      try (Connection c = p.connect()) {
        equal(one(c, "SELECT sum(v) FROM " + table), 300L);
        exec(c, "DROP TABLE " + table);
      }
    });
  }
}
