-- Notifications are not compared here, but in wire scripts.
LISTEN news
NOTIFY news
NOTIFY news, 'payload'
SELECT pg_notify('news', 'by call')
BEGIN
LISTEN other
NOTIFY other, 'in a block'
SAVEPOINT a
NOTIFY other, 'taken back'
ROLLBACK TO a
COMMIT
UNLISTEN other
BEGIN
UNLISTEN *
ROLLBACK
UNLISTEN *
NOTIFY nobody
LISTEN

-- Advisory locks.
SELECT pg_advisory_lock(4711), pg_try_advisory_lock(4711)
SELECT pg_advisory_unlock(4711)
SELECT pg_advisory_unlock(4711)
BEGIN
SELECT pg_advisory_xact_lock(1, 2)
SELECT pg_try_advisory_xact_lock_shared(3)
COMMIT
SELECT pg_advisory_lock_shared(7)
SELECT id FROM customers WHERE id = 1
SELECT pg_advisory_unlock_shared(7)
SELECT pg_advisory_lock(8)
SELECT pg_advisory_unlock_all()
SELECT pg_advisory_lock(9), 1 / 0

-- What pools of drivers send when a connection comes back.
SELECT pg_advisory_unlock_all()\; CLOSE ALL\; UNLISTEN *\; RESET ALL
SET SESSION AUTHORIZATION DEFAULT\; RESET ALL\; CLOSE ALL\; UNLISTEN *\; SELECT pg_advisory_unlock_all()\; DISCARD SEQUENCES\; DISCARD TEMP
DISCARD ALL
