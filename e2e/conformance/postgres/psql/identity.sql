-- Who one is after one has logged in as another user.
SELECT current_user, session_user, :'USER';
\c - other
SELECT current_user, session_user, :'USER';
\c - conform
SELECT current_user, session_user, :'USER';
SELECT inet_client_addr(), inet_client_port() = 0, inet_server_addr();
