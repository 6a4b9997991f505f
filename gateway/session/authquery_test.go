package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway/wire"
)

func TestAuthQueryKeepsAnswers(t *testing.T) {
	verifier, err := wire.Verifier("secret", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	asked := map[string]int{}
	var log strings.Builder
	q := NewAuthQuery(AuthQueryOptions{Keep: time.Minute, Clock: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Find: func(_ context.Context, user string) (string, string, bool, error) {
			asked[user]++
			switch user {
			case "app", "bare":
				return user, map[string]string{"app": verifier}[user], true, nil
			case "md5":
				return user, "md5d41d8cd98f00b204e9800998ecf8427e", true, nil
			case "folded":
				return "FOLDED", verifier, true, nil
			case "down":
				return "", "", false, errors.New("the server is down")
			}
			return "", "", false, nil
		}})
	for _, test := range []struct {
		user  string
		found bool
		has   bool
		err   bool
		asked int
	}{
		{"app", true, true, false, 1}, {"app", true, true, false, 1},
		{"bare", true, false, false, 1}, {"md5", true, false, false, 1},
		{"nobody", false, false, false, 1}, {"nobody", false, false, false, 1},
		{"folded", false, false, false, 1},
		{"down", false, false, true, 1}, {"down", false, false, true, 2},
	} {
		found, v, err := q.find(context.Background(), test.user)
		if found != test.found || (v != "") != test.has || (err != nil) != test.err || asked[test.user] != test.asked {
			t.Errorf("%s: found %v, verifier %v, %v; asked %d times", test.user, found, v != "", err, asked[test.user])
		}
	}
	now = now.Add(time.Minute)
	if found, _, _ := q.find(context.Background(), "nobody"); found || asked["nobody"] != 2 {
		t.Error("an answer is kept too long")
	}
	if strings.Contains(log.String(), "d41d8cd98f00b204e9800998ecf8427e") || !strings.Contains(log.String(), "md5") {
		t.Errorf("log: %s", log.String())
	}
}

func TestAuthQueryAsksOnceForMany(t *testing.T) {
	var asked atomic.Int32
	answer := make(chan struct{})
	q := NewAuthQuery(AuthQueryOptions{Keep: time.Minute, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Find: func(ctx context.Context, user string) (string, string, bool, error) {
			asked.Add(1)
			<-answer
			return user, "", true, ctx.Err()
		}})
	gone, leave := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() {
		_, _, err := q.find(gone, "app")
		first <- err
	}()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var others sync.WaitGroup
	for range 10 {
		others.Go(func() {
			if found, _, err := q.find(context.Background(), "app"); !found || err != nil {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
	leave() // the one who asked first goes; the others get their answer
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(answer)
	others.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAuthQueryKeepsNoMoreThanItsLimit(t *testing.T) {
	q := NewAuthQuery(AuthQueryOptions{Keep: time.Hour, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Find: func(context.Context, string) (string, string, bool, error) { return "", "", false, nil }})
	for i := range authAnswersMax + 100 {
		if _, _, err := q.find(context.Background(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(q.answered); n > authAnswersMax {
		t.Errorf("%d answers are kept", n)
	}
}

// The configuration's users come first, and who was found is another one than who has the name there later.
func TestUserOf(t *testing.T) {
	named, found := &policy.User{Name: "app"}, &policy.User{Roles: []string{"found"}}
	st := &State{Policy: &policy.Policy{Users: map[string]*policy.User{"app": named},
		Databases: map[string]*policy.Database{"shop": {Found: found}, "other": {}}}}
	if st.userOf("app", "shop", false) != named || st.userOf("app", "shop", true) != nil {
		t.Error("a user of the configuration")
	}
	if u := st.userOf("bob", "shop", true); u == nil || u.Name != "bob" || u.Roles[0] != "found" || found.Name != "" {
		t.Errorf("a user who was found: %+v", u)
	}
	if st.userOf("bob", "shop", false) != nil || st.userOf("bob", "other", true) != nil || st.userOf("bob", "none", true) != nil {
		t.Error("a user who is not there")
	}
}
