package java

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/program"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

const (
	source      = "e2e/conformance/java"
	jdbcVersion = "42.7.14"
	// mavenPlugin is Maven's plugin that fetches the driver.
	mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
)

// JDBC is a suite of ours for PostgreSQL's JDBC driver. Most of its tests run under a dozen of the driver's settings:
// server-prepared statements at once, never, in binary; each preferQueryMode; autosave; rewritten batches; fetch sizes.
func JDBC() suite.Suite {
	s := suite.Suite{Name: "jdbc", Title: "JDBC", Length: 20 * time.Minute, Prepare: prepareJDBC}
	return program.Suite(s, func(w *suite.Workspace) suite.Program {
		return suite.Program{Name: "java", Args: []string{"-Xmx1g", "-cp", w.Path("classes") + string(filepath.ListSeparator) + jar(w), "Conformance"}}
	})
}

func jar(w *suite.Workspace) string { return w.Path("lib", "postgresql-"+jdbcVersion+".jar") }

func prepareJDBC(ctx context.Context, w *suite.Workspace) (versions string, err error) {
	if err := w.Missing("Debian's packages default-jdk-headless, maven", "javac", "java", "mvn"); err != nil {
		return "", err
	}
	artifact := "org.postgresql:postgresql:" + jdbcVersion
	if err := w.Once(artifact, func() error {
		_, err := w.Must(ctx, suite.Program{Name: "mvn", Args: []string{"--batch-mode", "--quiet", mavenPlugin + ":copy",
			"-Dartifact=" + artifact, "-DoutputDirectory=" + w.Path("lib")}})
		return err
	}); err != nil {
		return "", fmt.Errorf("%w: %s (%w)", suite.ErrMissing, artifact, err)
	}
	if _, err := w.Must(ctx, suite.Program{Name: "javac", Args: []string{"-Xlint:-options", "-cp", jar(w), "-d", w.Path("classes"),
		filepath.Join(w.Source, source, "Conformance.java")}}); err != nil {
		return "", err
	}
	java, err := w.Output(ctx, suite.Program{Name: "java", Args: []string{"--version"}})
	java, _, _ = strings.Cut(java, "\n")
	return "pgjdbc " + jdbcVersion + ", " + java, err
}
