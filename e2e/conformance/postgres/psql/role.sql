-- Settings of a role, as connections see them that are made afterwards.
ALTER ROLE conform SET work_mem = '7MB';
SHOW work_mem;
\c
SHOW work_mem;
ALTER ROLE conform RESET work_mem;
\c
SHOW work_mem;
