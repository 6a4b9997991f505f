package session

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// AuthQuery finds the users of a database that the configuration does not name. Answers are kept for a time, that there is
// no such user too; who asks for one while it is being asked for waits for that answer. It may be used concurrently.
type AuthQuery struct {
	o        AuthQueryOptions
	flight   singleflight.Group
	mu       sync.Mutex
	answered map[string]answer
}

// AuthQueryOptions say how users are found and how long that is kept.
type AuthQueryOptions struct {
	// Find asks the database: the name that it knows the user by and the verifier, "" if there is none. ok is false if there
	// is no such user.
	Find  func(ctx context.Context, user string) (name, verifier string, ok bool, err error)
	Keep  time.Duration // 0: each login asks
	Clock func() time.Time
	Log   *slog.Logger
}

type answer struct {
	found    bool
	verifier string // "": none, or none that can be used
	until    time.Time
}

// authAnswersMax bounds the answers that are kept.
const authAnswersMax = 4096

// authQueryTimeout bounds one question.
const authQueryTimeout = 5 * time.Second

// NewAuthQuery keeps o.
func NewAuthQuery(o AuthQueryOptions) *AuthQuery {
	return &AuthQuery{o: o, answered: map[string]answer{}}
}

// find returns whether there is such a user, and its verifier if that has the form by which SCRAM can go. Errors are
// those of Find and the end of ctx.
func (q *AuthQuery) find(ctx context.Context, user string) (found bool, verifier string, err error) {
	a, kept := q.kept(user)
	if kept {
		return a.found, a.verifier, nil
	}
	asked := q.flight.DoChan(user, func() (any, error) {
		if a, kept := q.kept(user); kept { // the flight before this one has just ended
			return a, nil
		}
		// Those who wait come and go: the question does not end with the first of them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), authQueryTimeout)
		defer cancel()
		return q.ask(ctx, user)
	})
	select {
	case result := <-asked:
		if result.Err != nil {
			return false, "", result.Err
		}
		a = result.Val.(answer)
		return a.found, a.verifier, nil
	case <-ctx.Done():
		return false, "", context.Cause(ctx)
	}
}

// kept returns an answer that may still be used.
func (q *AuthQuery) kept(user string) (a answer, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a, ok = q.answered[user]
	return a, ok && q.o.Clock().Before(a.until)
}

func (q *AuthQuery) ask(ctx context.Context, user string) (answer, error) {
	name, verifier, ok, err := q.o.Find(ctx, user)
	if err != nil {
		return answer{}, fmt.Errorf("look a user up: %w", err)
	}
	a := answer{found: ok && name == user, until: q.o.Clock().Add(q.o.Keep)}
	if ok && name != user {
		q.o.Log.Warn("the auth_query answered with another user than was asked for", "user", user)
	}
	if a.found && verifier != "" {
		if wire.CheckVerifier(verifier) == nil {
			a.verifier = verifier
		} else {
			q.o.Log.Warn("the auth_query found a user whose password is not stored in SCRAM-SHA-256 form", "user", user)
		}
	}
	if q.o.Keep > 0 {
		q.keep(user, a)
	}
	return a, nil
}

// keep stores an answer. When there are too many, those that have expired go, and if none has, any of them.
func (q *AuthQuery) keep(user string, a answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, there := q.answered[user]; !there && len(q.answered) >= authAnswersMax {
		now := q.o.Clock()
		for name, old := range q.answered {
			if !now.Before(old.until) {
				delete(q.answered, name)
			}
		}
		for name := range q.answered {
			if len(q.answered) < authAnswersMax {
				break
			}
			delete(q.answered, name)
		}
	}
	q.answered[user] = a
}
